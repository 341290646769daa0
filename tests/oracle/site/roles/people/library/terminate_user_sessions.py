#!/usr/bin/python3
"""Ends a user's sessions: the kind of module that a site writes itself. compute-init has it natively."""
from ansible.module_utils.basic import AnsibleModule


def main():
    module = AnsibleModule({"user": {"required": True}}, supports_check_mode=True)
    _, listed, _ = module.run_command(["loginctl", "--no-legend", "list-sessions"], check_rc=True)
    sessions = [line.split()[0] for line in listed.splitlines() if line.split()[2] == module.params["user"]]
    for session in [] if module.check_mode else sessions:
        module.run_command(["loginctl", "terminate-session", session], check_rc=True)
    module.exit_json(changed=bool(sessions))


if __name__ == "__main__":
    main()
