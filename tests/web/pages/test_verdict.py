"""Recipients and sharers see that no virus scan was made, and the document's type by its content."""

import os
import re
from dataclasses import replace
from html import unescape

import pytest

from deldokument.adapters.documents.texts import TEXTS
from deldokument.adapters.media_types import PuremagicMediaTypes
from deldokument.crypto.manifest import InspectionRecord, manifest_hash, open_manifest, seal_inspection
from deldokument.domain.errors import existing
from deldokument.services.encryption import existing_key, share_key_id
from deldokument.services.shares.drafts import drafts
from deldokument.services.shares.published import publishing
from deldokument.web.http.responses.document_texts import kind_of, other_ending
from deldokument.web.http.responses.i18n import Translator
from tests.contract.test_media_types import package
from tests.support.browser import Web
from tests.support.bulk.sample_files import DOCX, PDF
from tests.support.stage.inspection import inspect_documents
from tests.support.stage.recorded_changes import recording
from tests.support.stage.stage import KARI, OLA, Stage, person
from tests.support.stored_data import put_in_its_place

AGREEMENTS = TEXTS / "tjenesteavtale"
ONE = {
    "nb": "Dokumentet er ikke kontrollert for virus. Åpne det bare hvis du venter noe fra Eksempel kommune",
    "nn": "Dokumentet er ikkje kontrollert for virus. Opne det berre om du ventar noko frå Eksempel kommune",
    "en": "The document has not been checked for viruses. Open it only if you expect something from Eksempel kommune",
}
MANY = "Dokumentene er ikke kontrollert for virus."
FOR_SHARERS = "Dokumentene blir ikke kontrollert for virus, og det får mottakerne vite."


def clause_9_2() -> str:
    """What the newest tenant agreement says of malware."""
    newest = max(AGREEMENTS.glob("*.md"), key=lambda path: tuple(map(int, path.stem.split("."))))
    found = re.search(r"\*\*9\.2\*\*(.*)", newest.read_text("utf-8"))
    assert found
    return found[1]


def published(stage: Stage, *documents: tuple[str, bytes]) -> str:
    """A share for Ola with these documents, not inspected."""
    share = stage.draft()
    drafts.save_draft(stage.deps, person(KARI), share.id, stage.words())
    stage.add_recipients(share.id, OLA)
    for name, content in documents:
        stage.upload(share.id, name, content)
    publishing.publish_share(stage.deps, person(KARI), share.id)
    return share.id


def words(page: str) -> str:
    """What a page says, on one line."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())


def facts(page: str) -> list[list[str]]:
    """What stands below each document's name, without the rows that only link to a page."""
    rows = re.findall(r'class="row-facts">(.*?)</p>', page.replace("\u00a0", " "), re.S)
    return [found for row in rows if (found := re.findall(r"<span>([^<]+)</span>", row))]


def judge(stage: Stage, document_id: str, verdict: str) -> None:
    """Write a verdict over the one that the document has, sealed as inspection seals it."""
    with recording(stage.deps.database) as tx:
        document = existing(tx.shares.document(document_id))
        share_key = existing_key(stage.deps.keyring, share_key_id(document.share_id))
        manifest = open_manifest(share_key, bytes.fromhex(document_id), document.sealed_manifest)
        record = InspectionRecord(manifest_hash(manifest), bytes(32), 0, "application/pdf", verdict)
        sealed = seal_inspection(share_key, manifest, record)
        tx.shares.save_document(replace(document, sealed_inspection=sealed))


def test_the_recipient_and_the_sharer_read_what_clause_9_2_of_the_agreement_promises(web: Web) -> None:
    promised = re.search("«(.+)» for mottakeren og for den som deler", clause_9_2())
    assert promised
    share_id = web.stage.publish(OLA)
    for who, path in ((OLA, f"/d/{share_id}"), (KARI, f"/delinger/{share_id}")):
        assert promised[1].lower() in words(web.browser(who).get(path).text)


@pytest.mark.parametrize("language", ["nb", "nn", "en"])
def test_the_recipient_reads_that_the_document_is_not_checked_for_viruses_and_what_to_do(
    web: Web, language: str
) -> None:
    share_id = web.stage.publish(OLA)
    page = web.browser(OLA).get(f"/d/{share_id}", headers={"Accept-Language": language}).text
    assert words(page).count(ONE[language]) == 1


def test_a_verdict_of_all_documents_is_shown_once(web: Web) -> None:
    share_id = published(web.stage, ("a.pdf", PDF), ("b.docx", DOCX), ("c.txt", b"tekst"))
    inspect_documents(web.stage.deps)
    page = web.browser(OLA).get(f"/d/{share_id}").text
    assert words(page).count("kontrollert for virus") == 1
    assert MANY in words(page)
    assert facts(page) == [["PDF", "50 byte"], ["Word-dokument", f"{len(DOCX)} byte"], ["Tekst", "5 byte"]]


def test_documents_with_different_verdicts_say_so_each(web: Web) -> None:
    share_id = published(web.stage, ("a.pdf", PDF), ("b.pdf", PDF))
    inspect_documents(web.stage.deps)
    judge(web.stage, web.stage.document_ids(share_id)[0], "clean")
    said = ["Kontrollert for virus, ingenting funnet", "Ikke kontrollert for virus"]
    for page in (web.browser(OLA).get(f"/d/{share_id}").text, web.browser(KARI).get(f"/delinger/{share_id}").text):
        assert [row[-1] for row in facts(page)[-2:]] == said
        assert MANY not in words(page)


def test_while_documents_are_read_through_nothing_is_promised_about_viruses(web: Web) -> None:
    share_id = published(web.stage, ("a.pdf", PDF))
    page = words(web.browser(OLA).get(f"/d/{share_id}").text)
    assert "Gjøres klart. Prøv igjen om litt." in page
    assert "leses gjennom én gang før du kan laste det ned, for å se at det er helt" in page
    assert "ontroller" not in page


def test_a_document_that_cannot_be_read_has_no_button_and_keeps_no_other_back(web: Web) -> None:
    share_id = published(web.stage, ("a.pdf", PDF))
    [part] = web.stage.deps.blobs.list()
    put_in_its_place(web.stage.deps.blobs, part.name, b"damaged")
    inspect_documents(web.stage.deps)
    page = web.browser(OLA).get(f"/d/{share_id}").text
    assert "Noe er galt med dokumentet, og det kan ikke lastes ned. Ta kontakt med avsenderen." in words(page)
    assert "/dokument/" not in page
    assert "kontrollert for virus" not in words(page)
    sharers = words(web.browser(KARI).get(f"/delinger/{share_id}").text)
    assert "Noe er galt med det som ble lagret, og ingen kan laste det ned. Del dokumentet på nytt." in sharers


def test_one_spoilt_document_of_several_is_left_out_of_the_zip_button(web: Web) -> None:
    share_id = published(web.stage, ("a.pdf", PDF), ("b.pdf", PDF), ("c.pdf", PDF))
    inspect_documents(web.stage.deps)
    ids = web.stage.document_ids(share_id)
    judge(web.stage, ids[1], "infected")
    page = web.browser(OLA).get(f"/d/{share_id}").text
    assert re.findall(r'href="/d/[^"]+/dokument/(\w+)"', page) == [ids[0], ids[2]]
    assert "alt.zip" not in page
    assert MANY in words(page)


def test_the_sharer_reads_it_before_sharing_after_sharing_and_on_the_shares_page(web: Web) -> None:
    stage, kari = web.stage, web.browser(KARI)
    draft = stage.draft()
    stage.upload(draft.id, "vedtak.pdf", PDF)
    inspect_documents(stage.deps)
    share_id = stage.publish(OLA, content=PDF)
    for path in (f"/del?utkast={draft.id}", "/del", f"/delinger/{draft.id}", f"/delinger/{share_id}/delt"):
        assert FOR_SHARERS in words(kari.get(path).text), path
    page = kari.get(f"/delinger/{share_id}").text
    assert words(page).count(FOR_SHARERS) == 1
    assert ["PDF", "50 byte"] in facts(page)


def test_a_share_that_is_over_says_nothing_of_what_its_documents_were(web: Web) -> None:
    share_id = web.stage.publish(OLA)
    kari = web.browser(KARI)
    kari.post(f"/delinger/{share_id}/tilbaketrekking")
    assert "virus" not in words(kari.get(f"/delinger/{share_id}").text)


def test_bytes_that_are_no_pdf_are_not_offered_as_one(web: Web) -> None:
    share_id = published(web.stage, ("vedtak.pdf", b"\xd7" + os.urandom(3000).replace(b"%", b"_")))
    inspect_documents(web.stage.deps)
    said = "Navnet slutter på .pdf, men innholdet ser ut til å være noe annet."
    for page in (web.browser(OLA).get(f"/d/{share_id}").text, web.browser(KARI).get(f"/delinger/{share_id}").text):
        assert "<span>PDF</span>" not in page
        assert said in words(page)


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("vedtak.pdf", PDF, "PDF"),
        ("brev.docx", DOCX, "Word-dokument"),
        ("skjema.docm", package("_rels/.rels", "word/vbaProject.bin"), "Word-dokument"),
        ("bilde.jpg", b"\xff\xd8\xff\xe0\x00\x10JFIF\x00", "Bilde"),
        ("notat.txt", b"Hei", "Tekst"),
        ("ukjent.bin", b"\x80\x81\x82\x83" * 9, "Ukjent type"),
        ("faktura.pdf", b"MZ\x90\x00\x03\x00\x00\x00", "Program"),
        ("film.mp4", b"\x00\x00\x00\x18ftypmp42", "Video"),
        ("side.html", b"<!DOCTYPE html><html>", "Nettside"),
        ("base.db", b"SQLite format 3\x00", "Annen type"),
    ],
)
def test_the_type_is_named_in_plain_words_by_the_content(name: str, content: bytes, kind: str) -> None:
    media_type = PuremagicMediaTypes().guess(content)
    assert Translator("nb").text(kind_of(media_type)) == kind
    assert other_ending(name, media_type) == ("pdf" if kind == "Program" else "")


@pytest.mark.parametrize(
    ("name", "media_type", "ending"),
    [
        ("VEDTAK.PDF", "application/pdf", ""),
        ("VEDTAK.PDF", "application/octet-stream", "pdf"),
        ("sak/kart/nord.png", "image/png", ""),
        ("sak.pdf/uten ending", "application/octet-stream", ""),
        ("brev.docx", "application/zip", ""),
        ("brev.docx", "application/pdf", "docx"),
        ("gammel.doc", "application/octet-stream", ""),
        ("pakke.zip", "application/x-msi", "zip"),
        ("pdf", "text/plain", ""),
        (".pdf", "text/plain", "pdf"),
    ],
)
def test_a_name_is_doubted_only_where_its_ending_leaves_no_doubt(name: str, media_type: str, ending: str) -> None:
    assert other_ending(name, media_type) == ending
