"""Contracts of the national registers: Altinn for rights, Enhetsregisteret for names."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, Protocol

from deldokument.domain.identifiers import OrganizationNumber, PersonIdentifier


@dataclass(frozen=True, slots=True)
class OrganizationGrant:
    """That a person holds roles or access packages for an organisation. Codes case-folded, without URN prefix."""

    organization_number: str
    name: str
    codes: frozenset[str]


MAX_RIGHTS_AGE = timedelta(minutes=5)


"""How old the list of a person's rights may be that lets in."""


MAX_DENIAL_AGE = timedelta(seconds=30)


"""How old it may be where it keeps out: who has just been given a right is not told for minutes that it is missing."""


class OrganizationRights(Protocol):
    """Altinn: what a person may do for organisations."""

    def grants(self, person: PersonIdentifier, oldest: timedelta = MAX_RIGHTS_AGE) -> tuple[OrganizationGrant, ...]:
        """The person's whole list, younger than ``oldest`` and five minutes; an empty one than 30 seconds.

        Raises Unavailable when it cannot be had or trusted.
        """
        ...


@dataclass(frozen=True, slots=True)
class RegisteredOrganization:
    """An organisation as Enhetsregisteret has it."""

    number: str
    name: str
    form_code: str
    status: Literal["active", "deleted", "bankrupt", "winding_up", "forced_winding_up"]


class OrganizationRegister(Protocol):
    """Enhetsregisteret."""

    def find(self, number: OrganizationNumber) -> RegisteredOrganization | None:
        """The organisation, or None when unknown or removed. Raises Unavailable when there is no answer."""
        ...
