"""Rights in the Altinn simulator, and their representation in a list of parties.

Guarantees:
- A right for a unit includes its subunits.
- If a person has rights only in a subunit, the unit above is listed without rights.

Source: Altinn/altinn-authorization-tmp, AuthorizedPartyDto (2026-08).
"""

from dataclasses import dataclass
from typing import Any, Final, Self

from deldokument.simulators.common.cast import Cast, Organization, Person

_INACTIVE: Final = frozenset({"deleted", "removed"})


@dataclass(frozen=True, slots=True)
class Held:
    """Roles and packages of one person for one organisation."""

    roles: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.roles or self.packages)

    def join(self, other: Self) -> Self:
        """Return the roles and packages of both, without duplicates."""
        return type(self)(
            tuple(dict.fromkeys(self.roles + other.roles)), tuple(dict.fromkeys(self.packages + other.packages))
        )


@dataclass(frozen=True, slots=True)
class Question:
    """A validated query for authorized parties."""

    person: str
    roles: bool
    packages: bool
    inactive: bool


class Register:
    """Current rights: the rights of the cast, with changes made at run time."""

    def __init__(self, cast: Cast) -> None:
        self.cast = cast
        self._held = {(right.person, right.organization): Held(right.roles, right.packages) for right in cast.rights}

    def change(self, person: Person, organization: Organization, held: Held) -> None:
        self._held[person.key, organization.number] = held

    def held(self, person_identifier: str, number: str) -> Held | None:
        """Return a person's rights for an organisation, including those inherited from the unit above.

        Returns None if the person or the unit is unknown, or the unit is deleted or removed.
        """
        person, unit = self.cast.person(person_identifier), self.cast.organization(number)
        if person is None or unit is None or unit.status in _INACTIVE:
            return None
        above = self._held.get((person.key, unit.parent), Held()) if unit.parent else Held()
        return above.join(self._held.get((person.key, unit.number), Held()))

    def parties(self, question: Question) -> list[dict[str, Any]]:
        person = self.cast.person(question.person)
        if person is None:
            return []
        parties = [_person_party(person, question)]
        for main in self.cast.organizations:
            if main.parent is None and (party := self._main_unit(person, main, question)):
                parties.append(party)
        return parties

    def _main_unit(self, person: Person, main: Organization, question: Question) -> dict[str, Any] | None:
        held = self._held.get((person.key, main.number), Held())
        subunits = [
            party
            for subunit in self.cast.subunits(main.number)
            if (party := self._subunit(person, subunit, held, question))
        ]
        if (not question.inactive and main.status in _INACTIVE) or not (subunits or held):
            return None
        return _organization_party(main, held, question, subunits)

    def _subunit(
        self, person: Person, subunit: Organization, inherited: Held, question: Question
    ) -> dict[str, Any] | None:
        held = inherited.join(self._held.get((person.key, subunit.number), Held()))
        if not held or (not question.inactive and subunit.status in _INACTIVE):
            return None
        return _organization_party(subunit, held, question, [])


def _person_party(person: Person, question: Question) -> dict[str, Any]:
    return {
        "type": "Person",
        "personId": person.identifier,
        "name": person.name,
        "organizationNumber": None,
        "isDeleted": False,
        "onlyHierarchyElementWithNoAccess": False,
        "authorizedRoles": ["privatperson", "priv", "a0236"] if question.roles else [],
        "authorizedAccessPackages": [],
        "subunits": [],
    }


def _organization_party(
    unit: Organization, held: Held, question: Question, subunits: list[dict[str, Any]]
) -> dict[str, Any]:
    return {
        "type": "Organization",
        "name": unit.name,
        "organizationNumber": unit.number,
        "isDeleted": unit.status in _INACTIVE,
        "onlyHierarchyElementWithNoAccess": not held,
        "authorizedRoles": list(held.roles) if question.roles else [],
        "authorizedAccessPackages": list(held.packages) if question.packages else [],
        "subunits": subunits,
    }
