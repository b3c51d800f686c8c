"""Pages of a deployment with a scanner: who waits, what was found, and what could not be examined."""

import re
from collections.abc import Iterator
from dataclasses import replace
from html import unescape

import pytest

from deldokument.adapters.scan_samples import TEST_VIRUS
from deldokument.domain.shares.scan_policy import DEFAULT_POLICY, Handling, handling_of
from deldokument.domain.shares.share import Verdict
from deldokument.services.shares.drafts import drafts
from deldokument.services.shares.published import publishing
from tests.fakes.scanner import SIGNATURE, MemoryScanner
from tests.support.browser import EWA, Web, serve
from tests.support.stage.inspection import inspect_documents
from tests.support.stage.stage import KARI, NOON, ODD, OLA, Stage, person
from tests.web.pages.test_verdict import clause_9_2

WAITING = "Venter på viruskontroll"
WORDS = {
    Verdict.CLEAN: "Kontrollert for virus, ingenting funnet",
    Verdict.NOT_SCANNED: "kontrollert for virus",
    Verdict.TOO_LARGE: "For stort til å kontrolleres for virus",
    Verdict.ENCRYPTED: "Har passord og kan derfor ikke kontrolleres for virus",
    Verdict.ARCHIVE_LIMITS: "Pakket for mye eller for dypt til å kontrolleres for virus",
    Verdict.UNREADABLE: "Skadet og kan derfor ikke kontrolleres for virus",
    Verdict.STALE: "Kontrollert for virus som var kjent for en tid siden, ingenting funnet",
}


@pytest.fixture
def scanner(stage: Stage) -> MemoryScanner:
    """The scanner of the application."""
    memory = MemoryScanner(NOON)
    stage.deps = replace(stage.deps, scanner=memory)
    return memory


@pytest.fixture
def scanned(scanner: MemoryScanner, stage: Stage) -> Iterator[Web]:
    """The application with the scanner."""
    served = serve(stage)
    assert stage.deps.scanner is scanner
    yield served
    served.close()


def words(web: Web, number: str, path: str) -> str:
    """What the page says to that person, on one line."""
    page = web.browser(number).get(path).text
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())


def draft_of(stage: Stage, *contents: bytes, account: str = "byggesak") -> str:
    """A draft for Ola with these documents, not inspected."""
    chosen = getattr(stage, account)
    share = stage.draft(account=chosen)
    drafts.save_draft(stage.deps, person(KARI), share.id, stage.words(account_id=chosen.id))
    stage.add_recipients(share.id, OLA)
    for number, content in enumerate(contents):
        stage.upload(share.id, f"fil{number}.txt", content)
    return share.id


def test_a_document_that_waits_for_the_scanner_says_so_to_recipient_and_sharer(scanned: Web) -> None:
    share_id = draft_of(scanned.stage, b"innhold")
    assert WAITING in words(scanned, KARI, f"/delinger/{share_id}")
    publishing.publish_share(scanned.stage.deps, person(KARI), share_id)
    assert f"{WAITING}. Prøv igjen om litt." in words(scanned, OLA, f"/d/{share_id}")
    assert WAITING in words(scanned, KARI, f"/delinger/{share_id}")
    inspect_documents(scanned.stage.deps)
    for number, path in ((OLA, f"/d/{share_id}"), (KARI, f"/delinger/{share_id}")):
        page = words(scanned, number, path)
        assert WAITING not in page
        assert "ikke kontrollert for virus" not in page


@pytest.mark.parametrize("verdict", sorted([Verdict.CLEAN, *DEFAULT_POLICY]))
def test_the_recipient_and_the_sharer_read_what_was_not_examined(
    scanned: Web, scanner: MemoryScanner, verdict: Verdict
) -> None:
    scanner.verdict = verdict
    share_id = scanned.stage.publish(OLA)
    assert WORDS[verdict] in words(scanned, OLA, f"/d/{share_id}")
    assert WORDS[verdict] in words(scanned, KARI, f"/delinger/{share_id}")
    ola = scanned.browser(OLA)
    [document_id] = scanned.stage.document_ids(share_id)
    path = f"/d/{share_id}/dokument/{document_id}"
    is_warned = handling_of(DEFAULT_POLICY, verdict) is Handling.WARNED
    assert (f'href="{path}"' in ola.get(f"/d/{share_id}").text) is not is_warned
    assert ola.get(path).status_code == ola.get(f"{path}?bekreftet=ja").status_code == (409 if is_warned else 200)
    answer = ola.post(f"/d/{share_id}/advarsel", {"document": document_id})
    assert answer.headers["location"] == path
    assert ola.get(path).content == b"innhold"
    assert f'href="{path}"' in ola.get(f"/d/{share_id}").text


def test_the_recipient_reads_clause_9_2_of_the_agreement_on_a_service_with_a_scanner(
    scanned: Web, scanner: MemoryScanner
) -> None:
    clause = clause_9_2()
    scanned.stage.change_tenant(scan_policy="encrypted=held")
    for promised, verdict, shown in (
        ("Et dokument med skadevare blir ikke levert ut", Verdict.INFECTED, "og det kan ikke lastes ned"),
        ("Det som ikke kan kontrolleres, er merket med grunnen", Verdict.TOO_LARGE, WORDS[Verdict.TOO_LARGE]),
        ("får det etter å ha bekreftet en advarsel", Verdict.TOO_LARGE, "Last ned med advarsel"),
        ("må vente til en av kundens brukere slipper det fri", Verdict.ENCRYPTED, "Avsenderen avgjør om du kan laste"),
    ):
        assert promised in clause
        scanner.verdict = verdict
        assert shown in words(scanned, OLA, f"/d/{scanned.stage.publish(OLA)}")


def test_malware_is_named_on_the_draft_and_refused_at_publication(scanned: Web) -> None:
    share_id = draft_of(scanned.stage, b"innhold", TEST_VIRUS)
    inspect_documents(scanned.stage.deps)
    finding = f"Det er funnet et virus ({SIGNATURE}), og ingen kan laste det ned."
    for path in (f"/del?utkast={share_id}", f"/delinger/{share_id}"):
        assert finding in words(scanned, KARI, path)
    assert f"fil1.txt : {finding}".replace(" :", ":") in words(scanned, KARI, f"/del?utkast={share_id}")
    ids = scanned.stage.document_ids(share_id)
    with pytest.raises(Exception, match="invalid_fields"):
        publishing.publish_share(scanned.stage.deps, person(KARI), share_id, documents=ids)


def test_malware_found_later_closes_the_document_for_the_recipient(scanned: Web, scanner: MemoryScanner) -> None:
    share_id = scanned.stage.publish(OLA)
    scanned.stage.clock.advance(hours=24)
    scanner.verdict = Verdict.INFECTED
    inspect_documents(scanned.stage.deps)
    page = words(scanned, OLA, f"/d/{share_id}")
    assert "Det er funnet et virus i dokumentet, og det kan ikke lastes ned. Ta kontakt med avsenderen." in page
    assert "/dokument/" not in scanned.browser(OLA).get(f"/d/{share_id}").text
    [document_id] = scanned.stage.document_ids(share_id)
    answer = scanned.browser(OLA).get(f"/d/{share_id}/dokument/{document_id}")
    assert answer.status_code == 409
    assert "Det er funnet et virus, og ingen kan laste det ned." in words(scanned, KARI, f"/delinger/{share_id}")


def test_the_second_person_sees_what_waits_and_what_was_found(scanned: Web) -> None:
    stage = scanned.stage
    stage.change_account(stage.avtaler, rules=replace(stage.avtaler.rules, four_eyes=True))
    share_id = draft_of(stage, b"innhold", account="avtaler")
    publishing.publish_share(stage.deps, person(KARI), share_id)
    path = f"/delinger/{share_id}/godkjenning"
    assert WAITING in words(scanned, ODD, path)
    inspect_documents(stage.deps)
    assert WORDS[Verdict.CLEAN] in words(scanned, ODD, path)


def test_a_held_document_waits_for_a_member_who_decides_on_the_page(scanned: Web, scanner: MemoryScanner) -> None:
    stage = scanned.stage
    scanner.verdict = Verdict.ENCRYPTED
    stage.change_tenant(scan_policy="encrypted=held")
    share_id = stage.publish(OLA)
    [document_id] = stage.document_ids(share_id)
    deed, page = f"/delinger/{share_id}/dokumenter/{document_id}", f"/delinger/{share_id}"
    assert f"{WORDS[Verdict.ENCRYPTED]}. Avsenderen avgjør om du kan laste det ned." in words(
        scanned, OLA, f"/d/{share_id}"
    )
    assert scanned.browser(OLA).get(f"/d/{share_id}/dokument/{document_id}").status_code == 409
    assert "Mottakerne får ingenting før en bruker på kontoen slipper det fri." in words(scanned, KARI, page)
    kari = scanned.browser(KARI)
    assert kari.post(f"{deed}/frigivelse").headers["location"] == f"{page}#documents"
    assert "Sluppet fri. Mottakerne må bekrefte en advarsel først." in words(scanned, KARI, page)
    assert "En bruker slapp fri et dokument som ble holdt tilbake" in words(scanned, KARI, page)
    assert "Last ned med advarsel" in words(scanned, OLA, f"/d/{share_id}")
    assert kari.post(f"{deed}/tilbakehold").headers["location"] == f"{page}#documents"
    assert "Avsenderen avgjør" in words(scanned, OLA, f"/d/{share_id}")
    publishing.withdraw_share(stage.deps, person(KARI), share_id)
    for action in ("frigivelse", "tilbakehold"):
        assert kari.post(f"{deed}/{action}").status_code == 409


def test_an_administrator_is_stricter_than_the_operator_and_never_less_strict(scanned: Web) -> None:
    path = f"/konfigurasjon/{scanned.stage.tenant.id}/viruskontroll"
    browser = scanned.browser(EWA)
    assert (
        '<option value="released"'
        not in browser.get(path).text.partition('name="encrypted"')[2].partition("</select")[0]
    )
    assert browser.post(path, {"encrypted": "held"}).headers["location"] == f"{path}?lagret=1"
    page = words(scanned, EWA, f"{path}?lagret=1")
    assert "Reglene er lagret." in page
    refused = browser.post(path, {"encrypted": "released"})
    assert refused.status_code == 422
    assert "minst like strengt" in refused.text
