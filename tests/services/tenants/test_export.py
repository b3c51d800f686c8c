"""What a tenant takes with it: all of its own shares, page by page, and its papers; nothing of others."""

from dataclasses import replace
from datetime import date

import pytest

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Broken, NotFound, existing
from deldokument.domain.tenants.impact_assessment import ResidualRisk
from deldokument.services.agreements import impact_assessment
from deldokument.services.agreements.impact_assessment import AssessmentPaper, AssessmentWords
from deldokument.services.shares.display.views import ShareView, share_view
from deldokument.services.tenants import export
from deldokument.services.tenants.export import begin_export, exported_papers, exported_shares
from deldokument.services.tenants.offboarding import offboard_tenant
from tests.support.bulk import sample_files
from tests.support.stage.confirmed import add_administrator
from tests.support.stage.stage import KARI, OLA, SIV, VIGDIS, Stage, person, run_all
from tests.support.stage.tenants import record_assessment, sign_agreements
from tests.support.stored_data import do_as_owner


def shares(stage: Stage) -> list[ShareView]:
    return list(exported_shares(stage.deps, tenant_id=stage.tenant.id))


def test_every_share_of_the_tenant_is_there_with_who_shared_and_masked_numbers(stage: Stage) -> None:
    published, draft = stage.publish(title="Vedtak"), stage.draft(account=stage.avtaler).id
    stage.draft(VIGDIS, stage.barnevern)
    found = {view.share.id: view for view in shares(stage)}
    assert set(found) == {published, draft}
    assert (found[published].texts.title, found[published].sharer) == ("Vedtak", "Kari Lunde")
    assert OLA not in repr(found[published])


@pytest.mark.parametrize("page", [1, 2, 3, 4])
def test_pages_of_any_size_hold_each_share_once(stage: Stage, monkeypatch: pytest.MonkeyPatch, page: int) -> None:
    monkeypatch.setattr(export, "_PAGE", page)
    drafts = [stage.draft().id for _ in range(3)]
    stage.clock.advance(seconds=1)
    drafts.append(stage.draft().id)
    assert sorted(view.share.id for view in shares(stage)) == sorted(drafts)


def test_after_the_end_the_withdrawn_shares_are_there_until_their_names_are_erased(stage: Stage) -> None:
    published = stage.publish(title="Vedtak")
    offboard_tenant(stage.deps, tenant_id=stage.tenant.id, typed_name="Eksempel kommune")
    run_all(stage.deps)
    [view] = shares(stage)
    assert (view.share.id, view.texts.title, view.sharer) == (published, "Vedtak", "Kari Lunde")
    stage.clock.advance(days=365)
    run_all(stage.deps)
    assert shares(stage) == []


def test_who_takes_an_export_is_in_the_trail(stage: Stage) -> None:
    add_administrator(stage.deps, tenant_id=stage.tenant.id, number=SIV, name="Siv Holm")
    begin_export(stage.deps, tenant_id=stage.tenant.id, person=person(SIV))
    exports = [(who, e.tenant_id) for who, e in stage.trail() if e.kind is EventKind.TENANT_EXPORTED]
    assert exports == [(SIV, stage.tenant.id)]
    with pytest.raises(NotFound):
        begin_export(stage.deps, tenant_id="nobody", person=person(KARI))


def test_the_papers_are_the_signed_agreements_and_the_files_of_the_assessments(stage: Stage) -> None:
    sign_agreements(stage.deps, stage.tenant.id)
    record_assessment(stage.deps, stage.tenant.id)
    words = AssessmentWords("Berit Ås", "Leder", date(2026, 11, 20), ResidualRisk.LOW)
    for content in (sample_files.PDF, sample_files.DOCX):
        paper = AssessmentPaper("vurdering.pdf", content)
        impact_assessment.record_assessment(stage.deps, tenant_id=stage.tenant.id, words=replace(words, paper=paper))
    found = {paper.name: paper.content for paper in exported_papers(stage.deps, tenant_id=stage.tenant.id)}
    assert list(found) == [
        "01-hovedavtale-1.0.pdf",
        "02-tjenesteavtale-1.0.pdf",
        "03-dpia-2026-11-20-vurdering.pdf",
        "04-dpia-2026-11-20-vurdering.pdf",
    ]
    assert sorted(found.values()) == sorted([sample_files.PDF, sample_files.PDF, sample_files.PDF, sample_files.DOCX])


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ('DPIA: "skole"? <utkast>|1.pdf', "DPIA_ _skole__ _utkast__1.pdf"),
        ("vurdering på området " + "å" * 200 + ".pdf", "vurdering på området " + "å" * 104 + ".pdf"),
    ],
    ids=["signs", "length"],
)
def test_an_assessments_file_with_any_name_can_be_unpacked_on_any_system(stage: Stage, given: str, kept: str) -> None:
    paper = AssessmentPaper(given, sample_files.PDF)
    words = AssessmentWords("Berit Ås", "Leder", date(2026, 11, 20), ResidualRisk.LOW, paper=paper)
    impact_assessment.record_assessment(stage.deps, tenant_id=stage.tenant.id, words=words)
    [exported] = exported_papers(stage.deps, tenant_id=stage.tenant.id)
    assert exported.name == f"01-dpia-2026-11-20-{kept}"
    assert len(exported.name.encode()) <= 255


def test_a_tenant_without_papers_takes_none(stage: Stage) -> None:
    assert list(exported_papers(stage.deps, tenant_id=stage.tenant.id)) == []


@pytest.mark.parametrize("table", ["tenant", "account"])
def test_a_share_of_a_deleted_tenant_or_account_is_broken(stage: Stage, table: str) -> None:
    share_id = stage.publish(OLA)
    deleted = {"tenant": stage.tenant.id, "account": stage.byggesak.id}[table]
    do_as_owner(stage.database_url, f"DELETE FROM {table} WHERE id = '{deleted}'")
    with pytest.raises(Broken), stage.deps.database.read() as tx:
        share_view(stage.deps, tx, existing(tx.shares.get(share_id)))
