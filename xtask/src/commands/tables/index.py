"""Looks up in the package index what tables say about releases. Runs inside a container, beside `fetch_sdist.py`.

Reads one JSON object from the file named by its argument: `released`, a list of [name, version]; `torch` and `companions`,
names of distributions. Prints one JSON object as its last line: `released`, name -> version -> the day on which the index
first served it; `pythons`, version of torch -> Pythons with a wheel for Linux on x86-64; `companions`, name -> version ->
the torch that its wheel asks for. What the index does not say is left out.
"""

import json
import sys

from fetch_sdist import Failure, listing, pip_session


def version_of(name, filename):
    from pip._vendor.packaging.version import InvalidVersion, Version

    stem = filename[len(name) + 1:]
    for ending in (".tar.gz", ".tar.bz2", ".tgz", ".zip"):
        if stem.endswith(ending):
            stem = stem[:-len(ending)]
    try:
        return Version(stem.split("-")[0])
    except InvalidVersion:
        return None


def first_days(session, indexes, releases):
    from pip._vendor.packaging.version import Version

    wanted = {}
    for name, version in releases:
        wanted.setdefault(name, []).append(version)
    days = {}
    for name, versions in sorted(wanted.items()):
        try:
            files = listing(session, indexes, name)
        except Failure:
            continue
        for version in versions:
            times = [
                file["upload-time"][:10] for file in files
                if file.get("upload-time") and version_of(name, file["filename"]) == Version(version)
            ]
            if times:
                days.setdefault(name, {})[version] = min(times)
    return days


def linux_wheels(session, indexes, name):
    """Version -> the wheels of a final release for Linux on x86-64, with their tags."""
    from pip._vendor.packaging.utils import InvalidWheelFilename, parse_wheel_filename

    found = {}
    for file in listing(session, indexes, name):
        if not file["filename"].endswith(".whl") or file.get("yanked"):
            continue
        try:
            _, version, _, tags = parse_wheel_filename(file["filename"])
        except InvalidWheelFilename:
            continue
        linux = [tag for tag in tags if "linux" in tag.platform and "x86_64" in tag.platform]
        if linux and not version.is_prerelease and not version.is_postrelease:
            found.setdefault(version, []).append((file["url"], linux))
    return found


def pythons(wheels):
    found = {}
    for version, files in wheels.items():
        minors = {
            int(tag.interpreter[3:]) for _, tags in files for tag in tags
            if tag.interpreter.startswith("cp3") and tag.abi.rstrip("mt") == tag.interpreter and not tag.abi.endswith("t")
        }
        found[str(version)] = ["3.%d" % minor for minor in sorted(minors)]
    return found


def asked_torch(session, url, name):
    """The exact torch that a wheel requires: of the wheel only its end is fetched."""
    from pip._internal.network.lazy_wheel import dist_from_wheel_url

    for requirement in dist_from_wheel_url(name, url, session).iter_dependencies():
        exact = [one.version for one in requirement.specifier if one.operator == "=="]
        if requirement.name == "torch" and exact:
            return exact[0]
    return None


def main(path):
    session, indexes = pip_session()
    with open(path) as file:
        asked = json.load(file)
    answer = {"released": first_days(session, indexes, asked["released"]), "pythons": {}, "companions": {}}
    answer["pythons"] = pythons(linux_wheels(session, indexes, "torch"))
    for name in asked["companions"]:
        found = answer["companions"][name] = {}
        for version, files in sorted(linux_wheels(session, indexes, name).items()):
            try:
                torch = asked_torch(session, files[0][0], name)
            except Exception as error:
                print("%s %s: %s" % (name, version, error), file=sys.stderr)
                continue
            if torch is not None:
                found[str(version)] = torch
    print(json.dumps(answer))


if __name__ == "__main__":
    main(sys.argv[1])
