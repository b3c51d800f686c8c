"""Activation («ta i bruk»): a tenant may share once its agreements and assessment are in place.

Guarantees:
- A tenant can create accounts, add members and share only from its activation to its end.
- A tenant is activated once. The same transaction checks that agreements and assessment are in place.
"""

from dataclasses import replace
from enum import StrEnum

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Conflict, require
from deldokument.domain.identifiers import PersonIdentifier
from deldokument.domain.tenants.tenancy import Tenant, must_not_have_ended
from deldokument.ports.dependencies import Dependencies
from deldokument.services.agreements.impact_assessment import acting_name
from deldokument.services.agreements.status import agreement_status
from deldokument.services.audit.recording import record_event
from deldokument.services.encryption import EncryptedColumn, seal_field, tenant_key_id
from deldokument.store.transaction import Transaction


class SetupStep(StrEnum):
    """A step before the first share. The members are in order."""

    MAIN_AGREEMENT = "main_agreement"
    SERVICE_AGREEMENT = "service_agreement"
    ASSESSMENT = "assessment"
    ACTIVATION = "activation"
    ACCOUNT = "account"
    MEMBER = "member"


def missing_steps(deps: Dependencies, tx: Transaction, tenant_id: str) -> tuple[SetupStep, ...]:
    """Return the steps that are still required for activation."""
    agreements = agreement_status(deps, tx, tenant_id)
    in_place = {
        SetupStep.MAIN_AGREEMENT: agreements.main_arrived,
        SetupStep.SERVICE_AGREEMENT: agreements.service_signed,
        SetupStep.ASSESSMENT: bool(tx.tenant_lifecycle.assessments(tenant_id)),
    }
    return tuple(step for step, is_there in in_place.items() if not is_there)


def activate(deps: Dependencies, *, tenant_id: str, person: PersonIdentifier | None = None) -> Tenant:
    """Activate the tenant. Idempotent.

    Raises: NotFound, or Conflict if the tenant has ended, or with the names of missing steps.
    """
    with deps.database.write() as tx:
        tenant = require(tx.tenants.lock(tenant_id), "tenant")
        must_not_have_ended(tenant)
        if tenant.activated_at is not None:
            return tenant
        if missing := missing_steps(deps, tx, tenant_id):
            raise Conflict("steps_missing", steps=", ".join(missing))
        activated = replace(tenant, activated_at=deps.clock.now())
        tx.tenants.save(activated)
        key = deps.keyring.create(tenant_key_id(tenant_id))
        name = seal_field(key, acting_name(deps, tx, tenant_id, person), EncryptedColumn.ACTIVATED_BY, tenant_id)
        tx.tenant_lifecycle.save(replace(tx.tenant_lifecycle.get(tenant_id), sealed_activated_by=name))
        record_event(deps, tx, EventKind.TENANT_ACTIVATED, tenant_id=tenant_id, person=person)
    return activated
