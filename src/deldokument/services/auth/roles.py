"""What a person is here: whose accounts to share from, which tenants to configure, whether to run the service.

Read in one transaction, since every page asks for all of it. Promises living ones only.
"""

from __future__ import annotations

from dataclasses import dataclass

from deldokument.domain.identifiers import PersonIdentifier
from deldokument.domain.tenancy import Tenant
from deldokument.ports.dependencies import Dependencies
from deldokument.services.accounts.members import Membership, memberships_in
from deldokument.services.encryption import identifier_hash
from deldokument.services.people import directory_key


@dataclass(frozen=True, slots=True)
class Roles:
    """Of one person; of nobody there are none."""

    memberships: tuple[Membership, ...] = ()
    """Where the person may share from."""
    administered: tuple[Tenant, ...] = ()
    """The tenants that the person configures."""
    operates: bool = False
    """Whether the person runs the service."""


def roles_of(deps: Dependencies, person: PersonIdentifier) -> Roles:
    """What the person is now."""
    lookup_hash = identifier_hash(directory_key(deps), person)
    with deps.database.read() as tx:
        ids = tx.staff.role_ids(lookup_hash)
        return Roles(
            memberships=tuple(memberships_in(deps, tx, person)) if ids.is_member else (),
            administered=tuple(tx.tenants.by_ids(ids.tenant_ids).values()),
            operates=ids.operates,
        )
