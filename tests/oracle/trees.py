"""What a side made of the root: every path that differs from the prepared root, and comparisons of two such trees."""

import difflib
import hashlib
import os
import stat

# The harness itself, and what holds no state of the node.
IGNORED = ("oracle", "run", "tmp", "proc", "sys", "dev", "root/.ansible", "var/tmp")


def ignored(path):
    return any(path == i or path.startswith(i + "/") for i in IGNORED) or path.endswith(".pyc") or "/__pycache__" in path


def entry(path):
    """Type, mode, owner and content of a path; None where nothing is there."""
    try:
        info = os.lstat(path)
    except OSError:
        return None
    kind = stat.S_IFMT(info.st_mode)
    if kind == stat.S_IFCHR and info.st_rdev == 0:
        return None  # overlayfs's mark of a removed file
    found = {
        "type": {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "link"}.get(kind, hex(kind)),
        "mode": oct(stat.S_IMODE(info.st_mode)),
        "owner": f"{info.st_uid}:{info.st_gid}",
    }
    if kind == stat.S_IFREG:
        with open(path, "rb") as file:
            found["sha256"] = hashlib.sha256(file.read()).hexdigest()
    elif kind == stat.S_IFLNK:
        found["target"] = os.readlink(path)
    return found


def changed(sandbox):
    """Every path that lies in the overlay's upper directory, with what is there now."""
    found = {}
    for directory, names, files in os.walk(sandbox.upper):
        relative = os.path.relpath(directory, sandbox.upper)
        relative = "" if relative == "." else relative + "/"
        names[:] = [n for n in names if not ignored(relative + n)]
        for name in names + files:
            path = relative + name
            if not ignored(path):
                found[path] = entry(os.path.join(directory, name))
    return found


def at(tree, sandbox, path):
    """What a side has at a path, changed or not."""
    if path in tree:
        return tree[path]
    parts = path.split("/")
    for end in range(1, len(parts)):
        above = "/".join(parts[:end])
        if above in tree and (tree[above] is None or _opaque(sandbox, above)):
            return None
    return entry(os.path.join(sandbox.base, path))


def _opaque(sandbox, path):
    try:
        return os.getxattr(os.path.join(sandbox.upper, path), "trusted.overlay.opaque") == b"y"
    except OSError:
        return False


def compare(one, other):
    """Lines that say where two (tree, sandbox, name) differ, each beginning with the path."""
    problems = []
    for path in sorted(set(one[0]) | set(other[0])):
        left, right = at(one[0], one[1], path), at(other[0], other[1], path)
        if left != right:
            problems.append((path, f"/{path}: {one[2]} {_show(left)}, {other[2]} {_show(right)}" + _diff(path, one, other)))
    return problems


def _show(found):
    return "absent" if found is None else " ".join(v if k != "sha256" else v[:8] for k, v in found.items())


def _text(side, path):
    for root in (side[1].upper, side[1].base):
        try:
            with open(os.path.join(root, path), encoding="utf-8", errors="backslashreplace") as file:
                return file.read(20000).splitlines(keepends=True)
        except OSError:
            continue
    return []


def _diff(path, one, other):
    if path.endswith("munge.key"):
        return ""
    lines = list(difflib.unified_diff(_text(one, path), _text(other, path), one[2], other[2], n=1))[:40]
    return "".join("\n      " + line.rstrip("\n") for line in lines)
