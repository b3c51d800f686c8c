"""Progress of the deletion after a tenant has left."""

from datetime import UTC, datetime

from deldokument.domain.offboarding import DeletionState, TenantLifecycle, spent_number

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def test_a_deletion_is_under_way_until_contents_and_then_names_are_gone() -> None:
    states = [
        TenantLifecycle("t"),
        TenantLifecycle("t", contents_deleted_at=NOON),
        TenantLifecycle("t", b"", names_erased_at=NOON),
    ]
    assert [tenure.deletion for tenure in states] == list(DeletionState)


def test_the_number_of_a_tenant_that_has_left_carries_the_norwegian_day() -> None:
    left = datetime(2026, 11, 24, 23, 30, tzinfo=UTC)
    assert spent_number("312824450", left) == "312824450 (avsluttet 2026-11-25)"
