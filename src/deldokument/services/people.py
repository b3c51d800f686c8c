"""Registered persons: number and name encrypted in the record, found by a keyed hash, shown masked.

Members, administrators and operators have records of the same form, encrypted under the directory key.

Guarantees:
- A number is checked and a name normalised before either is encrypted.
- Full numbers are not returned.
- An erased record can still be opened, as empty strings.
- A person has a role only by a record with the hash for that role; another role's hash does not count.
- A member or administrator who waits for confirmation has no role yet.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeVar

from deldokument.domain.errors import Faults, InvalidInput, existing
from deldokument.domain.identifiers import PersonIdentifier, mask_person, parse_person
from deldokument.domain.tenants.tenancy import (
    Account,
    Administrator,
    Member,
    Operator,
    Tenant,
    check_name,
    norwegian_order,
)
from deldokument.ports.dependencies import Dependencies
from deldokument.services.encryption import (
    EncryptedColumn,
    identifier_hash,
    open_field,
    role_hash,
    seal_field,
)
from deldokument.store.transaction import Transaction

_DIGITS_OF_A_NUMBER = 6
"""A name with this many digits may contain a national identity number, which would then be shown to everyone."""


class StaffRole(Enum):
    """The role of a registered person, with the columns of its encrypted number and name."""

    MEMBER = (EncryptedColumn.MEMBER_NUMBER, EncryptedColumn.MEMBER_NAME)
    ADMINISTRATOR = (EncryptedColumn.ADMINISTRATOR_NUMBER, EncryptedColumn.ADMINISTRATOR_NAME)
    OPERATOR = (EncryptedColumn.OPERATOR_NUMBER, EncryptedColumn.OPERATOR_NAME)

    @property
    def kind(self) -> str:
        """The kind of the role's hashes."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class PersonView:
    """A registered person, as shown to people."""

    id: str
    name: str
    masked: str


Registered = Member | Administrator | Operator
"""A record about a person."""
_Record = TypeVar("_Record", bound=Registered)
_View = TypeVar("_View", bound=PersonView)


def check_person(deps: Dependencies, number: str, name: str) -> tuple[PersonIdentifier, str]:
    """Return the checked number and the normalised name.

    Raises: InvalidInput; InvalidFields if both are invalid.
    """
    faults = Faults()
    allow_synthetic = deps.config.allow_synthetic
    person = faults.unless(lambda: parse_person(number, allow_synthetic=allow_synthetic, field="number"), None)
    tidy = faults.unless(lambda: _check_name(name), "")
    faults.raise_one_or_all()
    return existing(person), tidy


def _check_name(name: str) -> str:
    tidy = check_name(name)
    if sum(c.isdigit() for c in tidy) >= _DIGITS_OF_A_NUMBER:
        raise InvalidInput("name", "name_has_number")
    return tidy


def directory_key(deps: Dependencies) -> bytes:
    """Return the key of all registered persons. Raises: Broken if the keyring does not have it."""
    return deps.integrity.directory_key()


def sealed_person(key: bytes, office: StaffRole, record_id: str, person: PersonIdentifier, name: str) -> dict[str, Any]:
    """Return the fields that all records of a person have, for a checked number and a normalised name."""
    number_field, name_field = office.value
    return {
        "id": record_id,
        "lookup_hash": identifier_hash(key, person),
        "sealed_identifier": seal_field(key, person.value, number_field, record_id),
        "sealed_name": seal_field(key, name, name_field, record_id),
        "role_hash": role_hash(key, office.kind, person),
    }


def members_of(deps: Dependencies, tx: Transaction, person: PersonIdentifier) -> list[tuple[Member, Account]]:
    """Return the person's living, confirmed memberships with their accounts, sorted by account name."""
    key, now = directory_key(deps), deps.clock.now()
    found = tx.members.of_person(identifier_hash(key, person))
    acting = [member for member, _ in found if member.acts_at(now)]
    proven = {member.id for member in _with_proof(key, StaffRole.MEMBER, person, acting)}
    return [(member, account) for member, account in found if member.id in proven]


def administrations_of(deps: Dependencies, tx: Transaction, person: PersonIdentifier) -> list[Administrator]:
    """Return the person's confirmed records as administrator, one per tenant."""
    now = deps.clock.now()
    return [one for one in _as_administrator(deps, tx, person) if one.acts_at(now)]


def administration_of(
    deps: Dependencies, tx: Transaction, person: PersonIdentifier, tenant_id: str
) -> Administrator | None:
    """Return the person's record as administrator of the tenant, or None."""
    return next((one for one in administrations_of(deps, tx, person) if one.tenant_id == tenant_id), None)


def signatories_of(deps: Dependencies, tx: Transaction, person: PersonIdentifier) -> list[Administrator]:
    """Return the person's unconfirmed records as administrator that signing the service agreement would confirm.

    These are in tenants that have signed no agreement, where nobody can confirm an administrator.
    """
    now = deps.clock.now()
    waiting = [one for one in _as_administrator(deps, tx, person) if not one.acts_at(now)]
    return [one for one in waiting if not has_signed(tx, existing(tx.tenants.get(one.tenant_id)))]


def has_signed(tx: Transaction, tenant: Tenant) -> bool:
    """Return whether the tenant has ever signed a service agreement.

    Its row says so, even if the agreement's row is missing.
    """
    return tenant.activated_at is not None or bool(tx.agreements.service_agreements(tenant.id))


def _as_administrator(deps: Dependencies, tx: Transaction, person: PersonIdentifier) -> list[Administrator]:
    key = directory_key(deps)
    found = tx.staff.administrators_by_hash(identifier_hash(key, person))
    return _with_proof(key, StaffRole.ADMINISTRATOR, person, found)


def operator_of(deps: Dependencies, tx: Transaction, person: PersonIdentifier) -> Operator | None:
    """Return the person's record as operator, or None."""
    key = directory_key(deps)
    found = tx.staff.operator_by_hash(identifier_hash(key, person))
    return next(iter(_with_proof(key, StaffRole.OPERATOR, person, [found] if found else [])), None)


def _with_proof(key: bytes, office: StaffRole, person: PersonIdentifier, found: Sequence[_Record]) -> list[_Record]:
    if not found:
        return []
    proof = role_hash(key, office.kind, person)
    return [one for one in found if one.role_hash == proof]


def view_person(key: bytes, office: StaffRole, registered: Registered) -> PersonView:
    """Return the name and the masked number; both are empty if they have been erased."""
    number_field, name_field = office.value
    number = open_field(key, registered.sealed_identifier, number_field, registered.id)
    return PersonView(
        id=registered.id,
        name=open_field(key, registered.sealed_name, name_field, registered.id),
        masked=mask_person(number) if number else "",
    )


def by_name(views: Iterable[_View]) -> list[_View]:
    """Sort by name in Norwegian alphabetical order."""
    return sorted(views, key=lambda view: (norwegian_order(view.name), view.id))
