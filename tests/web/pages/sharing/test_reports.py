"""«Rapport»: the sealed PDF and the signed JSON of a share, from its page."""

import asyncio
import hashlib
import re
import subprocess
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from deldokument.adapters.documents.signing import verify_signature
from deldokument.domain.audit import BY_RECIPIENTS, EventKind
from deldokument.domain.norwegian_time import OSLO
from deldokument.services.audit.report_verification import verify_report
from deldokument.services.maintenance.seal_requests import MAX_WAITING, WorkerSigner, answer_seal_requests
from deldokument.services.shares.display.report import UNLISTED
from deldokument.services.shares.published import publishing
from deldokument.web.http.responses import report_document
from deldokument.web.http.responses.report_document import REPORTED
from tests.support.browser import Web, serve
from tests.support.bulk.sample_files import text_of
from tests.support.stage.changes import change_expiry
from tests.support.stage.stage import FJELL, KARI, OLA, person, run_all

OF_THE_DRAFT = {
    EventKind.DRAFT_STARTED,
    EventKind.DRAFT_CHANGED,
    EventKind.DRAFT_ABANDONED,
    EventKind.DRAFT_RESTORED,
    EventKind.DRAFT_HANDED_OVER,
    EventKind.PROPOSAL_RETURNED,
}
IN_THE_TABLE_OF_DOCUMENTS = {EventKind.DOCUMENT_COMPLETED, EventKind.DOCUMENT_INSPECTED, EventKind.DOCUMENT_REMOVED}
OF_SHARES = (
    "access_re",
    "share_",
    "document",
    "draft_",
    "expiry_",
    "recipient_",
    "change_",
    "confidentiality_",
    "reminder_",
)
AFTER_IT = {EventKind.SHARE_ERASED}


@pytest.mark.timeout(60)
def test_pages_are_served_while_reports_wait_for_a_worker_that_has_stopped(web: Web) -> None:
    stage = web.stage
    share_id, others = stage.publish(OLA), range(60)
    answer_seal_requests(stage.deps)
    patient = WorkerSigner(stage.deps.database, stage.deps.keyring, stage.deps.clock, looks=10**6)
    without_worker = serve(replace(stage, deps=replace(stage.deps, signer=patient)))
    kari, ola = without_worker.browser(KARI), without_worker.browser(OLA)

    async def ask() -> int:
        reports = [asyncio.create_task(kari.http.get(f"/delinger/{share_id}/rapport.pdf")) for _ in others]
        try:
            async with asyncio.timeout(40):
                while sum(report.done() for report in reports) < len(others) - MAX_WAITING:
                    await asyncio.sleep(0.01)
                return (await ola.http.get("/mine")).status_code
        finally:
            # Start the worker again.
            while not all(report.done() for report in reports):
                await asyncio.to_thread(answer_seal_requests, stage.deps)
            answers = [report.result().status_code for report in reports]
            assert sorted(answers) == [200] * MAX_WAITING + [503] * (len(others) - MAX_WAITING)

    assert without_worker.runner.run(ask()) == 200
    without_worker.close()


def test_the_final_report_is_one_sealed_page_in_bokmaal_and_nynorsk(web: Web, tmp_path: Path) -> None:
    share_id = web.stage.publish(OLA, FJELL, title="Vedtak | del 2", reference="24/117")
    web.browser(OLA).get(f"/d/{share_id}")
    publishing.withdraw_share(web.stage.deps, person(KARI), share_id)
    run_all(web.stage.deps)
    kari = web.browser(KARI)
    assert "Den endelige rapporten" in kari.get(f"/delinger/{share_id}").text
    answer = kari.get(f"/delinger/{share_id}/rapport.pdf")
    assert answer.headers["content-disposition"].startswith('attachment; filename="rapport.pdf"')
    path = tmp_path / "rapport.pdf"
    path.write_bytes(answer.content)
    output = subprocess.run(["pdfsig", "-nocert", str(path)], capture_output=True, text=True, check=False).stdout
    assert "Signature is Valid." in output
    assert "Total document signed" in output
    words = " ".join(text_of(answer.content).split())
    for said in ("Endelig rapport", "Vedtak | del 2", "24/117", "Kari Lunde, Byggesak", "FJELL AS", "Ikke åpnet"):
        assert said in words
    for said in ("Trukket tilbake", "Nøklene ødelagt", "i virksomhetens hendelseslogg", "Side 1 av 1"):
        assert said in words
    digest = hashlib.sha256(b"innhold").hexdigest()
    assert " ".join(digest[start : start + 8] for start in range(0, 64, 8)) in words
    assert OLA not in words
    kari.http.cookies.set("spraak", "nn", domain="del.example")
    nynorsk = " ".join(text_of(kari.get(f"/delinger/{share_id}/rapport.pdf").content).split())
    assert "Endeleg rapport" in nynorsk
    assert "i hendingsloggen til verksemda" in nynorsk


def test_the_report_and_the_draft_of_the_breach_notification_have_times_as_the_pages_have_them(web: Web) -> None:
    share_id = web.stage.publish(OLA)
    kari = web.browser(KARI)
    change_expiry(web.stage.deps, person(KARI), share_id, datetime(2026, 12, 5, tzinfo=OSLO))
    words = " ".join(text_of(kari.get(f"/delinger/{share_id}/rapport.pdf").content).split())
    until = "fredag 4. desember 2026 kl. 24.00"
    assert until.replace(" 2026", "") in kari.get(f"/delinger/{share_id}").text
    assert f"Tilgjengelig til {until}" in words
    assert words.count("24.00") == 2
    assert "laget tirsdag 24. november 2026 kl. 13.00." in words
    assert "kl. 13.00.00" not in words + kari.get(f"/delinger/{share_id}/avviksmelding.txt").text
    assert '"2026-12-04T23:00:00.000000+00:00"' in kari.get(f"/delinger/{share_id}/rapport.json").text


def test_each_row_of_the_report_names_its_recipient_and_no_cell_is_left_to_be_filled_in(web: Web) -> None:
    share_id = web.stage.publish(OLA, FJELL)
    [document_id] = web.stage.document_ids(share_id)
    ola = web.browser(OLA)
    ola.get(f"/d/{share_id}")
    ola.get(f"/d/{share_id}/dokument/{document_id}")
    publishing.withdraw_share(web.stage.deps, person(KARI), share_id)
    run_all(web.stage.deps)
    text = text_of(web.browser(KARI).get(f"/delinger/{share_id}/rapport.pdf").content)
    at = r"tirsdag 24\. november 2026 kl\. 13\.00"
    assert len(re.findall(rf"^ +{OLA[:6]} \*{{5}} .*{at}$", text, re.M)) == 2
    assert re.search(r"FJELL AS 312 824 450 +Ikke åpnet +–$", text, re.M)
    assert re.search(rf"Nøklene ødelagt +– +{at}$", text, re.M)


def test_the_json_of_the_page_verifies_offline(web: Web) -> None:
    share_id = web.stage.publish(OLA)
    answer = web.browser(KARI).get(f"/delinger/{share_id}/rapport.json")
    certificates = [web.stage.deps.signer.certificate()]
    verdict = verify_report(answer.content, certificates=certificates, is_signed=verify_signature)
    assert (verdict.fault, verdict.share_id, verdict.is_final) == (None, share_id, False)


def test_the_pdf_of_a_share_with_many_receipts_is_cut_and_says_so(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    share_id = web.stage.publish(OLA, FJELL)
    monkeypatch.setattr(report_document, "MAX_ROWS", 1)
    words = " ".join(text_of(web.browser(KARI).get(f"/delinger/{share_id}/rapport.pdf").content).split())
    assert "1 rader til står i rapporten som JSON." in words


def test_the_pdf_names_every_event_of_a_share_that_its_other_tables_do_not_show() -> None:
    of_shares = {kind for kind in EventKind if kind.startswith(OF_SHARES)}
    of_shares |= {EventKind.PROPOSAL_RETURNED, EventKind.MESSAGE_GIVEN_UP, EventKind.NUMBERS_DISCLOSED}
    elsewhere = BY_RECIPIENTS | OF_THE_DRAFT | IN_THE_TABLE_OF_DOCUMENTS | AFTER_IT | UNLISTED
    assert of_shares - elsewhere == REPORTED.keys() - {EventKind.WARNING_CONFIRMED, EventKind.ACCESS_REQUESTED}
