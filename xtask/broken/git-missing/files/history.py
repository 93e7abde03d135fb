"""Makes a repository with three commits and lists them."""
import pathlib
import tempfile

import git

with tempfile.TemporaryDirectory() as folder:
    repository = git.Repo.init(folder)
    author = git.Actor("A", "a@example.org")
    for number in range(3):
        pathlib.Path(folder, "file.txt").write_text(str(number))
        repository.index.add(["file.txt"])
        repository.index.commit(f"change {number}", author=author, committer=author)
    print("commits:", [commit.message for commit in repository.iter_commits()])
