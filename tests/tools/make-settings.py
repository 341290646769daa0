#!/usr/bin/env python3
"""Writes src/vars/lookups/settings.tsv: what Ansible's settings are called, where they come from and what they default to.

Usage: PYTHON tests/tools/make-settings.py, with the interpreter of a venv with ansible-core==2.16.14. Facts of Ansible's
own configuration definitions, for the `config` lookup of `apply`; a node knows a handful of them only.
"""

import json
import pathlib
import sys

from ansible import constants as C
from ansible.plugins import loader

OUT = pathlib.Path(__file__).resolve().parents[2] / "src/vars/lookups/settings.tsv"
PLUGINS = {
    "become": "runas su sudo",
    "cache": "jsonfile memory",
    "callback": "default junit minimal oneline tree",
    "connection": "local paramiko_ssh psrp ssh winrm",
    "inventory": "advanced_host_list auto constructed generator host_list ini script toml yaml",
    "shell": "cmd powershell sh",
    "strategy": "debug free host_pinned linear",
    "vars": "host_group_vars",
}


def line(plugin, name, spec):
    """One setting: type, default, then its variables, environment variables and keys of the file, last one first."""
    names = [[e["name"] for e in spec.get(kind) or []] for kind in ("vars", "env")]
    keys = [f"{e['section']}.{e['key']}" for e in spec.get("ini") or []]
    default = spec.get("default")
    if isinstance(default, str) and "REJECT_EXTS" in default:
        # Made of Ansible's own constants.
        default = list(getattr(C, name))
    columns = [plugin, name, spec.get("type") or "str", json.dumps(default, ensure_ascii=False)]
    return "\t".join(columns + [",".join(n) for n in names + [keys]])


def main():
    lines = []
    for name, spec in sorted(C.config.get_configuration_definitions(ignore_private=True).items()):
        lines.append(line("", name, spec))
    for kind, names in PLUGINS.items():
        for plugin in names.split():
            getattr(loader, f"{kind}_loader").get(plugin, class_only=True)
            for name, spec in sorted(C.config.get_configuration_definitions(kind, plugin).items()):
                lines.append(line(f"{kind}/{plugin}", name, spec))
    OUT.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    sys.exit(main())
