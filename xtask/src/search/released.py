"""Finds the newest release of a distribution whose module has a name that a later one lacks.

Reads one JSON object from the file named by its argument: `distribution`; `module`, dotted; `name`, or null where the module
itself is looked for; `before`, a day (YYYY-MM-DD) that releases must not be later than, or null; `installed`, the version in
which the name is missing, or null. Prints one JSON object as its last line: `release`, a version or null, and `why`, in words,
where it is null. Reads what the index has; executes nothing of it. Runs inside a container, beside `fetch_sdist.py`.
"""

import ast
import json
import os
import re
import sys
import tarfile
import tempfile
import zipfile

from fetch_sdist import Failure, download, listing, normalised, pip_session, version_of

MOST_DOWNLOADS = 20
MOST_BYTES = 80 << 20
DEEPEST = 4


class Unreadable(Exception):
    """What cannot be told by reading sources."""


def releases(files, name, before, installed):
    """[(version, file)], oldest first: of each release the file that is easiest to read."""
    from pip._vendor.packaging.utils import InvalidWheelFilename, parse_wheel_filename
    from pip._vendor.packaging.version import Version

    best = {}
    for file in files:
        filename = file["filename"]
        uploaded = (file.get("upload-time") or "")[:10]
        if file.get("yanked") or (before and uploaded and uploaded > before) or (file.get("size") or 0) > MOST_BYTES:
            continue
        if filename.endswith(".whl"):
            try:
                _, version, _, tags = parse_wheel_filename(filename)
            except (InvalidWheelFilename, ValueError):
                continue
            platforms = {tag.platform for tag in tags}
            rank = 0 if platforms == {"any"} else 1 if any("linux" in platform for platform in platforms) else 3
        else:
            version, rank = version_of(filename, name), 2
        if version is None or version.is_prerelease or (installed and version > Version(installed)):
            continue
        if version not in best or rank < best[version][0]:
            best[version] = (rank, file)
    return [(version, file) for version, (_, file) in sorted(best.items())]


class Sources:
    """The files of one release, by their paths from where modules are imported."""

    def __init__(self, path):
        self.zip = zipfile.ZipFile(path) if zipfile.is_zipfile(path) else None
        self.tar = None if self.zip else tarfile.open(path)
        names = self.zip.namelist() if self.zip else [member.name for member in self.tar if member.isfile()]
        self.names = sorted(names, key=lambda name: (name.count("/"), name))

    def find(self, path):
        """The member that is imported as this path; the one nearest to the top of several."""
        return next((name for name in self.names if name == path or name.endswith("/" + path)), None)

    def read(self, member):
        data = self.zip.read(member) if self.zip else self.tar.extractfile(member).read()
        return data.decode("utf-8", "replace")

    def module(self, dotted):
        """Its source; None where there is none of that name."""
        path = dotted.replace(".", "/")
        member = self.find(path + "/__init__.py") or self.find(path + ".py")
        if member is not None:
            return self.read(member)
        if any(re.search("(^|/)" + re.escape(path) + r"\.[^/]*(so|pyd)$", name) for name in self.names):
            raise Unreadable("%s is compiled" % dotted)
        return None


def text_of(node):
    value = node.value if isinstance(node, ast.Constant) else getattr(node, "s", None)
    return value if isinstance(value, str) else None


def statements(body):
    """Those that run when the module is imported."""
    for node in body:
        yield node
        for field in ("body", "orelse", "finalbody"):
            if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                for inner in statements(getattr(node, field, None) or []):
                    yield inner
        for handler in getattr(node, "handlers", None) or []:
            for inner in statements(handler.body):
                yield inner


def listed(node):
    """Texts in the lists below a node: what lazy modules and `__all__` offer."""
    for inner in ast.walk(node):
        if isinstance(inner, (ast.List, ast.Tuple, ast.Set)):
            for element in inner.elts:
                text = text_of(element)
                if text is not None:
                    yield text


def star(sources, module, is_package, node):
    """The module that `from x import *` means."""
    if not node.level:
        return node.module
    parts = module.split(".")
    parts = parts[:len(parts) - node.level + (1 if is_package else 0)]
    return ".".join(parts + ([node.module] if node.module else []))


def binds(sources, module, name, depth=0):
    """Does importing this module give it this name?"""
    source = sources.module(module)
    if source is None:
        return False
    path = module.replace(".", "/")
    if sources.find("%s/%s.py" % (path, name)) or sources.find("%s/%s/__init__.py" % (path, name)):
        return True
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError):
        return re.search(r"(?m)^(?:def|class)\s+%s\b|^%s\s*=" % (name, name), source) is not None
    is_package = sources.find(path + "/__init__.py") is not None
    for node in statements(body):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            if node.name == name:
                return True
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            for alias in node.names:
                if alias.name == "*":
                    other = star(sources, module, is_package, node)
                    if depth < DEEPEST and other and other != module and binds(sources, other, name, depth + 1):
                        return True
                elif (alias.asname or alias.name.split(".")[0]) == name:
                    return True
        elif isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                if any(isinstance(part, ast.Name) and part.id == name for part in ast.walk(target)):
                    return True
            if node.value is not None and name in listed(node.value):
                return True
    return False


class Index:
    def __init__(self, session, name):
        self.session, self.name, self.downloads = session, name, 0

    def has(self, file, module, name):
        if self.downloads == MOST_DOWNLOADS:
            raise Unreadable("%d releases were read without an end" % MOST_DOWNLOADS)
        self.downloads += 1
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "release")
            download(self.session, file, path)
            try:
                sources = Sources(path)
                return sources.module(module) is not None if name is None else binds(sources, module, name)
            except (zipfile.BadZipFile, tarfile.TarError, EOFError, OSError) as error:
                raise Unreadable("%s cannot be read: %s" % (file["filename"], error))


def newest_with(known, has):
    """The newest of the versions, oldest first, for which `has` holds and of which a later one lacks it."""
    if not known:
        raise Unreadable("no release fits")
    lacking = len(known) - 1
    if has(lacking):
        raise Unreadable("%s has it" % known[lacking][0])
    # Further and further back, and the last release of each series: names live for a while and go with a new series.
    steps = [lacking - 2 ** power + 1 for power in range(1, len(known).bit_length() + 1)]
    last = [at for at in range(lacking) if known[at][0].release[0] != known[at + 1][0].release[0]]
    for at in sorted({at for at in steps + last + [0] if 0 <= at < lacking}, reverse=True):
        if has(at):
            break
        lacking = at
    else:
        raise Unreadable("no release has it")
    while lacking - at > 1:
        middle = (at + lacking) // 2
        if has(middle):
            at = middle
        else:
            lacking = middle
    return str(known[at][0])


def main(path):
    with open(path) as file:
        asked = json.load(file)
    name = normalised(asked["distribution"])
    session, indexes = pip_session()
    try:
        known = releases(listing(session, indexes, name), name, asked["before"], asked["installed"])
        index = Index(session, name)
        release = newest_with(known, lambda at: index.has(known[at][1], asked["module"], asked["name"]))
        print(json.dumps({"release": release, "why": None, "network": False}))
    except Unreadable as error:
        print(json.dumps({"release": None, "why": str(error), "network": False}))
    except Failure as error:
        print(json.dumps({"release": None, "why": error.message, "network": error.code == "network"}))


if __name__ == "__main__":
    main(sys.argv[1])
