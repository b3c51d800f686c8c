"""Scan policy of a tenant: stricter handling of verdicts than the operator's, set by an administrator.

Guarantees:
- A stored handling is stricter than the operator's at that time. If the operator's is stricter later, that one applies.
"""

from collections.abc import Mapping
from dataclasses import replace

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import InvalidInput, require
from deldokument.domain.identifiers import PersonIdentifier
from deldokument.domain.shares.scan_policy import CHOICES, Handling, ScanPolicy, is_stricter, written_policy
from deldokument.domain.shares.share import Verdict
from deldokument.domain.tenants.tenancy import Tenant, must_not_have_ended
from deldokument.ports.dependencies import Dependencies
from deldokument.services.audit.recording import record_event


def change_scan_policy(
    deps: Dependencies, person: PersonIdentifier, *, tenant_id: str, handlings: Mapping[str, str]
) -> Tenant:
    """Set the tenant's handling of verdicts, by their names; the operator's handling applies to all others.

    Raises: InvalidInput for a handling that is unknown or less strict than the operator's; NotFound or Conflict.
    """
    policy = _check_handlings(deps.config.scan_policy, handlings)
    with deps.database.write() as tx:
        tenant = require(tx.tenants.lock(tenant_id), "tenant")
        must_not_have_ended(tenant)
        changed = replace(tenant, scan_policy=written_policy(policy))
        if changed != tenant:
            tx.tenants.save(changed)
            record_event(
                deps, tx, EventKind.TENANT_RULES_CHANGED, tenant_id=tenant_id, person=person, changed="scan_policy"
            )
    return changed


def _check_handlings(operators: ScanPolicy, handlings: Mapping[str, str]) -> ScanPolicy:
    """Return the handlings that are stricter than the operator's. Raises: InvalidInput."""
    chosen: dict[Verdict, Handling] = {}
    for verdict, least in operators.items():
        given = handlings.get(verdict, least)
        if given not in CHOICES or is_stricter(least, Handling(given)):
            raise InvalidInput(verdict, "scan_policy")
        if is_stricter(Handling(given), least):
            chosen[verdict] = Handling(given)
    return chosen
