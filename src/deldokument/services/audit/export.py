"""What leaves the event log as a file: the events with their hashes, and the lines of an export that verifies offline.

An export in JSON is one object a line, so that it is written and read in constant memory (docs/audit.md is normative):

    export   what it is of, which events were wanted, where the chain ended, and the certificates
    event    each of them, in its place; and after one that was sealed, when every event is there,
    seal     the seal
    end      the digest of all lines, and the service's signature over it

Promises that an export is recorded before its first byte leaves, and stands in itself, at the end, when nothing was
left out; that no transaction is open while somebody reads slowly; and that erasing «who» from a file breaks nothing:
the names are outside of every hash.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from deldokument.domain.audit import NO_TENANT, EventKind, canonical
from deldokument.domain.chain import Mark, Seal
from deldokument.domain.errors import Unavailable, require
from deldokument.domain.identifiers import PersonIdentifier
from deldokument.domain.tenancy import Tenant
from deldokument.ports.dependencies import Dependencies
from deldokument.ports.repositories.audit import EventFilter, StoredEvent
from deldokument.services.audit.actors import Actor, Actors
from deldokument.services.audit.checkpoints import fingerprint
from deldokument.services.audit.recording import record_event
from deldokument.services.audit.search import filters_of

FORMAT = "deldokument-audit"
VERSION = 1
ExportForm = Literal["csv", "json"]
END_LABEL = b"deldokument/audit-export/1\n"
_STEP = 500


@dataclass(frozen=True, slots=True)
class EventExport:
    """An export that has been recorded: what is wanted, up to which event and with which last seal, of whom."""

    wanted: EventFilter
    last: Mark
    sealed: Seal | None
    tenant: Tenant | None
    made_at: datetime


@dataclass(frozen=True, slots=True)
class ExportedEvent:
    """An event with who did it, None when nobody did."""

    stored: StoredEvent
    who: Actor | None


def begin_event_export(
    deps: Dependencies, *, wanted: EventFilter, form: ExportForm, person: PersonIdentifier | None = None
) -> EventExport:
    """Record that the wanted events leave as a file of that form. Raises NotFound."""
    with deps.database.write() as tx:
        is_of_tenant = wanted.chain != NO_TENANT
        tenant = require(tx.tenants.get(wanted.chain), "tenant") if is_of_tenant else None
        tenant_id = wanted.chain if is_of_tenant else None
        kind, filters = EventKind.EVENT_LOG_EXPORTED, filters_of(wanted)
        record_event(deps, tx, kind, tenant_id=tenant_id, person=person, filters=filters, format=form)
    with deps.database.read() as tx:
        head, sealed = tx.audit.head(wanted.chain), tx.audit.last_seal(wanted.chain)
    return EventExport(wanted, head, sealed, tenant, deps.clock.now())


def exported_events(deps: Dependencies, export: EventExport) -> Iterator[list[ExportedEvent]]:
    """The events step by step: by their numbers when every one is wanted, else by their times."""
    actors, last = Actors(deps, export.wanted.chain), None
    while step := _step(deps, export, actors, last):
        yield step
        last = step[-1].stored


def _step(deps: Dependencies, export: EventExport, actors: Actors, last: StoredEvent | None) -> list[ExportedEvent]:
    wanted, end = export.wanted, export.last.number
    with deps.database.read() as tx:
        if wanted.is_whole:
            after = last.number if last else 0
            stored = tx.audit.following(wanted.chain, after=after, last_number=end, limit=_STEP)
        else:
            place = (last.event.at, last.number) if last else None
            stored = tx.audit.oldest(wanted, after=place, last_number=end, limit=_STEP)
        behind = actors.behind(tx, [one.event for one in stored])
        return [ExportedEvent(one, who) for one, who in zip(stored, behind, strict=True)]


def export_lines(deps: Dependencies, export: EventExport) -> Iterator[bytes]:
    """The export in JSON, in pieces of whole lines."""
    digest, count = hashlib.sha256(), 0
    for step in _steps(deps, export):
        numbered = [line | {"line": number} for number, line in enumerate(step, start=count + 1)]
        for line in numbered:
            digest.update(covered(line))
        count += len(numbered)
        yield b"".join(map(_line, numbered))
    yield _line(_end(deps, digest.hexdigest()) | {"line": count + 1})


def _steps(deps: Dependencies, export: EventExport) -> Iterator[list[dict[str, Any]]]:
    yield [_head(deps, export)]
    before = 0
    for step in exported_events(deps, export):
        yield list(_lines(deps, export, step, before))
        before = step[-1].stored.number
    # A seal of what is not there: whoever verifies is to know that the chain was cut off before it was exported.
    if export.wanted.is_whole and export.sealed and export.sealed.number > export.last.number:
        yield [_sealed(export.sealed)]


def covered(line: Mapping[str, Any]) -> bytes:
    """What the digest of an export covers of a line: all but the names."""
    return canonical({name: value for name, value in line.items() if name != "who"}) + b"\n"


def _head(deps: Dependencies, export: EventExport) -> dict[str, Any]:
    wanted, tenant = export.wanted, export.tenant
    with deps.database.read() as tx:
        certificates = tx.audit.certificates()
    own = _own_certificate(deps)
    if own:
        certificates[fingerprint(own)] = own
    return {
        "type": "export",
        "format": FORMAT,
        "version": VERSION,
        "service": deps.rules.public_url,
        "chain": wanted.chain,
        "tenant": {"organization_number": tenant.organization_number, "name": tenant.name} if tenant else None,
        "exported_at": _instant(export.made_at),
        "whole": wanted.is_whole,
        "wanted": {
            "since": _instant(wanted.since),
            "until": _instant(wanted.until),
            "kind": wanted.kind,
            "share": wanted.share_id,
            "subjects": wanted.subject_ids,
        },
        "last": {"number": export.last.number, "hash": export.last.hash.hex()},
        "certificates": [certificate.decode("ascii") for certificate in certificates.values()],
    }


def _own_certificate(deps: Dependencies) -> bytes | None:
    try:
        return deps.seal.certificate()
    except Unavailable:
        return None


def _lines(deps: Dependencies, export: EventExport, step: list[ExportedEvent], before: int) -> Iterator[dict[str, Any]]:
    seals = iter(_seals(deps, export, before, step[-1].stored.number))
    seal = next(seals, None)
    for exported in step:
        yield _event(exported)
        while seal and seal.number <= exported.stored.number:
            yield _sealed(seal)
            seal = next(seals, None)


def _seals(deps: Dependencies, export: EventExport, after: int, last: int) -> list[Seal]:
    """Those of the events in a step; none where events are left out, for then they prove nothing."""
    if not export.wanted.is_whole:
        return []
    with deps.database.read() as tx:
        return [seal for seal in tx.audit.seals(export.wanted.chain, after=after, limit=_STEP) if seal.number <= last]


def _event(exported: ExportedEvent) -> dict[str, Any]:
    stored = exported.stored
    at, kind, share_id, subject_id, details = stored.event.content()
    return {
        "type": "event",
        "number": stored.number,
        "at": at,
        "kind": kind,
        "share": share_id,
        "subject": subject_id,
        "details": details,
        "previous": stored.previous.hex(),
        "hash": stored.hash.hex(),
        "who": None if exported.who is None else {"name": exported.who.name, "number": exported.who.masked},
    }


def _sealed(seal: Seal) -> dict[str, Any]:
    return {
        "type": "seal",
        "number": seal.number,
        "hash": seal.hash.hex(),
        "sealed_at": _instant(seal.sealed_at),
        "certificate": seal.certificate,
        "signature": base64.b64encode(seal.signature).decode("ascii"),
    }


def _end(deps: Dependencies, digest: str) -> dict[str, Any]:
    """With the service's signature when it has a seal: then also what was picked out is seen to be as it was given."""
    end: dict[str, Any] = {"type": "end", "sha256": digest, "certificate": None, "signature": None}
    certificate = _own_certificate(deps)
    if certificate is None:
        return end
    signature = base64.b64encode(deps.seal.sign(END_LABEL + digest.encode("ascii"))).decode("ascii")
    return end | {"certificate": fingerprint(certificate), "signature": signature}


def _instant(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat(timespec="microseconds")


def _line(line: Mapping[str, Any]) -> bytes:
    return json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
