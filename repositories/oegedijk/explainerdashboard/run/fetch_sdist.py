"""Finds, fetches, checks and unpacks one sdist. Runs inside a container, under any Python from 3.6 on that has pip.

Arguments: normalised name, version or the empty string, folder to work in. Prints one JSON object as its last line.
Asks the index that pip is configured for, through pip's own session (certificates, proxies, credentials). Executes
nothing of what it fetches.
"""

import hashlib
import html.parser
import json
import os
import re
import shutil
import stat
import sys
import tarfile
import zipfile
from urllib.parse import unquote, urldefrag, urljoin

ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01"
ENDINGS = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".zip")
MOST_MEMBERS = 200_000
MOST_BYTES = 8 << 30


class Failure(Exception):
    def __init__(self, code, message):
        super().__init__(message)
        self.code = code
        self.message = message


def normalised(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def pip_session():
    """A session as `pip download` would make it, and the index URLs that it would ask."""
    from pip._internal.commands.download import DownloadCommand

    try:
        command = DownloadCommand("download", "")
    except TypeError:  # pip before 19.3
        command = DownloadCommand()
    options, _ = command.parse_args([])
    indexes = [] if options.no_index else [options.index_url] + list(options.extra_index_urls)
    return command._build_session(options), indexes


class Links(html.parser.HTMLParser):
    """The anchors of an index page in HTML, in the shape of the JSON form."""

    def __init__(self):
        super().__init__()
        self.files = []

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        url = attributes.get("href")
        if tag != "a" or not url:
            return
        plain, fragment = urldefrag(url)
        algorithm, _, digest = fragment.partition("=")
        self.files.append({
            "filename": unquote(plain.rsplit("/", 1)[-1]),
            "url": plain,
            "hashes": {algorithm: digest} if digest else {},
            "yanked": "data-yanked" in attributes,
            # Not in the specification of this form; some mirrors say it.
            "upload-time": attributes.get("data-upload-time"),
        })


def listing(session, indexes, name):
    """All files of a project, of the first index that has it."""
    trouble = None if indexes else "pip is configured to ask no index"
    for index in indexes:
        page = urljoin(index.rstrip("/") + "/", name + "/")
        try:
            response = session.get(page, headers={"Accept": ACCEPT, "Cache-Control": "max-age=0"})
        except Exception as error:
            trouble = str(error)
            continue
        if response.status_code in (404, 410):
            continue
        if response.status_code != 200:
            trouble = "the index answered with status %d" % response.status_code
            continue
        if "json" in response.headers.get("Content-Type", ""):
            files = response.json()["files"]
        else:
            links = Links()
            links.feed(response.text)
            files = links.files
        for file in files:
            file["url"] = urljoin(response.url, file["url"])
        return files
    if trouble is not None:
        raise Failure("network", trouble)
    raise Failure("no-project", "the index has no project of that name")


def version_of(filename, name):
    """The version in the name of an sdist; None where it is not one of this project."""
    from pip._vendor.packaging.version import InvalidVersion, Version

    ending = next((ending for ending in ENDINGS if filename.endswith(ending)), None)
    if ending is None:
        return None
    stem = filename[:-len(ending)]
    for at, character in enumerate(stem):
        if character == "-" and normalised(stem[:at]) == name:
            try:
                return Version(stem[at + 1:])
            except InvalidVersion:
                continue
    return None


def choose(files, name, wanted):
    from pip._vendor.packaging.version import Version

    sdists = [(version_of(file["filename"], name), file) for file in files]
    sdists = [(version, file) for version, file in sdists if version is not None]
    if not sdists:
        what = "only wheels" if files else "no files"
        raise Failure("no-sdist", "the project has %s on the index, no sdist" % what)
    if wanted:
        fitting = [pair for pair in sdists if pair[0] == Version(wanted)]
        if not fitting:
            known = sorted({version for version, _ in sdists})
            newest = ", ".join(str(version) for version in reversed(known[-6:]))
            raise Failure("no-version", "there is no sdist of version %s; the newest are %s" % (wanted, newest))
    else:
        fitting = [pair for pair in sdists if not pair[1].get("yanked") and not pair[0].is_prerelease]
        fitting = fitting or [pair for pair in sdists if not pair[1].get("yanked")] or sdists
    # Of one version, the tar file: it keeps modes.
    return max(fitting, key=lambda pair: (pair[0], pair[1]["filename"].endswith(".tar.gz"), pair[1]["filename"]))


def download(session, file, target):
    digest = hashlib.sha256()
    partial = target + ".part"
    try:
        response = session.get(file["url"], headers={"Accept-Encoding": "identity"}, stream=True)
        if response.status_code != 200:
            raise Failure("network", "the index answered with status %d" % response.status_code)
        with open(partial, "wb") as out:
            for chunk in response.iter_content(1 << 20):
                digest.update(chunk)
                out.write(chunk)
    except Failure:
        raise
    except Exception as error:
        raise Failure("network", str(error))
    expected = file.get("hashes", {}).get("sha256")
    if expected and expected.lower() != digest.hexdigest():
        os.remove(partial)
        raise Failure("hash", "the file has sha256 %s, the index says %s" % (digest.hexdigest(), expected))
    os.replace(partial, target)
    return digest.hexdigest(), response.headers.get("Last-Modified")


def inside(path):
    """A member's name as a relative path; None where it would leave the folder."""
    parts = [part for part in path.replace("\\", "/").split("/") if part not in ("", ".")]
    if path.startswith("/") or ".." in parts or not parts or "\0" in path:
        return None
    return "/".join(parts)


def unpack(archive, folder):
    """Writes regular files and, last, relative links: nothing is ever written through a link."""
    members = []  # (path, kind, mode, time, opener or target)
    if zipfile.is_zipfile(archive):
        source = zipfile.ZipFile(archive)
        for info in source.infolist():
            if not info.is_dir():
                mode = info.external_attr >> 16
                if stat.S_ISLNK(mode):
                    continue
                members.append((info.filename, "file", mode, info.file_size, None, lambda info=info: source.open(info)))
    else:
        source = tarfile.open(archive)
        for info in source:
            if info.isfile():
                opener = lambda info=info: source.extractfile(info)
                members.append((info.name, "file", info.mode, info.size, info.mtime, opener))
            elif info.issym():
                members.append((info.name, "link", 0, 0, None, info.linkname))
            if len(members) > MOST_MEMBERS:
                break
    if len(members) > MOST_MEMBERS or sum(member[3] for member in members) > MOST_BYTES:
        raise Failure("archive", "the sdist unpacks to more than anybody could mean")
    paths = [(inside(member[0]), member) for member in members]
    paths = [(path, member) for path, member in paths if path]
    tops = {path.split("/")[0] for path, _ in paths}
    if len(tops) == 1 and all("/" in path for path, _ in paths):
        paths = [(path.split("/", 1)[1], member) for path, member in paths]
    for path, (_, kind, mode, _, moment, opener) in paths:
        if kind != "file":
            continue
        target = os.path.join(folder, path)
        try:
            os.makedirs(os.path.dirname(target), exist_ok=True)
            with opener() as data, open(target, "wb") as out:
                shutil.copyfileobj(data, out)
        except OSError as error:
            # A name that is too long, or a file where a folder should be: the rest is still worth having.
            if error.errno == 28:
                raise
            continue
        os.chmod(target, 0o755 if mode & 0o111 else 0o644)
        if moment:
            os.utime(target, (moment, moment))
    for path, (_, kind, _, _, _, linked) in paths:
        target = os.path.join(folder, path)
        if kind == "link" and not os.path.lexists(target) and not linked.startswith("/"):
            os.makedirs(os.path.dirname(target), exist_ok=True)
            os.symlink(linked, target)


def main(name, wanted, work):
    os.umask(0o022)
    session, indexes = pip_session()
    version, file = choose(listing(session, indexes, name), name, wanted)
    folder = os.path.join(work, str(version))
    os.makedirs(folder, exist_ok=True)
    filename = os.path.basename(file["filename"])
    digest, modified = download(session, file, os.path.join(folder, filename))
    fresh = os.path.join(folder, "tree.part")
    shutil.rmtree(fresh, ignore_errors=True)
    os.makedirs(fresh)
    try:
        unpack(os.path.join(folder, filename), fresh)
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError) as error:
        if getattr(error, "errno", None) == 28:
            raise
        raise Failure("archive", "the sdist cannot be unpacked: %s" % error)
    tree = os.path.join(folder, "tree")
    shutil.rmtree(tree, ignore_errors=True)
    os.rename(fresh, tree)
    uploaded = file.get("upload-time")
    if not uploaded and modified:
        from email.utils import parsedate_to_datetime

        uploaded = parsedate_to_datetime(modified).isoformat()
    return {
        "name": name,
        "version": str(version),
        "filename": filename,
        "sha256": digest,
        "uploaded": uploaded[:10] if uploaded else None,
    }


if __name__ == "__main__":
    try:
        answer = main(*sys.argv[1:4])
    except Failure as failure:
        answer = {"error": failure.code, "message": failure.message}
    except OSError as error:
        answer = {"error": "disk" if error.errno == 28 else "other", "message": str(error)}
    print("\n" + json.dumps(answer))
