KNOWN = ("name", "uid", "comment", "password", "state", "create_home")


class FilterModule(object):
    def filters(self):
        return {"filter_user_params": lambda d: {k: v for k, v in d.items() if k in KNOWN}}
