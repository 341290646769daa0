#!/usr/bin/env python3
"""Writes tests/modules/modes.tsv: what Ansible makes of modes. Run it with the interpreter of tests/tools/ansible-venv.

Columns: mode now (octal), kind (f or d), umask (octal), text, result (octal, or `symbolic` or `range` for refusals).
"""
import os
import random
import stat
import sys
from types import SimpleNamespace

from ansible.module_utils.basic import AnsibleModule

FIXED = """0644 644 01777 7777 10000 0o644 0O755 +644 -644 0_644 0__644 644_ u=rX,g=rwX,o= u=rwX,g=rX,o=rX a=r,u+w a+X +X =r
    +rw -w u=g g=u o=u u+s g+s ug+s o+t +t a+t u-s g-s o-t u=rws g=rxs o=rwt u=rw-x+X,g=r-x+X,o=r-x+X u= = + - a=
    ua=r aa=r z=r u=z u==r u=r,,g=r ug 8 08 0888 preserve rwx u=rwx,z u+rwx,g-w,o=u-x u=rw,a+X s t a+s u+t g+t o+s
    u=rwxst g=rwxst""".split()


def result(mode, kind, umask, text):
    os.umask(umask)
    st = SimpleNamespace(st_mode=mode | (stat.S_IFDIR if kind == "d" else stat.S_IFREG))
    try:
        bits = int(text, 8)
    except ValueError:
        try:
            bits = AnsibleModule._symbolic_mode_to_octal(st, text)
        except Exception:
            return "symbolic"
    if bits < 0:
        return "symbolic"
    # Ansible hands octal text with other bits on to chmod, which drops them; ours is a refusal.
    return "%o" % bits if bits == stat.S_IMODE(bits) else "range"


def main():
    rnd = random.Random(20241122)
    rows = []
    for text in FIXED + ["", " 644 "]:
        rows += [(0o644, "f", 0o022, text), (0o2750, "d", 0o077, text)]
    for _ in range(250):
        clauses = []
        for _ in range(rnd.randint(1, 3)):
            who = "".join(rnd.sample("ugo", rnd.randint(0, 3)))
            ops = "".join(rnd.choice("+-=") + "".join(rnd.choices("rwxXstugo", k=rnd.randint(0, 4))) for _ in range(rnd.randint(1, 2)))
            clauses.append(who + ops)
        rows.append((rnd.randrange(0o10000), rnd.choice("fd"), rnd.choice([0, 0o022, 0o027, 0o077]), ",".join(clauses)))
    print("# Written by tests/tools/make-modes.py.")
    for mode, kind, umask, text in rows:
        print("%o\t%s\t%o\t%s\t%s" % (mode, kind, umask, text, result(mode, kind, umask, text)))


main()
