"""Says which pinned releases have wheels, but none for the interpreter that runs this, and what would help.

Reads a JSON list of [name, version] from the file named by its argument; prints one JSON object as its last line: name ->
`instead`, the version of the oldest later release that has a wheel for this interpreter, or null; `pythons`, the Pythons that
the pinned release has wheels for on Linux. Left out: what has such a wheel, and what has no wheel at all (it is built, for
any Python). Runs inside a container, beside `fetch_sdist.py`.
"""

import json
import sys

from fetch_sdist import Failure, listing, pip_session


def wheels(files):
    """Version -> sets of tags, one set a wheel that is not withdrawn."""
    from pip._vendor.packaging.utils import InvalidWheelFilename, parse_wheel_filename

    found = {}
    for file in files:
        if not file["filename"].endswith(".whl") or file.get("yanked"):
            continue
        try:
            _, version, _, tags = parse_wheel_filename(file["filename"])
        except (InvalidWheelFilename, ValueError):
            continue
        found.setdefault(version, []).append(tags)
    return found


def unfit(files, pinned, supported):
    """What would help, or None where the pin can stay."""
    from pip._vendor.packaging.version import Version

    pinned = Version(pinned)
    found = wheels(files)
    fits = {version for version, all_tags in found.items() if any(tags & supported for tags in all_tags)}
    same = [version for version in found if version.public == pinned.public]
    if not same or any(version in fits for version in same):
        return None
    later = sorted(version for version in fits if version > pinned and not version.is_prerelease)
    minors = {
        int(tag.interpreter[3:]) for version in same for tags in found[version] for tag in tags
        if "linux" in tag.platform and tag.interpreter.startswith("cp3") and tag.interpreter[3:].isdigit()
    }
    return {"instead": str(later[0]) if later else None, "pythons": ["3.%d" % minor for minor in sorted(minors)]}


def main(path):
    from pip._vendor.packaging.tags import sys_tags

    supported = frozenset(sys_tags())
    session, indexes = pip_session()
    answer = {}
    with open(path) as file:
        pins = json.load(file)
    for name, version in pins:
        try:
            help = unfit(listing(session, indexes, name), version, supported)
        except (Failure, ValueError):
            continue
        if help is not None:
            answer[name] = help
    print(json.dumps(answer))


if __name__ == "__main__":
    main(sys.argv[1])
