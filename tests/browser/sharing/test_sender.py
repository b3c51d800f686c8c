"""The demo's fagsystem: the command line that the demo prints shares a file, and its recipient downloads it."""

import shlex
import subprocess
from pathlib import Path

import pytest

from tests.browser.demo import Demo
from tests.browser.files import noise, sha256
from tests.browser.general.test_main_job import download
from tests.browser.visitor import Visit


def printed_command(demo: Demo) -> str:
    """Return the command that the demo prints."""
    return next(line.strip() for line in demo.log if line.startswith("DELDOKUMENT_CLIENT_CONFIG="))


@pytest.mark.timeout(600)
@pytest.mark.parametrize("mebibytes", [70, pytest.param(1024, marks=pytest.mark.large)])
def test_the_printed_command_shares_a_file_that_ola_downloads_in_the_browser(
    visit: Visit, demo: Demo, tmp_path: Path, mebibytes: int
) -> None:
    file = noise(tmp_path / "film.bin", mebibytes * 2**20)
    sample = str(demo.data / "registers" / "vedtak.txt")
    assert sample in printed_command(demo)
    command = printed_command(demo).replace(sample, shlex.quote(str(file)))
    done = subprocess.run(["bash", "-c", f"{command} --title Film"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    link = done.stdout.strip()
    assert link.startswith(f"{demo.url}/d/")
    ola = visit("Ola Nordmann")
    ola.open_checked(link.removeprefix(demo.url))
    (tmp_path / "ola").mkdir()
    assert sha256(download(ola.page, "Last ned film.bin", tmp_path / "ola")) == sha256(file)
