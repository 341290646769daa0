class TestModule:
    def tests(self):
        return {"fine": bool}
