"""The impact assessment: recorded with who, when, risk and file; kept sealed; the newest counts."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from deldokument.domain.audit import AuditEvent, EventKind
from deldokument.domain.errors import Conflict, InvalidFields, NotFound
from deldokument.domain.tenants.agreement import AgreementKind
from deldokument.domain.tenants.impact_assessment import DOCX, MAX_ATTACHMENT_BYTES, ODT, PDF, ResidualRisk
from deldokument.services.agreements import texts
from deldokument.services.agreements.impact_assessment import (
    AssessmentPaper,
    AssessmentView,
    AssessmentWords,
    list_assessments,
    newest_assessment,
    open_paper,
    published_templates,
    record_assessment,
)
from deldokument.services.encryption import tenant_key_id
from tests.support.bulk import sample_files
from tests.support.bulk.sample_files import zipped
from tests.support.stage.confirmed import add_administrator
from tests.support.stage.stage import NOON, SIV, Stage, person
from tests.support.stored_data import everything

WORDS = AssessmentWords("Berit Ås", "Enhetsleder", date(2026, 11, 20), ResidualRisk.LOW)
PAPER = AssessmentPaper("DPIA «Del dokument».pdf", sample_files.PDF)


@pytest.fixture(autouse=True)
def siv_administers(stage: Stage) -> None:
    add_administrator(stage.deps, tenant_id=stage.tenant.id, number=SIV, name="Siv Holm")


def recorded(stage: Stage, **changes: Any) -> AssessmentView:
    words = replace(WORDS, **changes)
    return record_assessment(stage.deps, tenant_id=stage.tenant.id, words=words, person=person(SIV))


def events(stage: Stage) -> list[AuditEvent]:
    with stage.deps.database.read() as tx:
        return [event for _, event in tx.audit.events() if event.kind is EventKind.ASSESSMENT_RECORDED]


def refused(stage: Stage, **changes: Any) -> dict[str, str]:
    """The codes by their fields."""
    with pytest.raises(InvalidFields) as caught:
        recorded(stage, **changes)
    assert list_assessments(stage.deps, tenant_id=stage.tenant.id) == []
    return {error.field: error.code for error in caught.value.errors}


def test_an_assessment_is_recorded_with_who_when_and_the_risk_that_is_left(stage: Stage) -> None:
    view = recorded(stage, assessor="  Berit   Ås ", role=" Enhetsleder ")
    assert (view.assessor, view.role, view.recorder) == ("Berit Ås", "Enhetsleder", "Siv Holm")
    assert (view.done_on, view.risk, view.recorded_at) == (WORDS.done_on, ResidualRisk.LOW, NOON)
    assert (view.review_on, view.is_due, view.file_name) == (date(2027, 11, 20), False, "")
    assert list_assessments(stage.deps, tenant_id=stage.tenant.id) == [view]
    [event] = events(stage)
    assert event.subject_id
    assert event.details == {"assessment": view.id, "risk": "low"}


def test_a_record_by_the_operator_names_no_administrator(stage: Stage) -> None:
    view = record_assessment(stage.deps, tenant_id=stage.tenant.id, words=WORDS)
    assert view.recorder == ""
    assert events(stage)[0].subject_id is None


def test_an_administrator_of_another_tenant_is_not_named_as_this_ones(stage: Stage) -> None:
    view = record_assessment(stage.deps, tenant_id=stage.barnevern.tenant_id, words=WORDS, person=person(SIV))
    assert view.recorder == ""


def test_the_newest_record_counts_and_the_earlier_ones_stay(stage: Stage) -> None:
    first = recorded(stage)
    stage.clock.advance(days=1)
    second = recorded(stage, risk=ResidualRisk.HIGH, consulted=True)
    assert list_assessments(stage.deps, tenant_id=stage.tenant.id) == [second, first]
    with stage.deps.database.read() as tx:
        assert newest_assessment(stage.deps, tx, stage.tenant.id) == second
        assert newest_assessment(stage.deps, tx, stage.barnevern.tenant_id) is None


@pytest.mark.parametrize("paper", [None, PAPER])
def test_the_same_record_sent_twice_is_one_record(stage: Stage, paper: AssessmentPaper | None) -> None:
    assert recorded(stage, paper=paper) == recorded(stage, paper=paper)
    assert len(events(stage)) == 1


def test_another_file_of_the_same_name_and_length_is_a_record_anew(stage: Stage) -> None:
    recorded(stage, paper=PAPER)
    recorded(stage, paper=replace(PAPER, content=sample_files.PDF[:-2] + b" \n"))
    assert len(list_assessments(stage.deps, tenant_id=stage.tenant.id)) == 2


def test_an_assessment_a_year_old_is_due_and_still_counts(stage: Stage) -> None:
    recorded(stage)
    stage.clock.advance(days=360)
    [view] = list_assessments(stage.deps, tenant_id=stage.tenant.id)
    assert not view.is_due
    stage.clock.advance(days=1)
    [view] = list_assessments(stage.deps, tenant_id=stage.tenant.id)
    assert view.is_due


def test_all_that_is_missing_is_reported_at_once(stage: Stage) -> None:
    assert refused(stage, assessor=" ", role=" ", done_on=None, risk=None) == {
        "assessor": "name_length",
        "role": "role_missing",
        "done_on": "date_missing",
        "risk": "risk_missing",
    }


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"done_on": date(2026, 11, 25)}, {"done_on": "date_in_the_future"}),
        ({"done_on": date(26, 11, 24)}, {"done_on": "date_too_early"}),
        ({"role": "a" * 101}, {"role": "text_too_long"}),
        ({"risk": ResidualRisk.HIGH}, {"consulted": "consultation_missing"}),
        ({"paper": AssessmentPaper("a.pdf", b"")}, {"paper": "paper_type"}),
        ({"paper": AssessmentPaper("/", sample_files.PDF)}, {"paper": "file_name_missing"}),
        ({"paper": AssessmentPaper("a.pdf", b"", too_large=True)}, {"paper": "paper_too_large"}),
        ({"paper": AssessmentPaper("a.pdf", bytes(MAX_ATTACHMENT_BYTES + 1))}, {"paper": "paper_too_large"}),
    ],
)
def test_what_breaks_a_rule_is_refused(stage: Stage, changes: dict[str, Any], expected: dict[str, str]) -> None:
    assert refused(stage, **changes) == expected


def test_an_assessment_of_a_tenant_that_does_not_exist_is_not_found(stage: Stage) -> None:
    with pytest.raises(NotFound):
        record_assessment(stage.deps, tenant_id="nobody", words=WORDS)


def test_a_tenant_that_has_ended_records_nothing_more(stage: Stage) -> None:
    with stage.deps.database.write() as tx:
        tx.tenants.save(replace(stage.tenant, ended_at=NOON))
    with pytest.raises(Conflict, match="service_ended"):
        recorded(stage)
    assert events(stage) == []


@pytest.mark.parametrize(
    ("content", "media_type"),
    [(sample_files.PDF, PDF), (b"%PDF-1.4 all letters %%EOF", PDF), (sample_files.ODT, ODT), (sample_files.DOCX, DOCX)],
    ids=["pdf", "pdf of letters", "odt", "docx"],
)
def test_a_files_type_follows_from_its_content_and_not_its_name(stage: Stage, content: bytes, media_type: str) -> None:
    view = recorded(stage, paper=AssessmentPaper("regneark.xlsx", content))
    assert (view.media_type, view.length, view.file_name) == (media_type, len(content), "regneark.xlsx")
    assert open_paper(stage.deps, tenant_id=stage.tenant.id, assessment_id=view.id) == (view, content)


@pytest.mark.parametrize(
    "content",
    [
        b"MZ\x90\x00 program",
        b"<html>",
        zipped(("vedtak.txt", "hei")),
        zipped(("[Content_Types].xml", "<Types/>"), ("xl/workbook.xml", "<workbook/>")),
        zipped(("mimetype", "application/vnd.oasis.opendocument.spreadsheet"), ("content.xml", "")),
        b"word/document.xml [Content_Types].xml",
    ],
)
def test_a_file_of_another_kind_is_refused_though_its_name_says_pdf(stage: Stage, content: bytes) -> None:
    assert refused(stage, paper=AssessmentPaper("dpia.pdf", content)) == {"paper": "paper_type"}


def test_names_and_files_are_nowhere_in_the_database_in_the_clear(stage: Stage) -> None:
    marked = sample_files.PDF + b"kanarifugl"
    recorded(stage, assessor="Kanarifugl Ås", paper=AssessmentPaper("kanarifugl.pdf", marked))
    assert b"anarifugl" not in everything(stage)


@pytest.mark.parametrize("of", [lambda s: s.barnevern.tenant_id, lambda _: "nobody"])
def test_a_file_of_another_tenant_is_not_found(stage: Stage, of: Callable[[Stage], str]) -> None:
    view = recorded(stage, paper=PAPER)
    with pytest.raises(NotFound):
        open_paper(stage.deps, tenant_id=of(stage), assessment_id=view.id)


def test_an_assessment_without_a_file_has_none_to_open(stage: Stage) -> None:
    view = recorded(stage)
    with pytest.raises(NotFound):
        open_paper(stage.deps, tenant_id=stage.tenant.id, assessment_id=view.id)


def test_without_the_tenants_key_the_file_cannot_be_read(stage: Stage) -> None:
    view = recorded(stage, paper=PAPER)
    stage.deps.keyring.destroy([tenant_key_id(stage.tenant.id)])
    with pytest.raises(Exception, match="broken"):
        open_paper(stage.deps, tenant_id=stage.tenant.id, assessment_id=view.id)


def test_templates_are_there_when_the_operator_has_published_them(stage: Stage) -> None:
    assert published_templates(stage.deps) == []
    for kind in (AgreementKind.RISK, AgreementKind.MAIN):
        texts.publish_agreement(stage.deps, kind, stage.deps.texts.versions(kind)[-1])
    assert published_templates(stage.deps) == [AgreementKind.RISK]


def test_reminders_are_by_the_day_in_norway(stage: Stage) -> None:
    stage.clock.instant = NOON.replace(hour=23, minute=30)
    view = recorded(stage, done_on=date(2026, 11, 25))
    assert view.review_on - view.done_on == timedelta(days=365)
