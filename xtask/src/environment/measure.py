# What this interpreter is and carries, as one line of JSON. The first argument is the path by which it was called.
import json
import os
import sys
import sysconfig


def packages():
    try:
        from importlib.metadata import distributions
    except ImportError:
        import pkg_resources

        return {found.project_name: found.version for found in pkg_resources.working_set}
    # The first one on the path is the one that an import finds.
    found = {}
    for distribution in distributions():
        name = distribution.metadata["Name"]
        if name:
            found.setdefault(name, distribution.version)
    return found


def constraint_file():
    candidates = os.environ.get("PIP_CONSTRAINT", "").split()
    for path in ("/etc/pip.conf", os.path.expanduser("~/.config/pip/pip.conf"), os.path.expanduser("~/.pip/pip.conf")):
        try:
            with open(path) as lines:
                for line in lines:
                    key, _, value = line.partition("=")
                    if key.strip() == "constraint":
                        candidates.extend(value.split())
        except (IOError, OSError):
            pass
    candidates.append("/etc/pip/constraint.txt")
    for path in candidates:
        if os.path.isfile(path):
            return path
    return None


def attempt(question, otherwise):
    try:
        return question()
    except Exception:
        return otherwise


include = sysconfig.get_path("include") or ""
stdlib = sysconfig.get_path("stdlib") or ""
print(
    json.dumps(
        {
            "version": ".".join(str(part) for part in sys.version_info[:3]),
            "interpreter": sys.argv[1],
            "purelib": sysconfig.get_path("purelib") or "",
            "headers": os.path.exists(os.path.join(include, "Python.h")),
            "externally_managed": os.path.exists(os.path.join(stdlib, "EXTERNALLY-MANAGED")),
            "constraint_file": attempt(constraint_file, None),
            "packages": attempt(packages, {}),
        }
    )
)
