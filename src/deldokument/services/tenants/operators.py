"""Operators, who run the service for all tenants: adding, listing and removing them.

Only the command line calls this. So the last operator may be removed: a command can add another. An operator is not an
administrator of any tenant, and cannot read documents.
"""

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import require
from deldokument.domain.shares.share import new_id
from deldokument.domain.tenants.tenancy import Operator
from deldokument.ports.dependencies import Dependencies
from deldokument.services.audit.recording import mentioned_subject, record_event
from deldokument.services.encryption import EncryptedColumn, open_field
from deldokument.services.people import (
    PersonView,
    StaffRole,
    by_name,
    check_person,
    directory_key,
    sealed_person,
    view_person,
)


def add_operator(deps: Dependencies, *, number: str, name: str) -> PersonView:
    """Add an operator. Raises: InvalidInput or InvalidFields; Conflict if the person is already an operator."""
    chosen, tidy = check_person(deps, number, name)
    key = directory_key(deps)
    operator = Operator(**sealed_person(key, StaffRole.OPERATOR, new_id(), chosen, tidy))
    with deps.database.write() as tx:
        tx.staff.add_operator(operator)
        record_event(
            deps,
            tx,
            EventKind.OPERATOR_ADDED,
            operator=operator.id,
            holder=mentioned_subject(deps, tx, None, chosen.value),
        )
    return view_person(key, StaffRole.OPERATOR, operator)


def list_operators(deps: Dependencies) -> list[PersonView]:
    """Return all operators by name, numbers masked."""
    key = directory_key(deps)
    with deps.database.read() as tx:
        operators = tx.staff.operators()
    return by_name(view_person(key, StaffRole.OPERATOR, operator) for operator in operators)


def remove_operator(deps: Dependencies, *, operator_id: str) -> None:
    """Remove an operator, with effect from the next request. Raises: NotFound."""
    with deps.database.write() as tx:
        known = {one.id: one for one in tx.staff.operators()}
        is_removed = tx.staff.remove_operator(operator_id)
        sealed = require(known.get(operator_id) if is_removed else None, "operator").sealed_identifier
        number = open_field(directory_key(deps), sealed, EncryptedColumn.OPERATOR_NUMBER, operator_id)
        holder = mentioned_subject(deps, tx, None, number)
        record_event(deps, tx, EventKind.OPERATOR_REMOVED, operator=operator_id, holder=holder)
