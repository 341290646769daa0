#!/usr/bin/env python3
"""Evaluates variables with Ansible itself: evaluate.py INVENTORY HOST DEFAULTS NAMES prints what each name is for the host.

INVENTORY is an executable that prints an inventory; DEFAULTS is JSON of roles' defaults, which lose to the inventory;
NAMES is a JSON list. A name that has no value, or cannot be evaluated, has a text in angle brackets."""
import json, sys
from ansible.inventory.manager import InventoryManager
from ansible.parsing.ajson import AnsibleJSONEncoder
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from ansible.vars.manager import VariableManager

inventory, host, defaults, names = sys.argv[1:]
loader = DataLoader()
hosts = InventoryManager(loader, sources=[inventory])
manager = VariableManager(loader, hosts)
found = hosts.get_host(host)
if found is None:
    sys.exit(f"{host} is not in {inventory}")
variables = dict(json.loads(defaults))
variables.update(manager.get_vars(host=found, include_hostvars=True))
templar = Templar(loader, variables=variables)
values = {}
for name in json.loads(names):
    if name not in variables:
        values[name] = "<missing>"
        continue
    try:
        value = templar.template(variables[name])
        values[name] = json.loads(json.dumps(value, cls=AnsibleJSONEncoder))
    except Exception as e:
        values[name] = f"<{type(e).__name__}>"
json.dump(values, sys.stdout, sort_keys=True)
