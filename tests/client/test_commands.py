"""`deldokument share` and its neighbours as processes: what they print, how they end, and that they go on."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from deldokument.client import Client, Refused
from tests.support.deployment.deployment import FJELL, OLA, OLA_NUMBER, Deployment, wait_until
from tests.support.stage import sender

MIB = 2**20
LENGTH = 48 * MIB
PROGRAM = [sys.executable, "-m", "deldokument.cli.entry"]
# Loopback is too fast to interrupt anything, so each MiB is delayed by three hundredths of a second.
SLOWLY = """
import runpy, sys, time
from deldokument.client.files import LocalFile
pieces = LocalFile.pieces
LocalFile.pieces = lambda self, start, stop: (time.sleep(0.03) or piece for piece in pieces(self, start, stop))
runpy.run_module('deldokument.cli.entry', run_name='__main__')
"""


# Cyan is the remaining time; elapsed time would be yellow.
TIME_LEFT = re.compile(rb"\x1b\[36m\d+:\d\d:\d\d\x1b")


class Machine:
    """A sender's machine: a folder with a file, and an environment."""

    def __init__(self, deployment: Deployment, folder: Path) -> None:
        self.folder = folder
        self.given = sender.environment(deployment, folder)
        self.until = (datetime.now(UTC) + timedelta(days=14)).date().isoformat()
        self.file = folder / "film.mp4"

    def write(self, content: bytes) -> None:
        self.file.write_bytes(content)

    def share(self, *options: str, to: str = OLA_NUMBER) -> list[str]:
        words = ["share", str(self.file), "--account", "Byggesak", "--until", self.until, "--archived"]
        return [*words, "--to", to, *options]

    def run(self, *arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
        environment = os.environ | self.given | changes
        return subprocess.run([*PROGRAM, *arguments], env=environment, capture_output=True, text=True, timeout=100)

    @contextmanager
    def running(self, *arguments: str, slowly: bool = False) -> Iterator[subprocess.Popen[str]]:
        command = [sys.executable, "-c", SLOWLY] if slowly else PROGRAM
        process = subprocess.Popen(
            [*command, *arguments],
            env=os.environ | self.given | {"PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            yield process
        finally:
            process.kill()
            process.communicate()

    def has_begun(self) -> bool:
        """Return whether a document of the running share has been announced."""
        return any(json.loads(path.read_text())["documents"] for path in (self.folder / "state").glob("*.json"))


@pytest.fixture
def machine(deployment: Deployment, tmp_path: Path) -> Machine:
    sender.registered(deployment)
    return Machine(deployment, tmp_path)


@pytest.fixture
def client(machine: Machine) -> Iterator[Client]:
    with Client.from_environment(machine.given) as connected:
        yield connected


def test_the_link_is_all_that_is_printed_and_json_is_all_of_the_share(machine: Machine) -> None:
    machine.write(b"1")
    done = machine.run(*machine.share())
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(machine.given["DELDOKUMENT_CLIENT_URL"] + "/d/")
    assert len(done.stdout.splitlines()) == 1
    said = json.loads(machine.run(*machine.share("--json", "--title", "Film")).stdout)
    assert (said["title"], said["state"], said["documents"][0]["name"]) == ("Film", "available", "film.mp4")
    assert OLA_NUMBER not in json.dumps(said)
    assert machine.run("correct", said["id"], "--title", "Rettet").stdout == "Rettet\n"
    assert machine.run("add", said["id"], "--to", FJELL).stdout == "2\n"
    assert machine.run("remove", said["id"], said["recipients"][0]["id"]).returncode == 0
    left = json.loads(machine.run("show", said["id"], "--json").stdout)["recipients"][0]["id"]
    last = machine.run("remove", said["id"], left)
    assert (last.returncode, "needs a recipient" in last.stderr) == (3, True)
    last = machine.run("remove-document", said["id"], said["documents"][0]["id"])
    assert (last.returncode, "needs a document" in last.stderr) == (3, True)


def test_show_says_that_nobody_looked_for_malware_and_that_recipients_get_the_document(
    machine: Machine, client: Client
) -> None:
    machine.write(b"1")
    link = machine.run(*machine.share("--reference", "verdict")).stdout.strip()

    def verdict() -> str | None:
        [share] = client.shares(reference="verdict")
        return share.documents[0].verdict

    wait_until(lambda: verdict() == "not_scanned", 60, "the document has no verdict")
    shown = machine.run("show", link).stdout
    assert "not_scanned" in shown
    assert "released" in shown
    assert "pending_documents: 0\n" in shown
    [document] = json.loads(machine.run("show", link, "--json").stdout)["documents"]
    assert (document["verdict"], document["handling"]) == ("not_scanned", "released")


def test_the_report_is_written_to_a_new_file_as_pdf_or_json(machine: Machine, client: Client) -> None:
    machine.write(b"1")
    link = machine.run(*machine.share("--reference", "report")).stdout.strip()
    pdf, signed = machine.folder / "rapport.pdf", machine.folder / "rapport.json"
    assert machine.run("report", link, str(pdf)).stdout == f"{pdf}\n"
    assert pdf.read_bytes().startswith(b"%PDF-")
    signed.write_bytes(client.report(link.rpartition("/")[2]))
    assert json.loads(signed.read_bytes())["share"]["state"] == "available"
    again = machine.run("report", link, str(signed))
    assert (again.returncode, "File exists" in again.stderr) == (1, True)
    with pytest.raises(Refused, match="full numbers"):
        client.report(link.rpartition("/")[2], full_numbers=True)


@pytest.mark.parametrize(
    ("end", "parallel"), [(signal.SIGINT, "4"), (signal.SIGTERM, "1"), (signal.SIGKILL, "4")], ids=str
)
def test_after_any_signal_the_same_command_resumes(
    machine: Machine, client: Client, end: signal.Signals, parallel: str
) -> None:
    machine.write(os.urandom(MIB) * (LENGTH // MIB))
    line = machine.share("--parallel", parallel, "--reference", f"{end.name}-{parallel}")
    with machine.running(*line, slowly=True) as process:
        wait_until(machine.has_begun, 60, "nothing was announced")
        process.send_signal(end)
        _, words = process.communicate(timeout=60)
    if end is not signal.SIGKILL:
        assert process.returncode == 5
        assert "repeat the same call to resume it" in words
    [draft] = client.shares(reference=f"{end.name}-{parallel}")
    assert draft.state == "draft"
    done = machine.run(*line)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith(draft.id)
    [share] = client.shares(reference=f"{end.name}-{parallel}")
    assert [(document.length, document.complete) for document in share.documents] == [(LENGTH, True)]


def test_at_a_terminal_there_are_bars_with_rate_and_time_left(machine: Machine) -> None:
    machine.write(bytes(4 * MIB))
    ours, theirs = pty.openpty()
    environment = os.environ | machine.given | {"TERM": "xterm-256color", "COLUMNS": "100"}
    with subprocess.Popen(
        [*PROGRAM, *machine.share()], env=environment, stdout=subprocess.PIPE, stderr=theirs, text=True
    ) as process:
        os.close(theirs)
        drawn = b""
        while piece := _read(ours):
            drawn += piece
        said = process.communicate(timeout=60)[0]
    os.close(ours)
    assert process.returncode == 0
    assert said.count("\n") == 1
    assert b"/s" in drawn
    assert TIME_LEFT.search(drawn)


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""


def test_a_refusal_and_no_response_have_different_exit_codes(machine: Machine) -> None:
    machine.write(b"1")
    refused = machine.run(*machine.share(to="21879498013"))
    assert (refused.returncode, refused.stdout) == (3, "")
    assert refused.stderr.startswith("deldokument: ")
    assert "21879498013" not in refused.stderr
    silent = machine.run("list", DELDOKUMENT_CLIENT_ISSUER="http://127.0.0.1:1/")
    assert (silent.returncode, silent.stdout) == (4, "")
    assert "Maskinporten does not answer" in silent.stderr


def test_receipts_are_watched_until_the_share_is_over(machine: Machine, deployment: Deployment, client: Client) -> None:
    machine.write(b"1")
    link = machine.run(*machine.share()).stdout.strip()
    share_id = link.rpartition("/")[2]
    with machine.running("receipts", link, "--watch", "--every", "1", "--json") as process:
        ola = deployment.session(OLA)
        [path] = deployment.document_paths(share_id)
        wait_until(lambda: ola.get(path).status_code == 200, 60, "the document was not inspected")
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if json.loads(line)["event"] == "downloaded":
                break
        client.withdraw(share_id)
        lines += process.stdout
        assert process.wait(60) == 0
    assert {json.loads(line)["event"] for line in lines} >= {"downloaded"}
    assert len(set(lines)) == len(lines)
    watched, listed = (machine.run("receipts", link, *more).stdout for more in (("--watch",), ()))
    assert ": downloaded  by " in watched
    assert "downloaded" in listed
    assert "sent" not in watched + listed
