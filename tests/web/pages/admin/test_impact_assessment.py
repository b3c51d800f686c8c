"""«DPIA»: templates, recording with a file, the history, and all that is refused."""

import re
from typing import Any

import httpx
import pytest

from deldokument.domain.tenants.agreement import AgreementKind
from deldokument.domain.tenants.impact_assessment import DOCX, MAX_ATTACHMENT_BYTES, ResidualRisk
from deldokument.services.agreements import texts
from deldokument.services.agreements.impact_assessment import AssessmentView, list_assessments
from tests.support.browser import EWA, Browser, Web
from tests.support.bulk import sample_files
from tests.support.stage.stage import KARI, VIGDIS
from tests.support.stage.tenants import record_assessment

FORM = {"assessor": "Berit Ås", "role": "Enhetsleder", "done_on": "2026-11-20", "risk": "low"}


@pytest.fixture
def ewa(web: Web) -> Browser:
    """The administrator, logged in."""
    return web.browser(EWA)


def path(web: Web, *below: str) -> str:
    return "/".join((f"/konfigurasjon/{web.stage.tenant.id}/dpia", *below))


def send(web: Web, browser: Browser, content: bytes | None = None, name: str = "dpia.pdf", **fields: str) -> Any:
    """The form as a browser sends it: with a file field, empty when no file is chosen."""
    files = {"paper": (name if content is not None else "", content or b"")}
    return browser.post(path(web), FORM | fields, files=files)


def recorded(web: Web) -> list[AssessmentView]:
    return list_assessments(web.stage.deps, tenant_id=web.stage.tenant.id)


def faults(answer: httpx.Response) -> set[str]:
    """The fields that the summary of faults leads to."""
    summary = answer.text.partition("<ds-error-summary")[2].partition("</ds-error-summary>")[0]
    return set(re.findall(r'href="#([\w-]+)"', summary))


def test_an_assessment_is_recorded_and_shown_with_who_when_and_the_risk(web: Web, ewa: Browser) -> None:
    answer = send(web, ewa)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{path(web)}?registrert=1")
    page = ewa.get(answer.headers["location"]).text
    assert "Vurderingen er registrert." in page
    for words in ("Berit Ås, Enhetsleder", "20. november 2026", "Lav", "Ewa Kowalska", "20. november 2027"):
        assert words in page
    assert [view.file_name for view in recorded(web)] == [""]


def test_the_same_form_sent_twice_is_recorded_once(web: Web, ewa: Browser) -> None:
    for _time in range(2):
        assert send(web, ewa, sample_files.PDF).status_code == 303
    assert len(recorded(web)) == 1


def test_without_a_file_field_at_all_the_form_is_good_too(web: Web, ewa: Browser) -> None:
    assert ewa.post(path(web), FORM).status_code == 303
    assert len(recorded(web)) == 1


def test_a_form_that_comes_back_holds_what_was_typed_and_leads_to_each_fault(web: Web, ewa: Browser) -> None:
    typed = {"assessor": "B", "role": "", "done_on": "2026-11-25", "risk": "high"}
    answer = send(web, ewa, b"MZ program", **typed)
    assert answer.status_code == 422
    assert "<title>Feil: " in answer.text
    assert faults(answer) == {"assessor", "role", "done_on", "consulted", "paper"}
    assert all(f'id="{field}"' in answer.text for field in faults(answer))
    assert 'value="B"' in answer.text
    assert 'value="2026-11-25"' in answer.text
    assert re.search(r'id="risk-high"[^>]* checked', answer.text)
    assert "Hadde du valgt en fil, må du velge den på nytt." in answer.text
    assert recorded(web) == []


def test_nothing_chosen_is_reported_field_by_field(web: Web, ewa: Browser) -> None:
    assert faults(send(web, ewa, assessor="", role="", done_on="i går", risk="")) == {
        "assessor",
        "role",
        "done_on",
        "risk",
    }


def test_a_high_risk_is_recorded_only_when_datatilsynet_has_been_consulted(web: Web, ewa: Browser) -> None:
    assert "Datatilsynet være rådspurt først" in send(web, ewa, risk="high").text
    assert recorded(web) == []
    assert send(web, ewa, risk="high", consulted="on").status_code == 303
    assert recorded(web)[0].risk is ResidualRisk.HIGH
    assert "Datatilsynet er rådspurt." in ewa.get(path(web)).text


def test_the_form_does_not_propose_the_data_protection_officer_as_the_one_responsible(web: Web, ewa: Browser) -> None:
    hint = re.search(r"For eksempel kommunedirektør[^<]*", ewa.get(path(web)).text)
    assert hint
    examples, _, officer = hint[0].partition(".")
    assert "personvernombud" not in examples.lower()
    assert officer.strip() == "Personvernombudet gir råd, men er ikke ansvarlig."


def test_earlier_records_stay_in_the_history(web: Web, ewa: Browser) -> None:
    send(web, ewa)
    web.stage.clock.advance(minutes=5)
    send(web, ewa, assessor="Nils Sara")
    page = ewa.get(path(web)).text
    assert page.index("Nils Sara") < page.index("Registrert tidligere") < page.index("Berit Ås")


def test_an_assessment_a_year_old_should_be_reviewed_and_the_page_says_so(web: Web, ewa: Browser) -> None:
    send(web, ewa)
    assert "Bør gjennomgås 20. november 2027." in ewa.get(path(web)).text
    web.stage.clock.advance(days=361)
    assert "Vurderingen ble ett år gammel 20. november 2027." in web.browser(EWA).get(path(web)).text


def test_after_the_end_the_history_can_be_read_and_nothing_recorded(web: Web, ewa: Browser) -> None:
    send(web, ewa, sample_files.PDF)
    web.stage.change_tenant(ended_at=web.stage.clock.now())
    page = ewa.get(path(web)).text
    assert "Berit Ås" in page
    assert f'action="{path(web)}"' not in page
    assert send(web, ewa, assessor="Nils Sara").status_code == 409
    assert ewa.get(path(web, recorded(web)[0].id, "fil")).status_code == 200


def test_a_file_comes_back_as_it_was_as_an_attachment_of_the_kind_of_its_content(web: Web, ewa: Browser) -> None:
    assert send(web, ewa, sample_files.DOCX, "vurdering æøå.pdf").status_code == 303
    answer = ewa.get(path(web, recorded(web)[0].id, "fil"))
    assert answer.content == sample_files.DOCX
    assert answer.headers["content-type"] == DOCX
    assert answer.headers["content-disposition"].startswith("attachment;")
    assert "vurdering%20%C3%A6%C3%B8%C3%A5.pdf" in answer.headers["content-disposition"]
    assert answer.headers["content-security-policy"].startswith("sandbox")


def test_a_file_of_another_kind_is_refused_though_its_name_says_pdf(web: Web, ewa: Browser) -> None:
    answer = send(web, ewa, b"<html><script>alert(1)</script>", "dpia.pdf")
    assert (answer.status_code, faults(answer)) == (422, {"paper"})
    assert recorded(web) == []


def test_a_file_of_just_the_limit_is_taken_and_one_byte_more_is_not(web: Web, ewa: Browser) -> None:
    largest = sample_files.PDF + bytes(MAX_ATTACHMENT_BYTES - len(sample_files.PDF))
    answer = send(web, ewa, largest + b"\0")
    assert (answer.status_code, faults(answer)) == (422, {"paper"})
    assert "Filen er større enn 10 MB." in answer.text
    assert 'value="Berit Ås"' in answer.text
    assert send(web, ewa, largest).status_code == 303
    assert recorded(web)[0].length == MAX_ATTACHMENT_BYTES


@pytest.mark.parametrize("number", [KARI, VIGDIS, None])
def test_a_stranger_gets_neither_page_nor_file_and_sends_nothing(web: Web, ewa: Browser, number: str | None) -> None:
    send(web, ewa, sample_files.PDF)
    stranger = web.browser(number)
    expected = 404 if number else 303
    for place in (path(web), path(web, recorded(web)[0].id, "fil"), path(web, "maler", "dpia.pdf")):
        assert stranger.get(place).status_code == expected
    assert send(web, stranger, sample_files.PDF, assessor="Siv Holm").status_code == expected
    assert len(recorded(web)) == 1


def test_a_file_of_another_tenant_is_not_found_under_ones_own(web: Web, ewa: Browser) -> None:
    theirs = record_assessment(web.stage.deps, web.stage.barnevern.tenant_id)
    assert ewa.get(path(web, theirs.id, "fil")).status_code == 404


def test_a_form_without_the_sessions_token_records_nothing(web: Web, ewa: Browser) -> None:
    answer = ewa.request("POST", path(web), data=FORM, files={"paper": ("a.pdf", sample_files.PDF)})
    assert answer.status_code == 403
    assert recorded(web) == []


def test_a_template_is_offered_when_the_operator_has_published_it(web: Web, ewa: Browser) -> None:
    assert "ikke publisert noen maler" in ewa.get(path(web)).text
    assert ewa.get(path(web, "maler", "dpia.pdf")).status_code == 404
    for kind in (AgreementKind.ASSESSMENT, AgreementKind.RISK):
        texts.publish_agreement(web.stage.deps, kind, web.stage.deps.texts.versions(kind)[-1])
    page = ewa.get(path(web)).text
    for name in ("dpia.pdf", "dpia.docx", "ros.pdf", "ros.docx"):
        assert f'href="{path(web, "maler", name)}"' in page
        answer = ewa.get(path(web, "maler", name))
        assert answer.status_code == 200
        assert answer.content.startswith(b"%PDF" if name.endswith("pdf") else b"PK")
        assert answer.headers["content-disposition"].startswith("attachment;")


@pytest.mark.parametrize("name", ["hovedavtale.pdf", "dpia.odt", "dpia", "dpia.pdf.docx", "..pdf"])
def test_an_unknown_template_is_not_found(web: Web, ewa: Browser, name: str) -> None:
    for kind in AgreementKind:
        texts.publish_agreement(web.stage.deps, kind, web.stage.deps.texts.versions(kind)[-1])
    assert ewa.get(path(web, "maler", name)).status_code == 404
