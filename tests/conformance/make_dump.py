#!/usr/bin/env python3
"""Writes dump.json: what ansible-core's YAML dumper makes of values. Run it with a Python that has ansible-core."""
import base64, datetime, json, os, random
import yaml
from ansible.parsing.yaml.dumper import AnsibleDumper
from ansible.parsing.yaml.objects import AnsibleVaultEncryptedUnicode


def wire(v):
    if isinstance(v, AnsibleVaultEncryptedUnicode):
        return {"!vault": v._ciphertext.decode()}
    if isinstance(v, bool) or v is None or isinstance(v, str):
        return v
    if isinstance(v, int):
        return v if abs(v) < 2**63 else {"!int": str(v)}
    if isinstance(v, float):
        return v if v == v and abs(v) != float("inf") else {"!float": "NaN" if v != v else str(v)}
    if isinstance(v, bytes):
        return {"!bytes": base64.b64encode(v).decode()}
    if isinstance(v, (datetime.date, datetime.datetime)):
        return {"!time": str(v)}
    if isinstance(v, set):
        return {"!set": [wire(x) for x in v]}
    if isinstance(v, tuple):
        return {"!tuple": [wire(x) for x in v]}
    if isinstance(v, list):
        return [wire(x) for x in v]
    if any(not isinstance(k, str) for k in v):
        return {"!map": [[wire(k), wire(x)] for k, x in v.items()]}
    return {k: wire(x) for k, x in v.items()}


STRINGS = [
    "", " ", "a", "yes", "No", "null", "~", "0644", "12:30", "1_000", "0x1F", "1.5", "1e3", ".5", "2024-01-02", "<<", "=",
    "- a", "a: b", "a:b", "a #b", "#a", "'q'", '"q"', "it's", "a\nb", "a\nb\n", "\n", "a\n\nb", " lead", "trail ",
    "trail \nnext", "tab\there", "{a}", "[a]", "a, b", "a]", "&a", "*a", "!a", "|", ">", "%a", "@a", "`a", "?", "? a", "-", "--- a",
    "---", "...", "a ... b", "é✓", "\U0001F600", "\x07", "\u2028", "\u00a0", "\x85", "\ufeff", "back\\slash", "{{ x }}", "{% if %}",
    "w " * 60, "x" * 200, "long " * 30 + "\nend", "k" * 128, "k" * 129, "true\n", "a\tb", "\ta", "a: ", "a:", ":a", ":", "a:\nb",
    "é" * 100, "word " * 20, "trailing  spaces  in  " * 6, "\r", "a\r\nb", "# no\nyes", "- x\n- y\n", "  indented\nblock\n", "a\n  b\n",
]


def cases():
    for s in STRINGS:
        yield s, {}
        yield {"k": s}, {"indent": 4, "default_flow_style": False}
        yield [s, {"a": [s]}], {}
        yield {s: 1}, {"default_flow_style": False}
        yield {"a": {"b": [s]}}, {"default_style": '"'}
        yield {"a": s}, {"width": 40}
        yield {"a": s}, {"default_style": "|"}
        yield [s], {"allow_unicode": False, "width": 1000}
    values = [
        None, True, False, 0, -1, 2**70, 1.0, 0.1, 1e16, 1e17, 1.5e300, 1e-5, 0.0001, 123456789.125, float("inf"), float("-inf"), float("nan"),
        -0.0, b"", b"hi", bytes(range(256)), datetime.date(2024, 1, 2), datetime.datetime(2024, 1, 2, 3, 4, 5),
        datetime.datetime(2024, 1, 2, 3, 4, 5, 6, datetime.timezone(datetime.timedelta(hours=-2, minutes=-30))),
        [], {}, [[]], [{}], {"a": []}, {"a": {}}, [[1, 2], [3, [4]]], {"b": 1, "a": 2}, {2: "x", 1: "y"}, {1: "x", "a": "y"},
        {True: 1, 0: 2}, {None: 1}, (1, 2), [(1,)], {"x"}, {"s": {"b", "a"}}, {(1, 2): "t"}, {"a": [{"b": 1, "c": [1, 2]}, "x"]},
        {"a": [[1, 2], [3]]}, {"a": None, "b": [None]}, AnsibleVaultEncryptedUnicode("$ANSIBLE_VAULT;1.1;AES256\n3132\n3435\n"),
        {"v": AnsibleVaultEncryptedUnicode("$ANSIBLE_VAULT;1.1;AES256\n3132")}, {datetime.date(2024, 1, 2): 1},
        {"list": ["a b", "c"], "nested": {"deep": {"deeper": ["x", {"y": "z"}]}}},
    ]
    for v in values:
        yield v, {}
        yield v, {"indent": 4, "default_flow_style": False}
        yield {"key": v}, {"default_flow_style": True}
        yield [v, "x"], {"indent": 2, "default_flow_style": False, "sort_keys": False}
        yield {"k": [v]}, {"indent": 8, "width": 20, "explicit_start": True}
        yield v, {"explicit_start": True, "explicit_end": True}
        yield v, {"canonical": True}
    rng = random.Random(1)

    def value(depth):
        kind = rng.randrange(8 if depth < 4 else 5)
        if kind < 3:
            return rng.choice(STRINGS)
        if kind == 3:
            return rng.choice([None, True, 7, -3.25])
        if kind == 4:
            return "".join(rng.choice("ab :#-\n'\"é{[,&!%") for _ in range(rng.randrange(12)))
        if kind == 5:
            return {rng.choice(STRINGS): value(depth + 1) for _ in range(rng.randrange(4))}
        return [value(depth + 1) for _ in range(rng.randrange(4))]

    for _ in range(200):
        yield value(0), rng.choice([{}, {"indent": 4, "default_flow_style": False}, {"width": 30}, {"sort_keys": False, "default_flow_style": False}])


class Dumper(AnsibleDumper):
    # Our values have no identity: what is shared in Python is written out each time.
    def ignore_aliases(self, data):
        return True


out = []
for n, (data, options) in enumerate(cases()):
    kw = {"allow_unicode": True, "default_flow_style": None, **options}
    out.append({"id": n, "data": wire(data), "options": options, "expected": yaml.dump(data, Dumper=Dumper, **kw)})
path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "dump.json")
with open(path, "w") as f:
    f.write("[\n" + ",\n".join(json.dumps(c) for c in out) + "\n]\n")
print(len(out), "cases")
