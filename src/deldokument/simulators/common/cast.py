"""The cast: synthetic people and organisations, and their rights.

Guarantees:
- Every right names a person and an organisation that exist.

Does not know any register's format; each simulator renders its own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast, get_args

Status = Literal["active", "deleted", "removed", "bankrupt", "winding_up", "forced_winding_up"]

_PACKAGED = Path(__file__).with_name("cast.json")


class CastError(ValueError):
    """A cast file that is incomplete or contradicts itself."""


@dataclass(frozen=True, slots=True)
class Person:
    """A synthetic person; ``identifier`` is a fødselsnummer or D-nummer with 80 added to the month."""

    key: str
    name: str
    identifier: str
    title: str


@dataclass(frozen=True, slots=True)
class Organization:
    """A synthetic unit of Enhetsregisteret; a subunit has the number of its ``parent``."""

    number: str
    name: str
    form: str
    status: Status
    parent: str | None
    language: str


@dataclass(frozen=True, slots=True)
class Right:
    """Rights in Altinn of a person (by key) for an organisation (by number)."""

    person: str
    organization: str
    roles: tuple[str, ...]
    packages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Cast:
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


def load_cast(path: Path | None = None) -> Cast:
    """Return the cast in ``path``, or the packaged one.

    Raises: CastError if the file is malformed or inconsistent.
    """
    try:
        document = json.loads((path or _PACKAGED).read_text(encoding="utf-8"))
        loaded = Cast(
            people=tuple(Person(**entry) for entry in document["people"]),
            organizations=tuple(map(_organization, document["organizations"])),
            rights=tuple(map(_right, document["rights"])),
        )
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        raise CastError(f"cast file: {error}") from error
    _check(loaded)
    return loaded


def _organization(entry: Mapping[str, Any]) -> Organization:
    status = entry.get("status", "active")
    if status not in get_args(Status):
        raise CastError(f"unknown status {status!r}")
    return Organization(
        number=entry["number"],
        name=entry["name"],
        form=entry["form"],
        status=cast(Status, status),
        parent=entry.get("parent"),
        language=entry.get("language", "Bokmål"),
    )


def _right(entry: Mapping[str, Any]) -> Right:
    return Right(entry["person"], entry["organization"], tuple(entry["roles"]), tuple(entry["packages"]))


def _check(loaded: Cast) -> None:
    for organization in loaded.organizations:
        if organization.parent is not None and loaded.organization(organization.parent) is None:
            raise CastError(f"{organization.number} has an unknown parent")
    for right in loaded.rights:
        if loaded.person(right.person) is None or loaded.organization(right.organization) is None:
            raise CastError(f"right of {right.person!r} for {right.organization!r} names somebody unknown")
