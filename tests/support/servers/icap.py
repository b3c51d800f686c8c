"""A real c-icap with ClamAV's module, before a clamd of the tests, as a process of its own."""

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.deployment.deployment import wait_until

PROGRAM = Path("/usr/bin/c-icap")
_CONFIGURATION = """
PidFile {folder}/c-icap.pid
CommandsSocket {folder}/c-icap.ctl
StartServers 1
MaxServers 2
ThreadsPerChild 4
Port 127.0.0.1:{port}
ServerAdmin nobody@localhost
ServerName localhost
TmpDir {folder}
ModulesDir {modules}
ServicesDir {modules}
TemplateDir /usr/share/c_icap/templates/
TemplateDefaultLanguage en
LoadMagicFile /etc/c-icap/c-icap.magic
ServerLog {folder}/server.log
AccessLog {folder}/access.log
Module common clamd_mod.so
clamd_mod.ClamdSocket {clamd}
Service antivirus_module virus_scan.so
ServiceAlias avscan virus_scan?allow204=on&sizelimit={sizelimit}&mode=simple
virus_scan.ScanFileTypes TEXT DATA EXECUTABLE ARCHIVE GIF JPEG BMP PNG MSOFFICE PDF BINARY
virus_scan.PassOnError off
virus_scan.MaxObjectSize 100K
"""


@dataclass(frozen=True)
class Icap:
    """A c-icap that listens. ``url`` is its service for scans."""

    process: subprocess.Popen[bytes]
    port: int

    @property
    def url(self) -> str:
        """What operators set."""
        return f"icap://127.0.0.1:{self.port}/avscan"

    def close(self) -> None:
        """End it with all its processes, and wait."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@contextmanager
def running_icap(folder: Path, clamd: str, *, sizelimit: str = "off") -> Iterator[Icap]:
    """A c-icap before the clamd at that socket. With a ``sizelimit``, it passes long documents unexamined."""
    if not PROGRAM.exists():
        pytest.fail(f"no {PROGRAM}: apt-get install c-icap libc-icap-mod-virus-scan (make test does it)", pytrace=False)
    folder.mkdir(parents=True, exist_ok=True)
    [modules] = Path("/usr/lib").glob("*/c_icap")
    port = _free_port()
    configuration = folder / "c-icap.conf"
    words = {"folder": folder, "port": port, "modules": modules, "clamd": clamd, "sizelimit": sizelimit}
    configuration.write_text(_CONFIGURATION.format_map(words))
    command = [str(PROGRAM), "-N", "-f", str(configuration)]
    with (folder / "out.log").open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, start_new_session=True)
    icap = Icap(process, port)
    try:
        wait_until(lambda: _listens(port), 60, "c-icap does not listen")
        yield icap
    finally:
        icap.close()


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False
