#!/usr/bin/env python3
"""Runs Ansible's own integration targets through `compute-init apply` and holds them against what Ansible reached.

A target passes when it ends with exit code 0, as with Ansible, and reaches at least as many assertions: an exit code
alone can be had by skipping. See docs/conformance.md.
"""

import argparse
import csv
import pathlib
import re
import subprocess
import sys
import time

import sandbox
import sources

HERE = pathlib.Path(__file__).resolve().parent
RECORDED = HERE.parent / "targets.tsv"
PASSING = HERE.parent / "targets-passing.txt"


def recorded():
    """What Ansible reached: (suite, number of assertions) by name."""
    with RECORDED.open() as file:
        return {row["name"]: (row["suite"], int(row["asserts"])) for row in csv.DictReader(file, delimiter="\t")}


def listed(file):
    """The names of a list: the first word of each line."""
    return [line.split()[0] for line in pathlib.Path(file).read_text().splitlines() if line.strip() and line[0] != "#"]


def binary():
    """Builds the builder and returns its path."""
    command = ["cargo", "build", "--quiet", "--bin", "compute-init"]
    subprocess.run(command, cwd=sources.REPOSITORY, check=True)
    target = sources.REPOSITORY / "target"
    built = [p for p in target.glob("*/debug/compute-init") if p.is_file()] or [target / "debug/compute-init"]
    return built[0]


def first_failure(log):
    """The task whose failure ended the run: the last one that was not ignored."""
    task, failed = "", ""
    for line in log.splitlines():
        if match := re.match(r"(?:TASK|RUNNING HANDLER) \[(.*)\] \*", line):
            task = match[1]
        elif line.startswith("fatal: "):
            failed = f"{task}: {line[:200]}"
        elif line.startswith(("...ignoring", "PLAY RECAP")) and not failed.endswith("!"):
            failed = "" if line.startswith("...") else failed
    if failed:
        return failed
    lines = [line for line in log.splitlines() if line.strip()]
    return lines[-1][:200] if lines else "nothing was printed"


def verdict(result, wanted):
    """PASS, FAIL or REFUSED, with its reason."""
    reached = result.log.count("All assertions passed")
    if result.rc == 0 and reached >= wanted:
        return "PASS", f"{reached} of {wanted} asserts"
    codes = sorted(set(re.findall(r"^error\[([A-Z0-9-]+)\]", result.log, re.M)))
    if codes:
        return "REFUSED", f"{' '.join(codes)}, {reached} of {wanted} asserts"
    return "FAIL", f"rc {result.rc}, {reached} of {wanted} asserts, {first_failure(result.log)}"


def main():
    parser = argparse.ArgumentParser(prog="tests/conformance/run targets", description=__doc__)
    parser.add_argument("--list", help="a file of names; the first word of each line")
    parser.add_argument("--passing", action="store_true", help="those that must pass and are quick")
    parser.add_argument("--binary", type=pathlib.Path, help="a compute-init that is built already")
    parser.add_argument("--ansible", action="store_true", help="with Ansible itself: what it reaches in this sandbox")
    parser.add_argument("--soft", action="store_true", help="go on after a failure, to see all of them; no verdict")
    parser.add_argument("--logs", type=pathlib.Path, help="a directory for what each target printed")
    parser.add_argument("--deadline", type=int, default=300, help="seconds for a target")
    parser.add_argument("names", nargs="*", help="all of targets.tsv if none is given")
    args = parser.parse_args()
    known = recorded()
    names = args.names + (listed(args.list) if args.list else []) + (listed(PASSING) if args.passing else [])
    program = None if args.ansible else args.binary or binary()
    passed = asserts = wanted_asserts = 0
    names = names or list(known)
    for name in names:
        suite, wanted = known.get(name, ("core", 0))
        started = time.monotonic()
        result = sandbox.run(sandbox.Target(suite, name, soft=args.soft), program, args.deadline)
        word, why = verdict(result, wanted)
        passed += word == "PASS"
        asserts += min(result.log.count("All assertions passed"), wanted)
        wanted_asserts += wanted
        print(f"{word:8}{name:32}{time.monotonic() - started:6.1f} s  {why}", flush=True)
        if args.logs:
            args.logs.mkdir(parents=True, exist_ok=True)
            (args.logs / f"{name}.log").write_text(result.log)
    print(f"{passed} of {len(names)} targets passed, {asserts} of {wanted_asserts} asserts reached")
    return 0 if passed == len(names) else 1


if __name__ == "__main__":
    sys.exit(main())
