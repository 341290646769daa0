#!/usr/bin/env python3
"""Writes the playbook of this case anew: Ansible's levels of precedence, one variable for each pair of levels.

    tests/playbooks/levels/make.py

`v_LOW_HIGH` is defined at exactly two levels, with the level's name as its value; `one_LEVEL` at one alone. The playbook
prints all of them where every level holds. Who wins is not written here: Ansible says it when the case is recorded."""
import itertools, json, pathlib, shutil

LEVELS = ["defaults", "inventory_all", "inventory_group_vars_all", "playbook_group_vars_all", "inventory_group",
          "inventory_group_vars", "playbook_group_vars", "inventory_host", "inventory_host_vars", "playbook_host_vars",
          "cached_fact", "play", "vars_files", "role_vars", "block", "task", "include_vars", "set_fact", "registered",
          "role_params", "include_params", "extra"]
here = pathlib.Path(__file__).resolve().parent

def names(level):
    pairs = itertools.combinations(LEVELS, 2)
    found = [f"v_{a}__{b}" for a, b in pairs if level in (a, b)]
    return found + [f"one_{level}"]

def of(level):
    return {name: level for name in names(level)}

def write(path, data):
    path = here / path
    path.parent.mkdir(parents=True, exist_ok=True)
    text = data if isinstance(data, str) else json.dumps(data, indent=0)
    path.write_text(text + "\n")

def main():
    for part in ["inventory", "group_vars", "host_vars", "roles"]:
        shutil.rmtree(here / part, ignore_errors=True)
    # YAML inventories may be JSON.
    write("inventory/hosts.yml", {"all": {"vars": of("inventory_all"), "children": {"nodes": {
        "vars": of("inventory_group"), "hosts": {"testhost": of("inventory_host")}}}}})
    write("inventory/group_vars/all.yml", of("inventory_group_vars_all"))
    write("inventory/group_vars/nodes.yml", of("inventory_group_vars"))
    write("inventory/host_vars/testhost.yml", of("inventory_host_vars"))
    write("group_vars/all.yml", of("playbook_group_vars_all"))
    write("group_vars/nodes.yml", of("playbook_group_vars"))
    write("host_vars/testhost.yml", of("playbook_host_vars"))
    write("vars_files.json", of("vars_files"))
    write("include_vars.json", of("include_vars"))
    write("extra.json", of("extra"))
    write("roles/levels/defaults/main.json", of("defaults"))
    write("roles/levels/vars/main.json", of("role_vars"))
    write("roles/included/defaults/main.json", of("defaults"))
    # Results are registered as dictionaries: what counts is whether they are seen.
    registered = [{"name": name, "command": "true", "changed_when": False, "register": name, "no_log": True}
                  for name in names("registered")]
    every = sorted(f"v_{a}__{b}" for a, b in itertools.combinations(LEVELS, 2)) + [f"one_{level}" for level in LEVELS]
    shown = {n: "{{ 'undefined' if %s is undefined else 'registered' if %s is mapping else %s }}" % (n, n, n) for n in every}
    show = {"debug": {"msg": shown}}
    write("roles/levels/tasks/show.json", [{"name": "Without a task's variables", **show},
                                           {"name": "All at once", "vars": of("task"), **show}])
    write("roles/included/tasks/main.json", [{"name": "In a role that is included", **show}])
    write("roles/levels/tasks/main.json", [
        {"name": "A fact that is kept", "set_fact": {"cacheable": True, **of("cached_fact")}},
        {"name": "Before anything is set", **show},
        {"include_vars": {"file": "{{ playbook_dir }}/include_vars.json"}},
        {"name": "Variables are included", "vars": of("task"), **show},
        {"set_fact": of("set_fact")},
        *registered,
        {"name": "A block", "vars": of("block"), "block": [
            {"name": "Included with parameters", "include_tasks": "show.json", "vars": of("include_params")},
            {"name": "In a block", "vars": of("task"), **show}]},
        {"name": "A role with parameters", "include_role": {"name": "included"}, "vars": of("include_params")}])
    write("playbook.yml", [
        {"hosts": "nodes", "gather_facts": False, "vars": of("play"), "vars_files": ["vars_files.json"],
         "roles": [{"role": "levels", **of("role_params")}],
         "post_tasks": [{"name": "Behind the role", **show}]},
        {"hosts": "nodes", "gather_facts": False, "tasks": [{"name": "In the next play", **show}]}])
    write("args", "-i inventory/hosts.yml -e @extra.json")

main()
