def filters(self):
    return dict(of_role=str)
