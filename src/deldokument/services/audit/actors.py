"""Actors of events, as administrators may see them: systems, and the persons of the random subject ids.

Guarantees:
- A person is named as long as the audit key and a readable registration exist.
- With only the audit key, the person is shown as a masked number; without it, not at all.
- An organisation whose system acted is always named.
- A person whose row was changed outside the service is not shown. That row is reported, and so is one with a changed
  name.
- Memory is bounded for any number of events.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from deldokument.crypto.errors import IntegrityError
from deldokument.domain.audit import NO_TENANT, AuditEvent, EventKind
from deldokument.domain.identifiers import mask_person
from deldokument.ports.dependencies import Dependencies
from deldokument.services.audit.recording import subject_number
from deldokument.services.encryption import identifier_hash, open_field, stored_identifier
from deldokument.services.people import StaffRole, directory_key
from deldokument.store.audit.subjects import RegisteredName, Subject
from deldokument.store.engine.integrity import DamagedRow
from deldokument.store.transaction import Transaction

_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Actor:
    """A person with the registered name and the masked number, or an organisation with its name alone.

    Both are empty if the person cannot be shown any more.
    """

    name: str = ""
    masked: str = ""


FORGOTTEN = Actor()
ABOUT_INTEGRATIONS = frozenset(
    {
        EventKind.INTEGRATION_ADDED,
        EventKind.INTEGRATION_CHANGED,
        EventKind.INTEGRATION_REMOVED,
        EventKind.WEBHOOK_DISABLED,
    }
)
"""Events that happened to an integration. Any other event that names one was caused by it."""
_OFFICES = {office.name.lower(): office for office in StaffRole}


class Actors:
    """The actors of one tenant's events, cached from one step to the next."""

    def __init__(self, deps: Dependencies, tenant_id: str | None) -> None:
        self._world = deps
        self._tenant_id = tenant_id or NO_TENANT
        self._known: dict[str, Actor] = {}
        self._systems: dict[str, Actor] = {}

    def behind(self, tx: Transaction, events: Sequence[AuditEvent]) -> list[Actor | None]:
        """Return the actor of each event; None if neither a person nor a system caused it."""
        known = self.of(tx, {event.subject_id for event in events if event.subject_id})
        return [known[event.subject_id] if event.subject_id else self._system(tx, event) for event in events]

    def _system(self, tx: Transaction, event: AuditEvent) -> Actor | None:
        acting = acting_integration(event)
        if acting is None:
            return None
        if acting not in self._systems:
            integration = tx.integrations.get(acting)
            self._systems[acting] = Actor(integration.name) if integration else FORGOTTEN
        return self._systems[acting]

    def of(self, tx: Transaction, subject_ids: Collection[str]) -> Mapping[str, Actor]:
        """Return the persons of these subject ids; every id is present."""
        if len(self._known) > _REMEMBERED:
            self._known.clear()
        new = set(subject_ids) - self._known.keys()
        if new:
            self._known |= dict.fromkeys(new, FORGOTTEN) | self._find_actors(tx, new)
        return self._known

    def _find_actors(self, tx: Transaction, subject_ids: Collection[str]) -> dict[str, Actor]:
        numbers = self._numbers(tx.subjects.by_ids(subject_ids))
        key = directory_key(self._world)
        hashes = {i: identifier_hash(key, stored_identifier("person", number)) for i, number in numbers.items()}
        registered = tx.subjects.registered_names(self._tenant_id, set(hashes.values()))
        names = {found.lookup_hash: self._name(key, found) for found in reversed(registered)}
        return {i: Actor(names.get(hashes[i], ""), mask_person(number)) for i, number in numbers.items()}

    def _numbers(self, subjects: Collection[Subject]) -> dict[str, str]:
        keys = self._world.keyring.get({subject.audit_key_id for subject in subjects})
        readable = [subject for subject in subjects if subject.audit_key_id in keys]
        numbers = {subject.id: self._number(keys[subject.audit_key_id], subject) for subject in readable}
        return {subject_id: number for subject_id, number in numbers.items() if number}

    def _number(self, key: bytes, subject: Subject) -> str:
        try:
            return subject_number(key, subject)
        except IntegrityError:
            self._world.damage.report(DamagedRow("audit_subject", subject.id))
            return ""

    def _name(self, key: bytes, found: RegisteredName) -> str:
        _, name_field = _OFFICES[found.office].value
        try:
            return open_field(key, found.sealed_name, name_field, found.id)
        except IntegrityError:
            self._world.damage.report(DamagedRow(found.office, found.id))
            return ""


def acting_integration(event: AuditEvent) -> str | None:
    """Return the id of the integration that caused the event, or None."""
    acting = (event.details or {}).get("integration")
    return None if acting is None or event.kind in ABOUT_INTEGRATIONS else str(acting)
