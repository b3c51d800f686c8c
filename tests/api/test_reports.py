"""The report of a share by the API."""

import pytest

from deldokument.adapters.documents.signing import verify_signature
from deldokument.services.audit.report_verification import verify_report
from tests.api.test_shares import published
from tests.services.shares.display.test_disclosure import set_rules
from tests.support.bulk.sample_files import text_of
from tests.support.stage.api import Systems
from tests.support.stage.stage import OLA


def test_a_system_gets_the_report_signed_as_json_and_sealed_as_pdf(cast: Systems) -> None:
    path = f"/shares/{published(cast)}/report"
    answer = cast.reader.get(path)
    assert answer.headers["content-type"] == "application/json"
    certificates = [cast.web.stage.deps.signer.certificate()]
    verdict = verify_report(answer.content, certificates=certificates, is_signed=verify_signature)
    assert (verdict.fault, verdict.is_final) == (None, False)
    assert answer.json()["share"]["shared_by"] == "FJELL AS"
    pdf = cast.sharer.get(path, headers={"Accept": "application/pdf", "Accept-Language": "en"})
    assert pdf.headers["content-type"] == "application/pdf"
    words = " ".join(text_of(pdf.content).split())
    assert "Interim report" in words
    assert "Page 1 of 1" in words


@pytest.mark.parametrize(
    ("accept", "is_pdf"),
    [
        ("application/pdf", True),
        ("APPLICATION/PDF", True),
        ("application/pdf, application/json;q=0.9", True),
        ("application/json; q=0.5, application/pdf; q=0.8", True),
        ("application/*;q=0.5, application/json;q=0.1", True),
        ("application/pdf, */*", True),
        ("application/pdf;q=0.5, application/json", False),
        ("application/pdf;q=0", False),
        ("application/pdf;q=0, */*;q=0.1", False),
        ("application/pdf;q=high", False),
        ("application/json, application/pdf", False),
        ("application/json, */*", False),
        ("text/html", False),
        ("*/*", False),
        ("", False),
    ],
)
def test_a_report_has_the_form_that_the_accept_header_prefers(cast: Systems, accept: str, is_pdf: bool) -> None:
    answer = cast.reader.get(f"/shares/{published(cast)}/report", headers={"Accept": accept})
    assert answer.headers["content-type"] == ("application/pdf" if is_pdf else "application/json")


def test_full_numbers_are_for_systems_that_share_from_an_account_that_gives_them(cast: Systems) -> None:
    path, asked = f"/shares/{published(cast)}/report", {"full_numbers": "true"}
    assert cast.sharer.get(path, params=asked).json()["code"] == "full_numbers_missing"
    set_rules(cast.web.stage, cast.web.stage.byggesak, full_numbers=True)
    assert cast.reader.get(path, params=asked).status_code == 403
    report = cast.sharer.get(path, params=asked).json()
    assert (report["full_numbers"], report["recipients"][0]["number"]) == (True, OLA)
    assert cast.sharer.get(path).json()["recipients"][0]["number"] == f"{OLA[:6]} *****"
