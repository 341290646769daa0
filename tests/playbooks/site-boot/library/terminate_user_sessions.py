from ansible.module_utils.basic import AnsibleModule

module = AnsibleModule({"user": {"required": True}}, supports_check_mode=True)
module.exit_json(changed=False)
