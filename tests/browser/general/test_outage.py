"""A register does not answer: what is seen then. They have their own deployment, whose registers can be made to
fail."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.files import noise
from tests.browser.visitor import SharePage, Visitor
from tests.support.deployment.deployment import OLA_NUMBER, Deployment
from tests.support.deployment.memory import folder_in_memory


@pytest.fixture(scope="module")
def deployment() -> Iterator[Deployment]:
    with folder_in_memory() as folder, Deployment(folder) as running:
        yield running


@contextmanager
def silent(deployment: Deployment, register: str) -> Iterator[None]:
    """While the block runs."""
    deployment.registers.fail(register, "500")
    try:
        yield
    finally:
        deployment.registers.fail(register, "ok")


def test_with_altinn_down_the_named_person_gets_in_and_others_are_asked_to_wait(
    chromium: Browser, deployment: Deployment
) -> None:
    path = f"/d/{deployment.share([OLA_NUMBER, '312824450'], {'vedtak.txt': b'vedtak'})}"
    with silent(deployment, "altinn"):
        ola, per = Visitor(chromium, deployment.url), Visitor(chromium, deployment.url)
        ola.log_in("Ola Nordmann", path)
        expect(ola.page.get_by_role("link", name="Last ned vedtak.txt")).to_be_visible()
        ola.examine()
        ola.open("/mine")
        expect(ola.page.get_by_role("heading", name="Vi får ikke svar fra Altinn akkurat nå")).to_be_visible()
        ola.examine()
        per.log_in("Per Fjellstad")
        for waiting in (path, "/d/finnes-ikke"):
            assert per.open(waiting) == 503
            expect(per.page.get_by_text("Vi får ikke svar fra Altinn akkurat nå")).to_be_visible()
            per.examine()
        ola.close()
        per.close()


def test_with_enhetsregisteret_down_the_sharer_confirms_the_number_and_shares(
    chromium: Browser, deployment: Deployment, tmp_path: Path
) -> None:
    with silent(deployment, "enhetsregisteret"):
        kari = Visitor(chromium, deployment.url)
        kari.log_in("Kari Lunde", "/del")
        form = SharePage(kari)
        form.open()
        form.choose(noise(tmp_path / "vedtak.txt", 10))
        # An organisation that nobody in this deployment has looked up yet, because the register's answers are cached.
        form.add("311905007")
        brygga = form.recipient("311 905 007")
        expect(brygga).not_to_contain_text("BRYGGA REGNSKAP AS")
        kari.page.get_by_role("button", name="Del dokument", exact=True).click()
        link = kari.page.locator("ds-error-summary").get_by_role("link", name="Kontroller nummeret")
        expect(link).to_be_visible()
        kari.examine()
        words = "Enhetsregisteret svarer ikke; jeg har kontrollert nummeret"
        brygga.get_by_role("checkbox", name=words).check()
        kari.page.get_by_label("Originalene er arkivert").check()
        assert form.publish().startswith(deployment.url)
        kari.close()
