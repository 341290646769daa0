#!/usr/bin/env python3
"""Writes src/spec/tables/*.rs from the modules' own argument specs and documentation.

Usage: make-spec.py PYTHON [OUTDIR]
PYTHON is the interpreter of a venv with ansible-core==2.16.14 and ansible==9.13.0 (tests/tools/ansible-venv makes one).

A module's argument spec is what AnsibleModule really checks, so it is taken by running the module up to that call.
Where an action plugin does the work instead (template, fetch, script, ...) the documentation is the only source, and
what documentation and argument spec both know is taken from the latter. Corrections are in CORRECTIONS, each with its
reason. Review the difference before committing it.
"""
import json
import os
import subprocess
import sys

MODULES = {
    "ansible.builtin": """assemble assert blockinfile command copy cron debug fail file find gather_facts
        get_url getent group hostname include_vars iptables known_hosts lineinfile package_facts pause ping raw replace script service
        service_facts set_fact set_stats setup shell slurp stat systemd_service tempfile template unarchive uri user
        validate_argument_spec wait_for wait_for_connection""".split(),
    "ansible.posix": "authorized_key mount patch selinux synchronize sysctl".split(),
    "community.crypto": ["openssh_keypair"],
    "community.general": "ini_file modprobe timezone".split(),
}
# Only `apply` runs these, and the executor of a node knows nothing of them.
HERE = {
    "ansible.builtin": "add_host apt async_status dnf fetch group_by package".split(),
    "ansible.posix": ["at"],
    "community.general": "filesize filesystem".split(),
}
ALIASES = {"ansible.builtin.dnf": ["ansible.builtin.yum", "yum"], "ansible.builtin.systemd_service": ["ansible.builtin.systemd", "systemd"]}
# Free-form text is no parameter of the argument spec.
FREE_FORM = {"command", "shell", "script", "raw", "include_vars"}
# Their arguments are the variables themselves.
ANY_PARAMS = {"add_host", "gather_facts", "group_by", "package", "set_fact"}
CORRECTIONS = {
    # The action plugin takes anything and writes what is not text as JSON.
    ("copy", "content"): {"type": "raw"},
    # Conditions may be booleans, text or a list of them; the action plugin looks itself.
    ("assert", "that"): {"type": "raw", "required": True},
    # Evaluated by the action plugin, which takes text or a list of text.
    ("debug", "var"): {"type": "raw"},
    # Documented as the number only; the action plugin reads it with int() after templating.
    ("debug", "verbosity"): {"type": "int"},
    ("debug", "msg"): {"type": "raw", "default": "Hello world!"},
    ("set_stats", "data"): {"type": "raw", "required": False},
    # The action plugin takes whatever is no word for yes as no.
    ("set_stats", "aggregate"): {"type": "raw", "default": True},
    ("set_stats", "per_host"): {"type": "raw", "default": False},
    # Documented with Python's notation; the action plugin takes the escape as two characters or as one.
    ("template", "newline_sequence"): {"choices": ["\\n", "\\r", "\\r\\n", "\n", "\r", "\r\n"], "default": "\n"},
    # The documentation's defaults are Jinja's own; a header in the template may override them only while unset.
    ("template", "block_start_string"): {"default": None},
    ("template", "block_end_string"): {"default": None},
    ("template", "variable_start_string"): {"default": None},
    ("template", "variable_end_string"): {"default": None},
    # The argument spec's default names the machine that ran this script.
    ("user", "ssh_key_comment"): {"default": None},
    # The action plugin's own argument spec.
    ("pause", "echo"): {"type": "bool", "default": True},
    ("pause", "minutes"): {"type": "int"},
    ("pause", "seconds"): {"type": "int"},
    # Documented as text, used as dictionaries.
    ("validate_argument_spec", "argument_spec"): {"type": "dict"},
    ("validate_argument_spec", "provided_arguments"): {"type": "dict"},
    # What ansible-core gives the task that it puts before a role.
    ("validate_argument_spec", "validate_args_context"): {"type": "dict"},
    # Handed on to the module of the system, which takes a list.
    ("package", "name"): {"type": "raw", "required": True},
    # The action asks for nothing: without a state the package manager's module takes its default.
    ("package", "state"): {"required": False, "default": "present"},
    # The action plugins look themselves, and say it in words of their own.
    ("add_host", "name"): {"required": False},
    ("group_by", "key"): {"required": False},
    # A set, in whatever order Python has it that time.
    ("filesystem", "fstype"): {
        "choices": "bcachefs btrfs ext2 ext3 ext4 ext4dev f2fs lvm ocfs2 reiserfs swap ufs vfat xfs".split()
    },
    ("group_by", "parents"): {"default": ["all"]},
}
# Internal parameters that playbooks give all the same.
KEPT = {"_diff_peek"}
# Parameters of the argument spec that only action plugins fill in.
INTERNAL = {"copy": ["checksum_dest"], "command": ["argv_"], "file": [], "unarchive": []}
# What one action hands to another module where that is the one to do it: service to systemd.
HANDED_ON = {"service": "daemon_reexec daemon_reload force masked no_block scope".split()}
# Rules that action plugins check themselves.
RULES = {
    "debug": {"mutually_exclusive": [["msg", "var"]]},
    "pause": {"mutually_exclusive": [["minutes", "seconds"]]},
}
# Modules that sites carry in library/ and that are native here.
LOCAL = {
    "terminate_user_sessions": {"user": {"type": "str", "required": True}},
    "infiniband_facts": {},
    "mount_facts": {
        "devices": {"type": "list", "elements": "str"},
        "fstypes": {"type": "list", "elements": "str"},
        "sources": {"type": "list", "elements": "str"},
        "mount_binary": {"type": "raw", "default": "mount"},
        "timeout": {"type": "float"},
        "on_timeout": {"type": "str", "choices": ["error", "warn", "ignore"], "default": "error"},
        "include_aggregate_mounts": {"type": "bool"},
    },
}
FILE_COMMON = ["mode", "owner", "group", "seuser", "serole", "setype", "selevel", "unsafe_writes", "attributes"]

CAPTURE = r"""
import json, sys, importlib
import ansible.module_utils.basic as basic
name = sys.argv[1]
class Done(BaseException):
    pass
def init(self, argument_spec, **kw):
    kw["argument_spec"] = argument_spec
    raise Done(kw)
basic.AnsibleModule.__init__ = init
try:
    module = importlib.import_module(name)
    module.main()
except Done as done:
    print(json.dumps(done.args[0], default=lambda x: getattr(x, "__name__", str(x))))
"""


def captured(python, full):
    collection, _, short = full.rpartition(".")
    path = "ansible.modules." + short if collection == "ansible.builtin" else f"ansible_collections.{collection}.plugins.modules.{short}"
    done = subprocess.run([python, "-c", CAPTURE, path], capture_output=True, text=True)
    return json.loads(done.stdout) if done.returncode == 0 and done.stdout else {"argument_spec": {}}


def documented(python, full):
    doc = os.path.join(os.path.dirname(python), "ansible-doc")
    done = subprocess.run([doc, "-t", "module", "-j", full], capture_output=True, text=True, check=True)
    (entry,) = json.loads(done.stdout).values()
    return entry["doc"]


def params(spec):
    return {k: v for k, v in spec.items() if (k in KEPT or not k.startswith("_")) and k not in ("free_form", "free-form", "key_value", "checksum_src")}


def merged(short, spec, doc):
    """What the argument spec knows, and what only the documentation knows."""
    out = {}
    for name, entry in params(doc.get("options", {})).items():
        out[name] = dict(entry)
    aliases = {a for e in spec.values() for a in e.get("aliases") or []}
    for name, entry in params(spec).items():
        if name not in INTERNAL.get(short, []):
            out[name] = dict(entry)
    for name in aliases:
        if name in out and name not in spec:
            del out[name]
    for (module, name), fix in CORRECTIONS.items():
        if module == short:
            out[name] = {**out.get(name, {}), **fix}
    return out


KINDS = {"str": "Str", "string": "Str", "bool": "Bool", "boolean": "Bool", "int": "Int", "integer": "Int",
         "float": "Float", "path": "Path", "raw": "Raw", "dict": "Dict", "bytes": "Bytes", "json": "Json",
         "jsonarg": "Json", "any": "Raw"}


def text(value):
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r") + '"'


def names(values):
    return "&[" + ", ".join(text(v) for v in values) + "]"


def choice(value):
    return {True: "True", False: "False"}.get(value, value) if isinstance(value, bool) else value


def kind(entry):
    typ = entry.get("type") or "str"
    if typ == "list":
        element = entry.get("elements") or "raw"
        return "Kind::List(&Kind::%s)" % KINDS[element]
    return "Kind::" + KINDS[typ]


def param(name, entry):
    fields = ["name: " + text(name)]
    if entry.get("aliases"):
        fields.append("aliases: " + names(entry["aliases"]))
    if kind(entry) != "Kind::Str":
        fields.append("kind: " + kind(entry))
    if entry.get("required"):
        fields.append("required: true")
    if entry.get("choices"):
        choices = entry["choices"]
        fields.append("choices: " + names(choice(c) for c in (choices if isinstance(choices, list) else choices.keys())))
    if entry.get("default") is not None:
        fields.append("default: Some(" + text(json.dumps(entry["default"])) + ")")
    if entry.get("no_log"):
        fields.append("secret: true")
    sub = entry.get("options") or entry.get("suboptions")
    if sub:
        fields.append("options: &[" + ", ".join(param(k, v) for k, v in sorted(sub.items())) + "]")
    return "Param { " + ", ".join(fields) + ", ..Param::DEFAULT }"


def groups(values):
    return "&[" + ", ".join(names(v) for v in values) + "]"


def table(full, aliases, options, extra):
    short = full.rpartition(".")[2]
    fields = ["name: " + text(full)]
    if aliases:
        fields.append("aliases: " + names(aliases))
    fields.append("params: &[\n" + "".join(param(k, v) + ",\n" for k, v in sorted(options.items())) + "]")
    if short in FREE_FORM:
        fields.append("free_form: true")
    if short in ANY_PARAMS:
        fields.append("any_params: true")
    if extra.get("file_common"):
        fields.append("file_common: true")
    for rule in ("required_one_of", "mutually_exclusive", "required_together"):
        if extra.get(rule):
            fields.append(f"{rule}: {groups(extra[rule])}")
    if extra.get("required_by"):
        rules = ((k, v if isinstance(v, list) else [v]) for k, v in sorted(extra["required_by"].items()))
        fields.append("required_by: &[" + ", ".join(f"({text(k)}, {names(v)})" for k, v in rules) + "]")
    if extra.get("required_if"):
        rules = []
        for rule in extra["required_if"]:
            assert len(rule) == 3 or not rule[3], f"{full}: required_if with 'any of' is not in ModuleSpec"
            rules.append(f"({text(rule[0])}, {text(choice(rule[1]))}, {names(rule[2])})")
        fields.append("required_if: &[" + ", ".join(rules) + "]")
    kinds = "Kind, " if "Kind::" in "".join(fields) else ""
    par = "Param" if "Param {" in "".join(fields) else ""
    use = ", ".join(x for x in (kinds.rstrip(", "), "ModuleSpec", par) if x)
    return (f"//! The arguments of {full}. Written by tests/tools/make-spec.py.\n\n"
            f"use crate::spec::{{{use}}};\n\n/// {full}\n"
            f"pub static SPEC: ModuleSpec = ModuleSpec {{ {', '.join(fields)}, ..ModuleSpec::DEFAULT }};\n")


def module_table(python, collection, short):
    full = f"{collection}.{short}"
    got = captured(python, full)
    doc = documented(python, full)
    options = merged(short, got["argument_spec"], doc)
    if short in HANDED_ON:
        systemd = captured(python, "ansible.builtin.systemd_service")["argument_spec"]
        options.update({name: systemd[name] for name in HANDED_ON[short]})
    common = got.get("add_file_common_args", False) or "ansible.builtin.files" in json.dumps(doc.get("extends_documentation_fragment", ""))
    common = common or {"seuser", "setype", "owner"} <= set(options)
    extra = {**got, **RULES.get(short, {}), "file_common": common}
    if common:
        for name in FILE_COMMON:
            if (short, name) not in CORRECTIONS and name not in got["argument_spec"]:
                options.pop(name, None)
        options.pop("mode", None)
    return table(full, ALIASES.get(full, []), options, extra)


def write(out, written, about, name):
    """A folder of tables, and the list of them."""
    os.makedirs(out, exist_ok=True)
    for short, body in written.items():
        with open(os.path.join(out, short + ".rs"), "w") as f:
            f.write(body)
    order = sorted(written)
    here = '#[cfg(feature = "builder")]\nmod here;\n#[cfg(feature = "builder")]\npub(super) use here::HERE;\n' if name == "ALL" else ""
    with open(os.path.join(out, "mod.rs"), "w") as f:
        f.write(f"//! {about} Written by tests/tools/make-spec.py.\n\n")
        f.write("use crate::spec::ModuleSpec;\n\n" + here)
        f.write("".join(f"mod {m};\n" for m in order))
        visible = "super" if name == "ALL" else "in crate::spec"
        f.write(f"\n/// Every table, by short name.\npub({visible}) static {name}: &[&ModuleSpec] = &[\n")
        f.write("".join(f"&{m}::SPEC,\n" for m in order) + "];\n")
    files = [os.path.join(out, m + ".rs") for m in order + ["mod"]]
    subprocess.run(["rustfmt", "--edition", "2024", "--config", "max_width=120,use_small_heuristics=Max"] + files, check=True)


def tables(python, modules):
    return {short: module_table(python, collection, short) for collection, shorts in modules.items() for short in shorts}


def main():
    python = sys.argv[1]
    out = sys.argv[2] if len(sys.argv) > 2 else "src/spec/tables"
    write(os.path.join(out, "here"), tables(python, HERE), "Tables of what only `apply` runs.", "HERE")
    written = tables(python, MODULES)
    written |= {short: table(short, [], options, {}) for short, options in LOCAL.items()}
    write(out, written, "One table a module.", "ALL")


main()
