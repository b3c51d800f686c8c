"""The number of a tenant that has left."""

from datetime import UTC, datetime

from deldokument.domain.tenants.offboarding import spent_number


def test_the_number_of_a_tenant_that_has_left_carries_the_norwegian_day() -> None:
    left = datetime(2026, 11, 24, 23, 30, tzinfo=UTC)
    assert spent_number("312824450", left) == "312824450 (avsluttet 2026-11-25)"
