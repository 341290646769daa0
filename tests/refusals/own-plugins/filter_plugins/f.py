class FilterModule:
    def filters(self):
        return {"ours": str, 'also_ours': str}
