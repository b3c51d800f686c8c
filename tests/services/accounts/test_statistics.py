"""What administrators see of their tenant in figures: which accounts, which months, and never less as time goes by."""

from datetime import timedelta

import pytest

from deldokument import worker
from deldokument.domain.errors import InvalidInput, NotFound, existing
from deldokument.domain.shares.statistics import Month, NoticeCounts, ShareCounts
from deldokument.domain.tenants.tenancy import AccountRules
from deldokument.services.accounts.statistics import (
    TenantStatistics,
    document_counts,
    statistics_choices,
    tenant_statistics,
)
from deldokument.services.downloads import content as downloads_content
from deldokument.services.downloads import delivery, offers
from deldokument.services.shares.published import publishing
from tests.support.stage.stage import FJELL, KARI, ODD, OLA, PER, VIGDIS, Stage, person, run_all

NOVEMBER = Month(2026, 11)


def of_tenant(stage: Stage, **chosen: object) -> TenantStatistics:
    return tenant_statistics(stage.deps, stage.tenant.id, **chosen)  # type: ignore[arg-type]


def by_month(statistics: TenantStatistics) -> dict[str, int]:
    return {str(month.month): month.total.shares for month in statistics.months if month.total.shares}


def download(stage: Stage, share_id: str) -> None:
    [document_id] = stage.document_ids(share_id)
    content = downloads_content.open_document(stage.deps, person(OLA), share_id, document_id)
    delivery.record_delivery(stage.deps, content, 0, content.length)


def test_without_a_share_there_are_twelve_months_of_nothing(stage: Stage) -> None:
    statistics = of_tenant(stage)
    assert [str(month.month) for month in statistics.months] == [str(NOVEMBER.plus(step)) for step in range(-11, 1)]
    assert statistics.total == ShareCounts()
    held = statistics.contents
    assert (held.open_shares, held.drafts, held.documents, held.stored_bytes) == (0, 0, 0, 0)


def test_a_share_is_counted_with_its_documents_from_its_publication_on(stage: Stage) -> None:
    draft = stage.draft()
    stage.upload(draft.id, "utkast.pdf", b"12345")
    assert of_tenant(stage).total == ShareCounts()
    stage.publish(OLA, content=b"innhold")
    statistics = of_tenant(stage)
    assert statistics.months[-1].total == statistics.total == ShareCounts(shares=1, documents=1, length=7)
    held = statistics.contents
    assert (held.open_shares, held.drafts, held.documents, held.stored_bytes) == (1, 1, 2, 12)


def test_a_share_that_a_second_member_approved_is_counted_with_its_documents(stage: Stage) -> None:
    stage.add(ODD, "Odd Bakken", stage.byggesak)
    stage.change_account(stage.byggesak, rules=AccountRules(four_eyes=True))
    share_id = stage.publish(OLA, content=b"innhold")
    assert of_tenant(stage).total == ShareCounts()
    with stage.deps.database.read() as tx:
        proposed = existing(tx.shares.get(share_id))
    publishing.approve_share(stage.deps, person(ODD), share_id, seen=proposed.changed_at.isoformat())
    assert of_tenant(stage).total == ShareCounts(shares=1, documents=1, length=7)


def test_what_recipients_did_is_counted_once_a_share(stage: Stage) -> None:
    stage.publish(OLA)
    opened, downloaded = stage.publish(OLA), stage.publish(OLA, FJELL)
    offers.open_share(stage.deps, person(OLA), opened)
    for reader in (OLA, PER):
        offers.open_share(stage.deps, person(reader), downloaded)
    download(stage, downloaded)
    total = of_tenant(stage).total
    assert (total.shares, total.opened, total.downloaded, total.unopened) == (3, 2, 1, 0)


def test_after_the_end_the_figures_count_shares_never_opened_and_shares_deleted(stage: Stage) -> None:
    opened = stage.publish(OLA)
    offers.open_share(stage.deps, person(OLA), opened)
    stage.publish(OLA)
    publishing.withdraw_share(stage.deps, person(KARI), stage.publish(OLA))
    stage.clock.advance(days=10)
    before_the_worker = of_tenant(stage).total
    assert (before_the_worker.unopened, before_the_worker.deleted) == (2, 0)
    worker.end_what_is_over(stage.deps)
    statistics = of_tenant(stage)
    assert (statistics.total.unopened, statistics.total.deleted) == (2, 3)
    held = statistics.contents
    assert (held.open_shares, held.documents, held.stored_bytes) == (0, 0, 0)


def test_erasing_shares_changes_no_figure_of_the_past(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    offers.open_share(stage.deps, person(OLA), share_id)
    download(stage, share_id)
    stage.publish(OLA)
    stage.clock.advance(days=10)
    worker.end_what_is_over(stage.deps)
    before = of_tenant(stage, to_month=NOVEMBER)
    assert before.total == ShareCounts(2, 2, 14, opened=1, downloaded=1, unopened=1, deleted=2)
    stage.clock.instant += stage.tenant.retention
    run_all(stage.deps)
    with stage.deps.database.read() as tx:
        assert tx.receipts.of_shares([share_id]) == []
    assert of_tenant(stage, to_month=NOVEMBER) == before


def test_a_share_belongs_to_the_month_that_it_was_in_oslo(stage: Stage) -> None:
    stage.clock.instant = NOVEMBER.plus(1).begins_at - timedelta(seconds=1)
    stage.publish(OLA)
    stage.clock.advance(seconds=1)
    stage.publish(OLA)
    assert by_month(of_tenant(stage)) == {"2026-11": 1, "2026-12": 1}


def test_the_period_is_chosen_by_its_months(stage: Stage) -> None:
    stage.publish(OLA)
    stage.clock.advance(days=31)
    stage.publish(OLA)
    december = NOVEMBER.plus(1)
    assert by_month(of_tenant(stage)) == {"2026-11": 1, "2026-12": 1}
    assert by_month(of_tenant(stage, from_month=december)) == {"2026-12": 1}
    assert by_month(of_tenant(stage, to_month=NOVEMBER)) == {"2026-11": 1}
    assert len(of_tenant(stage, from_month=december, to_month=NOVEMBER).months) == 2
    with pytest.raises(InvalidInput, match="too_many_months"):
        of_tenant(stage, from_month=december.plus(-60))


def test_one_account_is_looked_at_by_itself(stage: Stage) -> None:
    stage.publish(OLA)
    stage.draft(KARI, stage.avtaler)
    avtaler, byggesak = of_tenant(stage).accounts
    assert (avtaler.account.id, avtaler.contents.drafts, avtaler.published.shares) == (stage.avtaler.id, 1, 0)
    assert (byggesak.account.id, byggesak.contents.drafts, byggesak.published.shares) == (stage.byggesak.id, 0, 1)
    alone = of_tenant(stage, account_id=stage.avtaler.id)
    assert (alone.accounts, alone.total, alone.contents.drafts) == ((avtaler,), ShareCounts(), 1)
    assert of_tenant(stage, account_id=stage.byggesak.id).accounts == (byggesak,)
    assert by_month(of_tenant(stage, account_id=stage.byggesak.id)) == {"2026-11": 1}


def test_a_closed_and_a_deleted_account_still_have_figures(stage: Stage) -> None:
    stage.publish(OLA)
    stage.change_account(stage.byggesak, closed_at=stage.clock.now(), deleted_at=stage.clock.now())
    assert stage.byggesak.id in {account.id for account in statistics_choices(stage.deps, stage.tenant.id).accounts}
    assert of_tenant(stage).total.shares == 1
    assert of_tenant(stage, account_id=stage.byggesak.id).total.shares == 1


def test_nothing_of_another_tenant_is_counted_and_its_accounts_do_not_exist(stage: Stage) -> None:
    stage.draft(VIGDIS, stage.barnevern)
    assert of_tenant(stage).contents.drafts == 0
    assert stage.barnevern.id not in {one.account.id for one in of_tenant(stage).accounts}
    for account_id in (stage.barnevern.id, "nothing", ""):
        with pytest.raises(NotFound):
            of_tenant(stage, account_id=account_id)


def test_the_months_to_choose_among_go_back_to_the_first_share_and_a_year_at_least(stage: Stage) -> None:
    choices = statistics_choices(stage.deps, stage.tenant.id)
    assert (choices.first, choices.last) == (NOVEMBER.plus(-11), NOVEMBER)
    stage.publish(OLA)
    assert statistics_choices(stage.deps, stage.tenant.id).first == NOVEMBER.plus(-11)
    stage.clock.advance(days=2 * 365)
    choices = statistics_choices(stage.deps, stage.tenant.id)
    assert (choices.first, choices.last) == (NOVEMBER, NOVEMBER.plus(24))


def test_the_documents_of_one_account_are_counted_with_those_of_its_drafts(stage: Stage) -> None:
    stage.upload(stage.draft().id, "utkast.pdf", b"12345")
    stage.publish(OLA, content=b"innhold")
    counts = document_counts(stage.deps, stage.byggesak.id)
    assert (counts.named, counts.stored, counts.destroyed, counts.length) == (2, 2, 0, 12)
    assert counts.stored_length > 12


def test_notices_and_text_messages_are_added_up_over_accounts_and_months() -> None:
    counts = NoticeCounts("a", NOVEMBER, "1042", 2, 3), NoticeCounts("b", NOVEMBER.plus(1), "", 1, 1)
    statistics = TenantStatistics((), (), counts)
    assert (statistics.notice_count, statistics.message_count) == (3, 4)
