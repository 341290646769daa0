"""Keeps what the user module takes: the kind of filter that a site writes itself. compute-init has it natively."""

TAKEN = """append comment create_home createhome expires force generate_ssh_key group groups hidden home local move_home name
non_unique password password_expire_max password_expire_min password_lock remove role seuser shell skeleton ssh_key_bits
ssh_key_comment ssh_key_file ssh_key_passphrase ssh_key_type state system uid update_password user""".split()


class FilterModule:
    def filters(self):
        return {"filter_user_params": lambda entry: {k: v for k, v in entry.items() if k in TAKEN}}
