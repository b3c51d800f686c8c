"""`deldokument receive`: the program asks, Ola gives it access by keyboard, and the sender sees that it is received."""

import os
import re
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.demo import Demo
from tests.browser.files import noise, sha256
from tests.browser.visitor import Visit

OLA = "21879498012"


def test_a_program_gets_access_in_the_browser_and_receives(visit: Visit, demo: Demo, tmp_path: Path) -> None:
    file = noise(tmp_path / "kart.bin", 3 * 2**20)
    link = demo.share(file, OLA, title="Kart til programmet")
    ola = visit("Ola Nordmann")
    ola.open_checked(link)
    words = ["receive", f"{demo.url}{link}", "--to", str(tmp_path / "mottatt"), "--no-browser"]
    command = [sys.executable, "-m", "deldokument.cli.entry", *words]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | {"PYTHONUNBUFFERED": "1"}
    ) as process:
        assert process.stderr
        asked = re.search(r"code ([A-Z2-7-]{9})", process.stderr.readline())
        address = process.stderr.readline().strip()
        assert asked
        ola.page.goto(address)
        expect(ola.page.get_by_text(asked[1], exact=True)).to_be_visible()
        expect(ola.page.get_by_role("heading", name="Kart til programmet")).to_be_visible()
        ola.examine()
        ola.page.get_by_role("button", name="Gi tilgang").focus()
        ola.page.keyboard.press("Enter")
        expect(ola.page.get_by_text("Du kan lukke denne siden")).to_be_visible()
        out, faults = process.communicate(timeout=100)
    assert (process.returncode, "1 of 1 documents" in faults) == (0, True), faults
    received = tmp_path / "mottatt" / "kart.bin"
    assert out == f"{received}\n"
    assert sha256(received) == sha256(file)
    ola.open(link)
    expect(ola.page.get_by_text("Bekreftet av deg")).to_be_visible()
    ola.open("/innlogginger")
    expect(ola.page.get_by_text("Et program fikk tilgang til")).to_be_visible()
    ola.examine()
    ola.page.get_by_role("button", name="Avslutt tilgangen").focus()
    ola.page.keyboard.press("Enter")
    expect(ola.page.get_by_role("status").filter(has_text="Programmet har ikke tilgang lenger.")).to_be_visible()
