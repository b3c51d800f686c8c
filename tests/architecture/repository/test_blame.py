"""Commits that git blame skips: each is in the history, under the subject that its comment says."""

import re
import subprocess

from tests.architecture.rules import ROOT

IGNORED = ".git-blame-ignore-revs"
_ENTRY = re.compile(r"^# (.+)\n([0-9a-f]{40})$", re.M)


def git(*arguments: str) -> str:
    # The tests may run as another user than the owner of the checkout.
    command = ["git", "-c", "safe.directory=*", *arguments]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def test_every_commit_that_blame_skips_is_in_the_history_under_its_subject() -> None:
    text = (ROOT / IGNORED).read_text("utf-8")
    entries = _ENTRY.findall(text)
    assert [commit for _, commit in entries] == re.findall(r"^[0-9a-f]+$", text, re.M)
    history = dict(line.split(" ", 1) for line in git("log", "--format=%H %s").splitlines())
    # A shallow clone, such as a workflow's checkout, does not contain them.
    if git("rev-parse", "--is-shallow-repository").strip() != "true":
        assert {commit: subject for subject, commit in entries}.items() <= history.items()
    assert {subject for subject, _ in entries} >= {
        "move modules into packages",
        "rename identifiers to the field's terms",
    }


def test_contributing_says_how_git_blame_skips_them() -> None:
    assert f"git config blame.ignoreRevsFile {IGNORED}\n" in (ROOT / "CONTRIBUTING.md").read_text("utf-8")
