"""Scan policy of a tenant: stricter than the operator's, recorded, and at once."""

from dataclasses import replace

import pytest

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Conflict, InvalidInput
from deldokument.domain.shares.scan_policy import DEFAULT_POLICY, Handling
from deldokument.domain.shares.share import Verdict
from deldokument.services.tenants.registration import show_tenant
from deldokument.services.tenants.scan_policy import change_scan_policy
from tests.support.stage.stage import KARI, NOON, Stage, person


def change(stage: Stage, **handlings: str) -> None:
    """What an administrator sends."""
    change_scan_policy(stage.deps, person(KARI), tenant_id=stage.tenant.id, handlings=handlings)


def test_an_administrator_makes_the_operators_policy_stricter(stage: Stage) -> None:
    for _ in range(2):
        change(stage, encrypted="held", not_scanned="released")
    tenant = show_tenant(stage.deps, stage.tenant.id)
    assert tenant.scan_policy == "encrypted=held"
    assert stage.deps.config.scan_policy_of(tenant) == DEFAULT_POLICY | {Verdict.ENCRYPTED: Handling.HELD}
    recorded = [event.details for _, event in stage.trail() if event.kind is EventKind.TENANT_RULES_CHANGED]
    assert [(details or {})["changed"] for details in recorded] == ["scan_policy"]
    # A stricter operator is not made less strict.
    config = replace(stage.deps.config, scan_policy=dict.fromkeys(DEFAULT_POLICY, Handling.HELD))
    assert set(config.scan_policy_of(tenant).values()) == {Handling.HELD}


@pytest.mark.parametrize("handling", ["released", "refused", "x"])
def test_a_handling_less_strict_than_the_operators_is_not_accepted(stage: Stage, handling: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        change(stage, encrypted=handling)
    assert (caught.value.field, caught.value.code) == ("encrypted", "scan_policy")
    assert show_tenant(stage.deps, stage.tenant.id).scan_policy == ""


def test_a_tenant_that_has_ended_changes_nothing(stage: Stage) -> None:
    stage.change_tenant(ended_at=NOON)
    with pytest.raises(Conflict):
        change(stage, encrypted="held")
