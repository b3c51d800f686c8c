"""The cast: synthetic people and organisations, and their rights.

Each simulator renders it in the format of its register.
"""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel

_FILE = Path(__file__).with_name("cast.json")


class Person(BaseModel):
    """A synthetic person; ``identifier`` is a fødselsnummer or D-nummer with 80 added to the month."""

    key: str
    name: str
    identifier: str
    title: str


class Organization(BaseModel):
    """A synthetic unit of Enhetsregisteret; a subunit has the number of its ``parent``."""

    number: str
    name: str
    form: str
    status: Literal["active", "deleted", "removed", "bankrupt", "winding_up", "forced_winding_up"] = "active"
    parent: str | None = None
    language: str = "Bokmål"


class Right(BaseModel):
    """Rights in Altinn of a person (by key) for an organisation (by number)."""

    person: str
    organization: str
    roles: tuple[str, ...]
    packages: tuple[str, ...]


class Cast(BaseModel):
    """All people, organisations and rights. Look-ups return None for unknown ones."""

    people: tuple[Person, ...]
    organizations: tuple[Organization, ...]
    rights: tuple[Right, ...]

    def person(self, key_or_identifier: str) -> Person | None:
        return next((p for p in self.people if key_or_identifier in (p.key, p.identifier)), None)

    def organization(self, number: str) -> Organization | None:
        return next((o for o in self.organizations if o.number == number), None)

    def subunits(self, number: str) -> tuple[Organization, ...]:
        return tuple(o for o in self.organizations if o.parent == number)


def load_cast() -> Cast:
    """Return the cast in ``cast.json``."""
    return Cast.model_validate_json(_FILE.read_bytes())
