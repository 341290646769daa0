#!/usr/bin/env python3
"""Writes src/apply/diff-cases.json: texts and what ansible-playbook's --diff shows of them (run with Ansible's Python).

    tests/tools/make-diffs.py > src/apply/diff-cases.json
"""

import json
import random

from ansible.plugins.callback import CallbackBase

WRITTEN = [
    ("", "a\n"), ("a\n", ""), ("a", "a\n"), ("a\nb", "a\nc"), ("a\nb", "x\nb"), ("a\r\nb\n", "a\nb\n"), ("a\rb\n", "a\rc\n"),
    ("x\n" * 9, "x\n" * 4 + "y\n" + "x\n" * 5), ("\n\n", "\n"), ("a\x0cb\n", "a\x0cc\n"), ("ä\u2028b\n", "ä\u2028c\n"),
]


def text(chance, most):
    lines = [chance.choice("abcdefgh{}") + chance.choice(["\n", "\n", "\n", "\r\n"]) for _ in range(chance.randrange(most))]
    return "".join(lines)[: None if chance.random() < 0.8 else -1]


def edited(chance, text):
    lines = text.splitlines(True)
    for _ in range(chance.randrange(1, 6)):
        at = chance.randrange(len(lines) + 1)
        lines[at : at + chance.randrange(3)] = [chance.choice("abcxyz") + "\n" for _ in range(chance.randrange(3))]
    return "".join(lines)


def main():
    chance, cases = random.Random(2), list(WRITTEN)
    for most in [5, 12, 30, 30, 60, 60] * 5:
        before = text(chance, most)
        cases += [(before, edited(chance, before)), (before, text(chance, most))]
    # Frequent lines anchor nothing in long texts.
    long = "".join(chance.choice(["}\n", "}\n", f"{n}\n"]) for n in range(260))
    cases += [(long, edited(chance, long)), (long, long[:300] + "new\n" + long[300:])]
    shown = CallbackBase()
    rows = [{"before": b, "after": a, "diff": shown._get_diff({"before": b, "after": a})} for b, a in cases]
    print("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]")


main()
