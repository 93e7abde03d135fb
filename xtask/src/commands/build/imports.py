"""Imports what an image is said to have. Runs inside the image, under any Python from 3.6 on; changes nothing.

Arguments: a JSON list of distributions, and `cuda` where a GPU is at hand. Each distribution's modules are imported in a
process of their own, whose output is passed on below a line with its name. Its compiled modules, and all modules of a package
that imports nothing by itself, are imported, too, and fail where a library cannot be loaded. The last line is a JSON object: `imported` and `failed`, lists of
distributions; `modules`, how many were tried; `cuda`, whether torch sees the GPU, null where that was not asked.
"""

import importlib.util
import json
import re
import subprocess
import sys

try:
    from importlib import metadata
except ImportError:
    metadata = None

PRIVATE = re.compile(r"^(_|tests?$|docs?$|examples?$|benchmarks?$|scripts?$|tools$)")
PATIENCE = 300
BEGINS = "repro: importing "
MOST_PARTS = 12
# What is made for another system, or wants what is optional, is no failure of this image.
LOADED = """
import re
try:
    import %s
except (ImportError, OSError) as error:
    if re.search(r"shared (object|library)|[.]so[.\\d]*:|undefined symbol", str(error)):
        raise
except BaseException:
    pass
"""


def files_of(distribution):
    """Paths of its files; empty where they are not recorded."""
    if metadata is not None:
        return [tuple(file.parts) for file in metadata.distribution(distribution).files or ()]
    import pkg_resources

    found = pkg_resources.get_distribution(distribution)
    lines = found.get_metadata_lines("RECORD") if found.has_metadata("RECORD") else ()
    return [tuple(line.split(",")[0].split("/")) for line in lines]


def modules_of(distribution):
    """Its top-level modules, without tests and the like: the one that is called as it is, else all of them.

    What else a distribution brings may want one of its extras: black's `blackd` does.
    """
    found = set()
    for parts in files_of(distribution):
        if len(parts) == 2 and parts[1] == "__init__.py":
            found.add(parts[0])
        elif len(parts) == 1 and re.match(r"^[A-Za-z]\w*(\.py|\.(cpython|abi3)[^/]*\.so|\.so)$", parts[0]):
            found.add(parts[0].split(".")[0])
    found = sorted(name for name in found if name.isidentifier() and not PRIVATE.match(name))
    plain = re.sub(r"[-_.]+", "_", distribution).lower()
    return [name for name in found if name.lower() == plain] or found


def parts_of(distribution, modules):
    """The modules inside packages that importing these may not have loaded: compiled ones, which want libraries, and all of
    those packages whose own file imports nothing."""
    found = []
    for module in modules:
        spec = importlib.util.find_spec(module)
        if spec is None or not spec.origin or not spec.origin.endswith("__init__.py"):
            continue
        with open(spec.origin, encoding="utf-8", errors="replace") as file:
            is_bare = not re.search(r"(?m)^(from|import)\s", file.read())
        files = [parts[1] for parts in files_of(distribution) if len(parts) == 2 and parts[0] == module]
        names = {name.split(".")[0] for name in files if name.endswith(".so") or is_bare and name.endswith(".py")}
        found += ["%s.%s" % (module, name) for name in sorted(names) if name.isidentifier() and not PRIVATE.match(name)]
    return found[:MOST_PARTS]


def works(line):
    """Does this line of Python run?"""
    try:
        return subprocess.call([sys.executable, "-c", line], stderr=subprocess.STDOUT, timeout=PATIENCE) == 0
    except subprocess.TimeoutExpired:
        print("%r took longer than %d s" % (line, PATIENCE))
        return False


def main(distributions, ask_cuda):
    answer = {"imported": [], "failed": [], "modules": 0, "cuda": None}
    for distribution in distributions:
        print(BEGINS + distribution, flush=True)
        try:
            modules = modules_of(distribution)
        except Exception as error:
            print("%s: %s: %s" % (distribution, type(error).__name__, error))
            answer["failed"].append(distribution)
            continue
        answer["modules"] += len(modules)
        is_fine = all(works("import " + module) for module in modules)
        is_fine = is_fine and all(works(LOADED % part) for part in parts_of(distribution, modules))
        answer["imported" if is_fine else "failed"].append(distribution)
    if ask_cuda and "torch" in answer["imported"]:
        print(BEGINS + "cuda", flush=True)
        answer["cuda"] = works("import torch; torch.zeros(1, device='cuda')")
    print(json.dumps(answer))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), "cuda" in sys.argv[2:])
