"""What a side made of the root: every path that differs from the prepared root, and comparisons of two such trees."""

import dataclasses
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


@dataclasses.dataclass
class Tree:
    """What one side changed: entries by path, directories that hide the prepared root's, and the files' text."""

    entries: dict
    opaque: list
    texts: dict

    @classmethod
    def of(cls, sandbox):
        """Every path that lies in the overlay's upper directory, with what is there now."""
        tree = cls({}, [], {})
        for directory, names, files in os.walk(sandbox.upper):
            relative = os.path.relpath(directory, sandbox.upper)
            relative = "" if relative == "." else relative + "/"
            names[:] = [n for n in names if not ignored(relative + n)]
            for name in names + files:
                path = relative + name
                if not ignored(path):
                    tree._take(path, os.path.join(directory, name))
        return tree

    def _take(self, path, real):
        self.entries[path] = found = entry(real)
        if found and found["type"] == "directory" and _opaque(real):
            self.opaque.append(path)
        if found and found["type"] == "file" and not path.endswith("munge.key"):
            with open(real, encoding="utf-8", errors="backslashreplace") as file:
                self.texts[path] = file.read(20000)

    def without(self, earlier):
        """The same tree without what already stood in an earlier one."""
        fresh = {path: found for path, found in self.entries.items() if earlier.entries.get(path, ...) != found}
        return Tree(fresh, self.opaque, self.texts)

    def at(self, path, base):
        """What this side has at a path, changed or not."""
        if path in self.entries:
            return self.entries[path]
        parts = path.split("/")
        for end in range(1, len(parts)):
            above = "/".join(parts[:end])
            if above in self.opaque or (above in self.entries and self.entries[above] is None):
                return None
        return entry(os.path.join(base, path))


def _opaque(path):
    try:
        return os.getxattr(path, "trusted.overlay.opaque") == b"y"
    except OSError:
        return False


def compare(ansible, ours, base):
    """Pairs of a path where two trees over one base differ, and lines that say how."""
    problems = []
    for path in sorted(set(ansible.entries) | set(ours.entries)):
        left, right = ansible.at(path, base), ours.at(path, base)
        if left != right:
            text = f"/{path}: ansible {_show(left)}, compute-init {_show(right)}"
            problems.append((path, text + _diff(path, ansible, ours, base)))
    return problems


def _show(found):
    return "absent" if found is None else " ".join(v if k != "sha256" else v[:8] for k, v in found.items())


def _text(tree, path, base):
    if path in tree.texts:
        return tree.texts[path].splitlines(keepends=True)
    try:
        with open(os.path.join(base, path), encoding="utf-8", errors="backslashreplace") as file:
            return file.read(20000).splitlines(keepends=True)
    except OSError:
        return []


def _diff(path, ansible, ours, base):
    texts = (_text(tree, path, base) for tree in (ansible, ours))
    lines = list(difflib.unified_diff(*texts, "ansible", "compute-init", n=1))[:40]
    return "".join("\n      " + line.rstrip("\n") for line in lines)
