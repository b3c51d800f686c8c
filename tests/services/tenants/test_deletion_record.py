"""A writer of the database who forges a deletion: nothing is sealed that the event log does not prove."""

import pytest

from deldokument import worker
from deldokument.domain.errors import Conflict
from deldokument.domain.tenants.offboarding import DeletionState, TenantTotals
from deldokument.services.encryption import share_key_id
from deldokument.services.maintenance import share_keys
from deldokument.services.tenants import offboarding
from deldokument.services.tenants.deletion_certificate import deletion_paper
from deldokument.services.tenants.deletion_record import deletion_record
from deldokument.store.engine.integrity import DamagedRow
from tests.support.stage.stage import KARI, Stage, person, run_all
from tests.support.stored_data import do_as_owner


@pytest.fixture
def share_id(stage: Stage) -> str:
    """The only share of a tenant that has just ended; its key is not destroyed yet."""
    found = stage.publish()
    offboarding.offboard_tenant(
        stage.deps, tenant_id=stage.tenant.id, typed_name="Eksempel kommune", person=person(KARI)
    )
    return found


def forge_deletion(stage: Stage) -> None:
    """Let every row say that keys and contents are gone."""
    for statement in (
        "UPDATE share SET key_destroyed_at = closed_at, blobs_released = true",
        "DELETE FROM part",
        "DELETE FROM upload",
        "DELETE FROM garbage",
    ):
        do_as_owner(stage.database_url, statement)


def refuse_record(stage: Stage, code: str) -> None:
    with pytest.raises(Conflict, match=code):
        deletion_paper(stage.deps, tenant_id=stage.tenant.id)


@pytest.mark.parametrize("erased", ["", "UPDATE share SET erased_at = closed_at"])
def test_no_deletion_is_recorded_of_a_key_that_only_a_row_calls_destroyed(
    stage: Stage, share_id: str, erased: str
) -> None:
    forge_deletion(stage)
    if erased:
        do_as_owner(stage.database_url, erased)
    assert offboarding.complete_deletions(stage.deps) == 0
    assert stage.deps.damage.take() == [DamagedRow("share", share_id)]
    refuse_record(stage, "deletion_under_way")
    assert stage.deps.keyring.ids(share_key_id(share_id))


def test_the_record_is_completed_when_the_key_has_really_been_destroyed(stage: Stage, share_id: str) -> None:
    forge_deletion(stage)
    assert share_keys.destroy_remaining_keys(stage.deps, [share_id]) == 1
    assert offboarding.complete_deletions(stage.deps) == 1
    record = deletion_record(stage.deps, tenant_id=stage.tenant.id)
    assert (record.is_proven, record.destroyed_keys) == (True, 1)
    assert deletion_paper(stage.deps, tenant_id=stage.tenant.id)


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM audit_event WHERE kind = 'share_key_destroyed'",
        "UPDATE audit_event SET at = at - 1 WHERE kind = 'share_key_destroyed'",
        "UPDATE audit_event SET tag = hash WHERE kind = 'share_key_destroyed'",
    ],
)
def test_no_deletion_is_recorded_by_an_event_that_was_changed(stage: Stage, share_id: str, change: str) -> None:
    for reconcile in (*worker.ENDING, *worker.CLEARING):
        reconcile(stage.deps)
    do_as_owner(stage.database_url, change)
    assert offboarding.complete_deletions(stage.deps) == 0
    assert DamagedRow("share", share_id) in stage.deps.damage.take()


@pytest.mark.usefixtures("share_id")
def test_no_record_is_sealed_of_a_deletion_that_only_a_row_has(stage: Stage) -> None:
    do_as_owner(stage.database_url, "UPDATE tenure SET contents_deleted_at = 1")
    refuse_record(stage, "records_unproven")
    assert stage.deps.damage.take() == [DamagedRow("tenure", stage.tenant.id)]
    assert deletion_record(stage.deps, tenant_id=stage.tenant.id).state is DeletionState.UNDER_WAY


@pytest.mark.usefixtures("share_id")
def test_no_record_is_sealed_in_a_name_that_was_written_to_the_row(stage: Stage) -> None:
    run_all(stage.deps)
    do_as_owner(stage.database_url, "UPDATE tenant SET name = 'Oslo kommune'")
    refuse_record(stage, "records_unproven")


@pytest.mark.usefixtures("share_id")
@pytest.mark.parametrize("kind", ["tenant_ended", "deletion_recorded", "share_key_destroyed"])
@pytest.mark.parametrize("change", ["DELETE FROM audit_event", "UPDATE audit_event SET tag = hash"])
def test_no_record_with_changed_events_is_sealed(stage: Stage, kind: str, change: str) -> None:
    run_all(stage.deps)
    assert deletion_record(stage.deps, tenant_id=stage.tenant.id).held == TenantTotals(2, 3, 0, 1, 1, 7)
    do_as_owner(stage.database_url, f"{change} WHERE kind = '{kind}'")
    refuse_record(stage, "records_unproven")
    assert DamagedRow("tenure", stage.tenant.id) in stage.deps.damage.take()


def test_nor_is_a_deletion_recorded_of_a_tenant_with_a_forged_end(stage: Stage) -> None:
    do_as_owner(stage.database_url, "UPDATE tenant SET ended_at = 1")
    do_as_owner(stage.database_url, "DELETE FROM tenure")
    do_as_owner(
        stage.database_url,
        "INSERT INTO tenure (tenant_id, sealed_activated_by, sealed_ended_by) SELECT id, tag, tag FROM tenant",
    )
    assert offboarding.complete_deletions(stage.deps) == 0
    assert DamagedRow("tenant", stage.tenant.id) in stage.deps.damage.take()
