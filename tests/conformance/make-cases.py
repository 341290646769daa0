#!/usr/bin/env python3
"""Turn templates into conformance cases by running them through ansible-core 2.16's Templar.

    ANSIBLE_VENV/bin/python make-cases.py SOURCE.txt > OUT.json

The cases at hand want passlib 1.7, netaddr 0.10, jmespath 1.1 and ansible 9.13's ansible.utils and community.general beside ansible-core.

SOURCE has one template per line. Lines of the form `@name {json}` set the variables of the lines below (`@vars {}` clears
them), `# ...` is a comment and the prefix of the ids below, and `when: EXPR` makes a case of mode `when`. A template that
fails becomes an error case of class `undefined`, `syntax` or `error`. The form of a case is that of templates.json.
"""
import json
import sys
import warnings

warnings.simplefilter("ignore")

from ansible.errors import AnsibleError, AnsibleUndefinedVariable  # noqa: E402
from ansible.parsing.dataloader import DataLoader  # noqa: E402
from ansible.playbook.conditional import Conditional  # noqa: E402
from ansible.plugins.loader import init_plugin_loader  # noqa: E402
from ansible.template import Templar  # noqa: E402
from ansible.utils.display import Display  # noqa: E402
from jinja2.runtime import Undefined  # noqa: E402

Display.deprecated = Display.warning = lambda *args, **kwargs: None


def encoded(value):
    """The value in the form that templates.json documents."""
    if isinstance(value, Undefined):
        return {"$py": "undefined"}
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) < 2**53 else {"$py": "int", "v": str(value)}
    if isinstance(value, float):
        return {"$py": "float", "v": repr(value)}
    if isinstance(value, bytes):
        return {"$py": "bytes", "v": list(value)}
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            return {"$py": "str-surrogate", "v": list(value.encode("utf-8", "surrogateescape"))}
        return str(value)
    if isinstance(value, tuple):
        return {"$py": "tuple", "v": [encoded(v) for v in value]}
    if isinstance(value, set):
        return {"$py": "set", "v": [encoded(v) for v in value]}
    if isinstance(value, dict):
        if all(isinstance(k, str) for k in value):
            return {str(k): encoded(v) for k, v in value.items()}
        return {"$py": "dict", "v": [[encoded(k), encoded(v)] for k, v in value.items()]}
    if isinstance(value, list):
        return [encoded(v) for v in value]
    return {"$py": type(value).__name__, "v": str(value)}


def error_class(error):
    """Which of the three kinds of mistake an exception is."""
    text = str(error)
    if isinstance(error, AnsibleUndefinedVariable) or "not defined." in text:
        return "undefined"
    if type(error).__name__ == "TemplateSyntaxError" or "template error while templating string" in text:
        return "syntax"
    return "error"


def run(case):
    """Fills in what Ansible makes of a case."""
    templar = Templar(loader=DataLoader(), variables=case["vars"])
    try:
        if case["mode"] == "when":
            conditional = Conditional(loader=DataLoader())
            conditional.when = [case["template"]]
            case["expected"] = conditional.evaluate_conditional(templar, case["vars"])
        else:
            result = templar.template(case["template"])
            case["expected"] = encoded(result)
    except AnsibleError as error:
        case["error"] = error_class(error)
        case["error_text"] = "%s: %s" % (type(error).__name__, error)
    except Exception as error:  # pylint: disable=broad-except
        case["error"] = error_class(error)
        case["error_text"] = "%s: %s" % (type(error).__name__, error)


def main():
    init_plugin_loader()
    cases, variables, prefix, number = [], {}, "case", 0
    for line in open(sys.argv[1], encoding="utf-8"):
        line = line.rstrip("\n")
        if not line.strip():
            continue
        if line.startswith("# "):
            prefix, number = line[2:].split()[0], 0
            continue
        if line.startswith("@"):
            name, _, text = line[1:].partition(" ")
            variables = {} if name == "vars" else dict(variables)
            value = json.loads(text)
            variables.update(value if name == "vars" else {name: value})
            continue
        number += 1
        mode = "when" if line.startswith("when: ") else "value"
        template = line[6:] if mode == "when" else line
        template = template.replace("\\n", "\n") if template.startswith("{%") else template
        case = {"id": "%s-%02d" % (prefix, number), "mode": mode, "template": template, "vars": variables}
        run(case)
        cases.append(case)
    meta = {"oracle": "ansible-core 2.16.14 through make-cases.py", "jinja2_native": False, "count": len(cases)}
    json.dump({"meta": meta, "cases": cases}, sys.stdout, indent=0, ensure_ascii=True)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
