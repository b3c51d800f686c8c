"""Events about administrators, and the step that lets one act. Signing and the administrators' pages share it."""

from deldokument.domain.audit import EventKind
from deldokument.domain.identifiers import PersonIdentifier
from deldokument.domain.tenants.tenancy import Administrator
from deldokument.ports.dependencies import Dependencies
from deldokument.services.audit.recording import mentioned_subject, record_event
from deldokument.services.encryption import EncryptedColumn, open_field
from deldokument.services.people import directory_key
from deldokument.store.transaction import Transaction


def let_administrator_act(
    deps: Dependencies, tx: Transaction, administrator: Administrator, person: PersonIdentifier
) -> None:
    """Let an administrator act from now on, unless the person does so already."""
    if tx.staff.let_act(administrator.id, deps.clock.now()):
        record_administrator(deps, tx, EventKind.ADMINISTRATOR_CONFIRMED, administrator, person)


def record_administrator(
    deps: Dependencies,
    tx: Transaction,
    kind: EventKind,
    administrator: Administrator,
    person: PersonIdentifier | None,
) -> None:
    """Record an event about an administrator, with the acting person."""
    tenant_id, key = administrator.tenant_id, directory_key(deps)
    number = open_field(key, administrator.sealed_identifier, EncryptedColumn.ADMINISTRATOR_NUMBER, administrator.id)
    holder = mentioned_subject(deps, tx, tenant_id, number)
    record_event(deps, tx, kind, tenant_id=tenant_id, person=person, administrator=administrator.id, holder=holder)
