"""«Ta i bruk»: when a tenant may share, and what must be in place before.

Promises that no account is made, no member registered and nothing shared before the tenant has taken the service into
use or after it has left, and that it takes it into use once, with agreements and assessment in place in that very
transaction.
"""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Conflict, found
from deldokument.domain.identifiers import PersonIdentifier
from deldokument.domain.tenancy import Tenant, must_not_have_ended
from deldokument.ports.dependencies import World
from deldokument.ports.repositories.transaction import Transaction
from deldokument.services.agreements.impact_assessment import acting_name
from deldokument.services.agreements.status import standing_of
from deldokument.services.audit.recording import record
from deldokument.services.encryption import Field, papers_key_id, seal_field


class Step(StrEnum):
    """The way from nothing to the first share, in its order."""

    MAIN_AGREEMENT = "main_agreement"
    SERVICE_AGREEMENT = "service_agreement"
    ASSESSMENT = "assessment"
    ACTIVATION = "activation"
    ACCOUNT = "account"
    MEMBER = "member"


def missing_steps(world: World, tx: Transaction, tenant_id: str) -> tuple[Step, ...]:
    """What must be in place before the service is taken into use, and is not."""
    agreements = standing_of(world, tx, tenant_id)
    in_place = {
        Step.MAIN_AGREEMENT: agreements.main_arrived,
        Step.SERVICE_AGREEMENT: agreements.service_signed,
        Step.ASSESSMENT: bool(tx.tenures.assessments(tenant_id)),
    }
    return tuple(step for step, is_there in in_place.items() if not is_there)


def activate(world: World, *, tenant_id: str, person: PersonIdentifier | None = None) -> Tenant:
    """Take the service into use; asked again, it says the same and nothing more happens.

    Raises NotFound, or Conflict: the tenant has ended, or steps are missing, which are named.
    """
    with world.database.write() as tx:
        tenant = found(tx.tenancies.lock_tenant(tenant_id), "tenant")
        must_not_have_ended(tenant)
        if tenant.activated_at is not None:
            return tenant
        if missing := missing_steps(world, tx, tenant_id):
            raise Conflict("steps_missing", steps=", ".join(missing))
        activated = replace(tenant, activated_at=world.clock.now())
        tx.tenancies.save_tenant(activated)
        key = world.keyring.create(papers_key_id(tenant_id))
        name = seal_field(key, acting_name(world, tx, tenant_id, person), Field.ACTIVATED_BY, tenant_id)
        tx.tenures.save_tenure(replace(tx.tenures.tenure(tenant_id), sealed_activated_by=name))
        record(world, tx, EventKind.TENANT_ACTIVATED, tenant_id=tenant_id, person=person)
    return activated
