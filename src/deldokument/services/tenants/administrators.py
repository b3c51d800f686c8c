"""Administrators, who configure a tenant: adding, confirming, listing and removing them.

Guarantees:
- A tenant with an administrator always keeps one, even if two remove each other at once.
- An administrator added by command can act once an administrator of the tenant has confirmed it. The first one can act
  after signing the service agreement. If none is left, the person can act seven days after an e-mail to the tenant's
  contact address.
- A removed administrator loses access with the next request. The audit trail keeps the person as long as any other.
- Administrators are not members of accounts, and members are not administrators, unless they are added as both.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Conflict, Unavailable, require
from deldokument.domain.identifiers import PersonIdentifier
from deldokument.domain.messages.outbox import Result
from deldokument.domain.shares.share import new_id
from deldokument.domain.tenants.tenancy import Administrator
from deldokument.ports.dependencies import Dependencies
from deldokument.services.accounts.administrations import let_administrator_act, record_administrator
from deldokument.services.notifications.email_texts import announcement
from deldokument.services.people import (
    PersonView,
    StaffRole,
    administration_of,
    by_name,
    check_person,
    directory_key,
    has_signed,
    sealed_person,
    view_person,
)
from deldokument.store.transaction import Transaction

NOTICE = timedelta(days=7)
"""How long the tenant's contact address has known of an administrator who acts without having been confirmed."""


@dataclass(frozen=True, slots=True)
class AdministratorView(PersonView):
    """An administrator. ``acts_from`` is None while the person waits for confirmation.

    ``acts``: whether it can act now.
    """

    acts_from: datetime | None
    acts: bool


def add_administrator(
    deps: Dependencies, *, tenant_id: str, number: str, name: str, person: PersonIdentifier | None = None
) -> AdministratorView:
    """Add an administrator of the tenant. ``person`` is the acting administrator, None for a command.

    A tenant that has ended may still need an administrator. A forgotten one gets none, because the name would never be
    erased.

    Raises: InvalidInput, InvalidFields or NotFound; Conflict if the person is one already, or the tenant is forgotten.
    Unavailable if a required e-mail to the contact address was not accepted.
    """
    chosen, tidy = check_person(deps, number, name)
    is_announced = person is None and _write_to_contact(deps, tenant_id)
    with deps.database.write() as tx:
        require(tx.tenants.lock(tenant_id), "tenant")
        if tx.tenant_lifecycle.get(tenant_id).names_erased_at is not None:
            raise Conflict("service_ended")
        acts_from = None if person is None else deps.clock.now()
        administrator = insert_administrator(deps, tx, tenant_id, (chosen, tidy), person, acts_from)
        if is_announced:
            _announce(deps, tx, tenant_id)
    return _view(deps, administrator)


def insert_administrator(
    deps: Dependencies,
    tx: Transaction,
    tenant_id: str,
    checked: tuple[PersonIdentifier, str],
    person: PersonIdentifier | None,
    acts_from: datetime | None,
) -> Administrator:
    """Store a checked number and name as an administrator. Raises: Conflict if the person is one already."""
    fields = sealed_person(directory_key(deps), StaffRole.ADMINISTRATOR, new_id(), *checked)
    administrator = Administrator(tenant_id=tenant_id, acts_from=acts_from, **fields)
    tx.staff.add_administrator(administrator)
    record_administrator(deps, tx, EventKind.ADMINISTRATOR_ADDED, administrator, person)
    return administrator


def confirm_administrator(
    deps: Dependencies, *, tenant_id: str, administrator_id: str, person: PersonIdentifier
) -> None:
    """Confirm a waiting administrator, who can then act at once. ``person`` is the acting administrator.

    Idempotent. Raises: NotFound.
    """
    with deps.database.write() as tx:
        require(tx.tenants.lock(tenant_id), "tenant")
        require(administration_of(deps, tx, person, tenant_id), "administrator")
        living = {one.id: one for one in tx.staff.administrators(tenant_id)}
        let_administrator_act(deps, tx, require(living.get(administrator_id), "administrator"), person)


def _write_to_contact(deps: Dependencies, tenant_id: str, without: str = "") -> bool:
    """Send an e-mail to the contact address if nobody is left to confirm an administrator; return whether it was sent.

    ``without``: an administrator who is about to be removed. It is sent before anything is stored, because the seven
    days count from then.

    Raises: NotFound, or Unavailable if the mail server does not accept the e-mail.
    """
    with deps.database.read() as tx:
        tenant = require(tx.tenants.get(tenant_id), "tenant")
        others = [one for one in tx.staff.administrators(tenant_id) if one.id != without]
        nobody_left = has_signed(tx, tenant) and not _acting(deps, others)
    if not nobody_left or (without and all(one.acts_from for one in others)):
        return False
    if deps.mail is None or not tenant.contact.email:
        return False
    letter = announcement(new_id(), tenant.contact.email, deps.config.public_url, NOTICE.days, deps.clock.now())
    if deps.mail.send(letter).result is not Result.SENT:
        raise Unavailable("contact_not_told")
    return True


def _acting(deps: Dependencies, administrators: Iterable[Administrator]) -> list[Administrator]:
    now = deps.clock.now()
    return [one for one in administrators if one.acts_at(now)]


def _announce(deps: Dependencies, tx: Transaction, tenant_id: str) -> None:
    """Let waiting administrators act seven days after the e-mail just sent, if still nobody can confirm them."""
    administrators, acts_from = tx.staff.administrators(tenant_id), deps.clock.now() + NOTICE
    if _acting(deps, administrators):
        return
    for administrator in administrators:
        if tx.staff.let_act(administrator.id, acts_from):
            record_administrator(deps, tx, EventKind.ADMINISTRATOR_ANNOUNCED, administrator, None)


def list_administrators(deps: Dependencies, *, tenant_id: str) -> list[AdministratorView]:
    """Return the tenant's administrators by name, numbers masked. Raises: NotFound."""
    with deps.database.read() as tx:
        require(tx.tenants.get(tenant_id), "tenant")
        administrators = tx.staff.administrators(tenant_id)
    return by_name(_view(deps, administrator) for administrator in administrators)


def _view(deps: Dependencies, administrator: Administrator) -> AdministratorView:
    view = view_person(directory_key(deps), StaffRole.ADMINISTRATOR, administrator)
    acts = administrator.acts_at(deps.clock.now())
    return AdministratorView(view.id, view.name, view.masked, administrator.acts_from, acts)


def administrator_of(deps: Dependencies, *, tenant_id: str, person: PersonIdentifier) -> str | None:
    """Return the person's id as administrator of the tenant, or None."""
    with deps.database.read() as tx:
        own = administration_of(deps, tx, person, tenant_id)
    return own.id if own else None


def remove_administrator(
    deps: Dependencies, *, tenant_id: str, administrator_id: str, person: PersonIdentifier | None = None
) -> None:
    """Remove an administrator, or reject a waiting one.

    In a tenant that has signed, a waiting one can always be rejected.

    Raises: NotFound. Conflict for the last administrator, or if ``person`` removes the last who can act. Unavailable if
    a required e-mail to the contact address was not accepted.
    """
    is_announced = person is None and _write_to_contact(deps, tenant_id, without=administrator_id)
    with deps.database.write() as tx:
        # Locked before counting: if two remove each other, the second sees the removal by the first.
        tenant = require(tx.tenants.lock(tenant_id), "tenant")
        living = {administrator.id: administrator for administrator in tx.staff.administrators(tenant_id)}
        removed = require(living.pop(administrator_id, None), "administrator")
        left = living.values() if person is None else _acting(deps, living.values())
        only_waited = not _acting(deps, [removed]) and has_signed(tx, tenant)
        if not (left or only_waited):
            raise Conflict("last_administrator")
        tx.staff.remove_administrator(administrator_id)
        record_administrator(deps, tx, EventKind.ADMINISTRATOR_REMOVED, removed, person)
        if is_announced:
            _announce(deps, tx, tenant_id)
