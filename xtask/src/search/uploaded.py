"""Says on which day the newest of some pinned releases was uploaded.

Reads a JSON list of [name, version] from the file named by its argument; prints {"date": "YYYY-MM-DD"} as its last line, null
where the index does not say. Runs inside a container, beside `fetch_sdist.py`.
"""

import json
import sys

from fetch_sdist import Failure, listing, normalised, pip_session, version_of


def uploaded(files, name, version):
    """The first upload of this release."""
    from pip._vendor.packaging.utils import InvalidWheelFilename, parse_wheel_filename
    from pip._vendor.packaging.version import Version

    days = []
    for file in files:
        try:
            found = parse_wheel_filename(file["filename"])[1] if file["filename"].endswith(".whl") else version_of(file["filename"], name)
        except (InvalidWheelFilename, ValueError):
            continue
        if found == Version(version) and file.get("upload-time"):
            days.append(file["upload-time"][:10])
    return min(days) if days else None


def main(path):
    with open(path) as file:
        pins = json.load(file)
    session, indexes = pip_session()
    days = []
    for name, version in pins:
        try:
            day = uploaded(listing(session, indexes, normalised(name)), normalised(name), version)
        except (Failure, ValueError):
            continue
        if day is not None:
            days.append(day)
    print(json.dumps({"date": max(days) if days else None}))


if __name__ == "__main__":
    main(sys.argv[1])
