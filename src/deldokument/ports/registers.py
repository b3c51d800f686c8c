"""Contracts of the national registers: Altinn for rights, Enhetsregisteret for names."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, Protocol

from deldokument.domain.identifiers import OrganizationNumber, PersonIdentifier
from deldokument.domain.messages.email_addresses import Language


@dataclass(frozen=True, slots=True)
class OrganizationGrant:
    """The roles and access packages that a person holds for an organisation.

    ``codes`` are case-folded, without URN prefix.
    """

    organization_number: str
    name: str
    codes: frozenset[str]


MAX_RIGHTS_AGE = timedelta(minutes=5)
"""Maximum age of a cached list of rights that grants access."""


MAX_DENIAL_AGE = timedelta(seconds=30)
"""Maximum age of a cached list that denies access. Short, so that a right granted just now soon takes effect."""


class OrganizationRights(Protocol):
    """Altinn: rights of persons for organisations."""

    def grants(self, person: PersonIdentifier, oldest: timedelta = MAX_RIGHTS_AGE) -> tuple[OrganizationGrant, ...]:
        """Return the complete list of the person's grants.

        A list with grants is younger than ``oldest`` and MAX_RIGHTS_AGE. An empty list is also younger than
        MAX_DENIAL_AGE.

        Raises: Unavailable if the list cannot be fetched or trusted.
        """
        ...


@dataclass(frozen=True, slots=True)
class RegisteredOrganization:
    """An organisation as registered in Enhetsregisteret. ``language``: its chosen language, if known."""

    number: str
    name: str
    form_code: str
    status: Literal["active", "deleted", "bankrupt", "winding_up", "forced_winding_up"]
    language: Language | None = None

    @property
    def is_winding_up(self) -> bool:
        """Whether it is being wound up, voluntarily or by force."""
        return self.status in {"winding_up", "forced_winding_up"}


class OrganizationRegister(Protocol):
    """Enhetsregisteret."""

    def find(self, number: OrganizationNumber) -> RegisteredOrganization | None:
        """Return the organisation; None if it is unknown or removed. Raises: Unavailable if there is no response."""
        ...
