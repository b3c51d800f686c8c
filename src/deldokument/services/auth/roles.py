"""Roles of a person: accounts to share from, tenants to administer, operation of the service.

Read in one transaction, because every page needs all of them. Only current roles are returned.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from deldokument.domain.identifiers import PersonIdentifier
from deldokument.domain.tenants.tenancy import Administrator, Operator, Tenant
from deldokument.ports.dependencies import Dependencies
from deldokument.services.accounts.members import Membership, memberships_in
from deldokument.services.auth.sessions import MAX_AGE, Session, note_activity, session_hash, session_in
from deldokument.services.encryption import identifier_hash
from deldokument.services.people import (
    StaffRole,
    administrations_of,
    directory_key,
    operator_of,
    signatories_of,
    view_person,
)
from deldokument.store.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Roles:
    """The roles of one person; empty without a person."""

    memberships: tuple[Membership, ...] = ()
    """The accounts that the person may share from."""
    administered: tuple[Tenant, ...] = ()
    """The tenants that the person administers."""
    signs: tuple[Tenant, ...] = ()
    """The tenants whose service agreement the person may sign, and by that become an administrator."""
    operates: bool = False
    """Whether the person is an operator."""
    name: str = ""
    """The name that the person is registered with; empty without a role, or if it has been erased."""


def find_person(deps: Dependencies, secret: str | None) -> tuple[Session | None, Roles]:
    """Return the session as ``find_session``, and the person's current roles, read in the same transaction."""
    if not secret:
        return None, Roles()
    now = deps.clock.now()
    with deps.database.read() as tx:
        session = session_in(deps, tx, session_hash(secret), now, MAX_AGE)
        roles = _roles_in(deps, tx, session.person) if session else Roles()
    note_activity(deps, session, now)
    return session, roles


def roles_of(deps: Dependencies, person: PersonIdentifier) -> Roles:
    """Return the person's current roles."""
    with deps.database.read() as tx:
        return _roles_in(deps, tx, person)


def _roles_in(deps: Dependencies, tx: Transaction, person: PersonIdentifier) -> Roles:
    kinds = tx.staff.role_kinds(identifier_hash(directory_key(deps), person))
    administrations = administrations_of(deps, tx, person) if kinds.administers else []
    signatories = signatories_of(deps, tx, person) if kinds.administers else []
    memberships = tuple(memberships_in(deps, tx, person)) if kinds.is_member else ()
    operator = operator_of(deps, tx, person) if kinds.operates else None
    return Roles(
        memberships=memberships,
        administered=_tenants_of(tx, administrations),
        signs=_tenants_of(tx, signatories),
        operates=operator is not None,
        name=next(_names(deps, memberships, administrations + signatories, operator), ""),
    )


def _tenants_of(tx: Transaction, administrations: Sequence[Administrator]) -> tuple[Tenant, ...]:
    tenants = tx.tenants.by_ids([one.tenant_id for one in administrations])
    return tuple(one for one in tenants.values() if one.intact)


def _names(
    deps: Dependencies,
    memberships: Sequence[Membership],
    administrations: Sequence[Administrator],
    operator: Operator | None,
) -> Iterator[str]:
    """Yield the person's names; most people have one."""
    yield from (one.name for one in memberships if one.name)
    key = directory_key(deps)
    views = [view_person(key, StaffRole.ADMINISTRATOR, one) for one in administrations]
    views += [view_person(key, StaffRole.OPERATOR, operator)] if operator else []
    yield from (view.name for view in views if view.name)
