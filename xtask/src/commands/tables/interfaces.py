"""Says when modules, names, attributes of classes and parameters of functions came into libraries and went.

Reads a JSON list of distributions from the file named by its first argument; writes one JSON line for each into the folder
named by the second: `library`, `releases` (the first of each minor series), `keys`: key -> [since, until], numbers of
releases: the first that has it after one that has not (0: as far back as was looked), the first that lacks it again (null:
the newest has it). Keys: `m:MODULE`, `n:MODULE:NAME`, `a:CLASS.ATTRIBUTE`, `k:FUNCTION:PARAMETER`. What never changed is left
out. Reads the sources in wheels, and of large wheels no more than these; executes nothing. Runs inside a container, beside
`fetch_sdist.py`.
"""

import ast
import io
import json
import multiprocessing
import os
import re
import sys
import tarfile
import warnings
import zipfile

from fetch_sdist import Failure, listing, normalised, pip_session, version_of

MOST_SERIES = 100
MOST_RECENT = 20
OLDEST = "2016-06"
WHOLE = 12 << 20
LARGEST_MEMBER = 3 << 20
GAP = 1 << 18
ASIDE = re.compile(r"(^|/)(tests?|examples?|docs?|benchmarks?|_vendor|vendor|third_party|scripts|site-packages/bin)/")
ANY = "**"


class Ranged(io.RawIOBase):
    """A file on a server, of which pieces are fetched as they are read."""

    def __init__(self, session, url, size):
        self.session, self.url, self.size, self.at, self.pieces = session, url, size, 0, []

    def seekable(self):
        return True

    def readable(self):
        return True

    def tell(self):
        return self.at

    def seek(self, offset, whence=0):
        self.at = offset if whence == 0 else self.at + offset if whence == 1 else self.size + offset
        return self.at

    def fetch(self, start, end):
        headers = {"Range": "bytes=%d-%d" % (start, end - 1), "Accept-Encoding": "identity"}
        response = self.session.get(self.url, headers=headers)
        if response.status_code != 206:
            raise Failure("network", "the index gives no pieces")
        self.pieces.append((start, response.content))

    def read(self, length=-1):
        end = self.size if length < 0 else min(self.size, self.at + length)
        for start, data in reversed(self.pieces):
            if start <= self.at and end <= start + len(data):
                found = data[self.at - start:end - start]
                self.at = end
                return found
        self.fetch(self.at, max(end, min(self.size, self.at + (1 << 16))))
        return self.read(end - self.at)


def sources(session, file):
    """Path -> source of each module in a release, and the paths of compiled modules."""
    url, size = file["url"], file.get("size")
    is_zip = file["filename"].endswith((".whl", ".zip"))
    if is_zip and size and size > WHOLE:
        remote = Ranged(session, url, size)
        archive = zipfile.ZipFile(remote)
        wanted = [info for info in archive.infolist() if info.filename.endswith(".py") and not ASIDE.search(info.filename)]
        spans = sorted((info.header_offset, info.header_offset + info.compress_size + len(info.filename) + 256) for info in wanted)
        joined = []
        for start, end in spans:
            if joined and start - joined[-1][1] < GAP:
                joined[-1][1] = max(end, joined[-1][1])
            else:
                joined.append([start, end])
        archive = None
        for start, end in joined:
            remote.fetch(start, min(end, size))
        remote.pieces.sort(key=lambda piece: len(piece[1]))
        data = zipfile.ZipFile(remote)
    else:
        content = session.get(url, headers={"Accept-Encoding": "identity"}).content
        data = zipfile.ZipFile(io.BytesIO(content)) if is_zip else tarfile.open(fileobj=io.BytesIO(content))
    found, compiled = {}, set()
    if isinstance(data, tarfile.TarFile):
        members = [(member.name.split("/", 1)[-1], member) for member in data if member.isfile() and member.size < LARGEST_MEMBER]
        read = lambda member: data.extractfile(member).read()
    else:
        members = [(re.sub(r"^[^/]*\.data/(purelib|platlib)/", "", info.filename), info) for info in data.infolist()
                   if info.file_size < LARGEST_MEMBER or not info.filename.endswith(".py")]
        read = data.read
    for path, member in members:
        path = re.sub(r"^(src|lib|python)/", "", path) if isinstance(data, tarfile.TarFile) else path
        if ASIDE.search(path):
            continue
        if path.endswith(".py"):
            found[path[:-3]] = read(member).decode("utf-8", "replace")
        elif re.search(r"\.(so|pyd)$", path):
            compiled.add(re.sub(r"\.[^/]*$", "", path))
    return found, compiled


def text_of(node):
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def statements(body):
    for node in body:
        yield node
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            for field in ("body", "orelse", "finalbody"):
                yield from statements(getattr(node, field, None) or [])
            for handler in getattr(node, "handlers", None) or []:
                yield from statements(handler.body)


def listed(node):
    for inner in ast.walk(node):
        if isinstance(inner, (ast.List, ast.Tuple, ast.Set)):
            for element in inner.elts:
                text = text_of(element)
                if text is not None and text.isidentifier():
                    yield text


def parameters(function):
    """Names of what may be given by name; ANY among them where everything may."""
    arguments = function.args
    names = {argument.arg for argument in arguments.args + arguments.kwonlyargs} - {"self", "cls"}
    # Who hands on whatever it gets says nothing about names.
    if arguments.kwarg:
        names.add(ANY)
    return names


class Module:
    """What one source says, before other modules are looked at."""

    def __init__(self, dotted, is_package, tree):
        self.dotted, self.names, self.stars, self.classes, self.functions = dotted, set(), [], {}, {}
        parts = dotted.split(".")
        for node in statements(tree.body):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                self.names.add(node.name)
                self.functions.setdefault(node.name, set()).update(parameters(node))
            elif isinstance(node, ast.ClassDef):
                self.names.add(node.name)
                self.of_class(node)
            elif isinstance(node, ast.Import):
                self.names.update(alias.asname for alias in node.names if alias.asname)
            elif isinstance(node, ast.ImportFrom):
                base = parts[:len(parts) - node.level + (1 if is_package else 0)] if node.level else []
                source = ".".join(base + ([node.module] if node.module else []))
                for alias in node.names:
                    if alias.name == "*":
                        self.stars.append(source)
                    else:
                        self.names.add(alias.asname or alias.name)
            elif isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign)):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                for target in targets:
                    self.names.update(part.id for part in ast.walk(target) if isinstance(part, ast.Name))
                if node.value is not None:
                    self.names.update(listed(node.value))
        self.names = {name for name in self.names if not name.startswith("__")}

    def of_class(self, node):
        bases = [base.attr if isinstance(base, ast.Attribute) else getattr(base, "id", None) for base in node.bases]
        known, attributes = self.classes.setdefault(node.name, (set(), set()))
        known.update(base or ANY for base in bases)
        if any(keyword.arg == "metaclass" for keyword in node.keywords) or node.decorator_list:
            known.add(ANY)
        for inner in statements(node.body):
            if isinstance(inner, (ast.FunctionDef, ast.AsyncFunctionDef)):
                attributes.add(inner.name)
                self.functions.setdefault("%s.%s" % (node.name, inner.name), set()).update(parameters(inner))
                if inner.name in ("__getattr__", "__getattribute__"):
                    known.add(ANY)
                for part in ast.walk(inner):
                    if isinstance(part, ast.Attribute) and isinstance(part.ctx, ast.Store) and getattr(part.value, "id", None) == "self":
                        attributes.add(part.attr)
            elif isinstance(inner, ast.ClassDef):
                attributes.add(inner.name)
            elif isinstance(inner, (ast.Assign, ast.AnnAssign)):
                for target in inner.targets if isinstance(inner, ast.Assign) else [inner.target]:
                    attributes.update(part.id for part in ast.walk(target) if isinstance(part, ast.Name))


class Release:
    """What one release offers: modules, names by module, attributes by class, parameters by function."""

    def __init__(self, found, compiled):
        modules, self.modules = {}, set()
        for path, source in found.items():
            is_package = path.endswith("/__init__")
            dotted = (path[:-9] if is_package else path).replace("/", ".")
            if not all(part.isidentifier() for part in dotted.split(".")):
                continue
            try:
                modules[dotted] = Module(dotted, is_package, ast.parse(source))
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                self.modules.add(dotted)
        self.modules.update(modules)
        self.modules.update(path.replace("/", ".") for path in compiled)
        for dotted in list(self.modules):
            while "." in dotted:
                dotted = dotted.rsplit(".", 1)[0]
                self.modules.add(dotted)
        # What cannot be read in full says nothing about what is gone.
        self.open = {dotted for dotted in self.modules if dotted not in modules}
        self.names = {}
        for dotted, module in modules.items():
            names, is_open = self.all_names(modules, module, set())
            if is_open:
                self.open.add(dotted)
            self.names[dotted] = names
        for dotted in self.modules:
            if "." in dotted:
                parent, name = dotted.rsplit(".", 1)
                self.names.setdefault(parent, set()).add(name)
        classes = {}
        self.functions = {}
        for module in modules.values():
            for name, (bases, attributes) in module.classes.items():
                known = classes.setdefault(name, (set(), set()))
                known[0].update(bases)
                known[1].update(attributes)
            for name, given in module.functions.items():
                self.functions.setdefault(name, set()).update(given)
        self.classes = {name: self.attributes(classes, name, set()) for name in classes}

    def all_names(self, modules, module, seen):
        names, is_open = set(module.names), False
        seen.add(module.dotted)
        for source in module.stars:
            other = modules.get(source)
            if other is None:
                is_open = True
            elif source not in seen:
                more, more_open = self.all_names(modules, other, seen)
                names |= more
                is_open |= more_open
        return names, is_open

    def attributes(self, classes, name, seen):
        """Its attributes with those of its bases; None where a base lies elsewhere."""
        bases, own = classes[name]
        seen.add(name)
        found = set(own)
        for base in bases:
            if base in seen or base == "object":
                continue
            if base not in classes:
                return None
            more = self.attributes(classes, base, seen)
            if more is None:
                return None
            found |= more
        return found


def series(files, name):
    """[(first version of a minor series, file of its last one)], oldest first."""
    from pip._vendor.packaging.utils import InvalidWheelFilename, parse_wheel_filename

    best, uploaded = {}, {}
    for file in files:
        if file.get("yanked"):
            continue
        rank = 3
        if file["filename"].endswith(".whl"):
            try:
                _, version, _, tags = parse_wheel_filename(file["filename"])
            except (InvalidWheelFilename, ValueError):
                continue
            platforms = {tag.platform for tag in tags}
            rank = 0 if platforms == {"any"} else 1 if any("manylinux" in platform for platform in platforms) else 4
        else:
            version = version_of(file["filename"], name)
        if version is None or version.is_prerelease or version.is_devrelease or rank == 4:
            continue
        uploaded[version] = min(uploaded.get(version, "9999"), (file.get("upload-time") or "9999")[:7])
        if version not in best or rank < best[version][0]:
            best[version] = (rank, file)
    groups = {}
    for version in sorted(best):
        if uploaded[version] >= OLDEST:
            # Libraries that never left 0.0 count their changes in the third number.
            depth = 3 if version.release[:2] == (0, 0) else 2
            groups.setdefault((version.epoch,) + version.release[:depth], []).append(version)
    chosen = [(versions[0], best[versions[-1]][1]) for _, versions in sorted(groups.items())]
    if len(chosen) <= MOST_SERIES:
        return chosen
    # Programs that time has broken are older than that; of the newest series some are enough.
    last = max(uploaded[version] for version, _ in chosen)
    recent = "%d%s" % (int(last[:4]) - 2, last[4:])
    old = [one for one in chosen if uploaded[one[0]] < recent]
    new = chosen[len(old):]
    step = max(1, len(new) // MOST_RECENT)
    return old[-MOST_SERIES:] + new[::-step][::-1]


def lifetimes(releases, has):
    """[since, until] out of a presence for each release: True, False, or None where it cannot be told."""
    since, until, seen = 0, None, False
    for number in range(releases):
        present = has(number)
        if present is None:
            continue
        if present:
            if not seen:
                since = number if any(has(earlier) is False for earlier in range(number)) else 0
            seen, until = True, None
        elif seen and until is None:
            until = number
    return (since, until) if seen and (since or until is not None) else None


def changes(read):
    keys = {}
    count = len(read)

    def note(key, has):
        found = lifetimes(count, has)
        if found:
            keys[key] = found

    for module in set().union(*(release.modules for release in read)):
        note("m:" + module, lambda at: module in read[at].modules)
        names = set().union(*(release.names.get(module, set()) for release in read))
        present = [None if module not in release.modules or module in release.open else release.names.get(module, set()) for release in read]
        for name in names:
            # A name that is seen is there, whatever else cannot be seen.
            note("n:%s:%s" % (module, name), lambda at: True if name in read[at].names.get(module, ()) else None if present[at] is None else False)
    for kind in set().union(*(release.classes for release in read)):
        if kind.startswith("_"):
            continue
        present = [release.classes.get(kind) for release in read]
        for name in set().union(*(attributes for attributes in present if attributes)):
            if not name.startswith("_"):
                note("a:%s.%s" % (kind, name), lambda at: None if present[at] is None else name in present[at])
    for function in set().union(*(release.functions for release in read)):
        if function.rsplit(".", 1)[-1].startswith("_") and not function.endswith(".__init__"):
            continue
        present = [release.functions.get(function) for release in read]
        for name in set().union(*(given for given in present if given)) - {ANY}:
            note("k:%s:%s" % (function, name),
                 lambda at: None if present[at] is None else True if name in present[at] else None if ANY in present[at] else False)
    return keys


def look(job):
    library, folder = job
    target = os.path.join(folder, library + ".json")
    if os.path.exists(target):
        return library, "known"
    try:
        session, indexes = pip_session()
        name = normalised(library)
        chosen = series(listing(session, indexes, name), name)
        versions, read = [], []
        for version, file in chosen:
            try:
                release = Release(*sources(session, file))
            except Exception as error:  # One release that cannot be read is passed over, whatever is wrong with it.
                print("%s %s: %s" % (library, version, error), file=sys.stderr)
                continue
            if release.modules:
                versions.append(str(version))
                read.append(release)
        if len(read) < 2:
            return library, "fewer than two releases can be read"
        with open(target + ".part", "w") as out:
            json.dump({"library": name, "releases": versions, "keys": changes(read)}, out)
        os.replace(target + ".part", target)
        return library, "%d releases" % len(read)
    except Exception as error:
        return library, "failed: %s" % error


def main(path, folder):
    with open(path) as file:
        jobs = [(library, folder) for library in json.load(file)]
    sys.setrecursionlimit(5000)
    # Of old sources in a new Python; they are read, not run.
    warnings.simplefilter("ignore")
    with multiprocessing.Pool(3, maxtasksperchild=1) as pool:
        for library, what in pool.imap_unordered(look, jobs, 1):
            print("%s: %s" % (library, what), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
