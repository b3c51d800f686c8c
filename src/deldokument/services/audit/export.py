"""Export of the event log: the events with their hashes, and the lines of a JSON export that verifies offline.

A JSON export is one object per line, so it is written and read in constant memory (docs/audit.md is normative):

    export   scope, filter, last event of the chain, and the certificates
    event    each event, in order; in a complete export, after an event with a checkpoint:
    seal     the checkpoint
    end      the digest of all lines, and the service's signature over it

Guarantees:
- An export is recorded before its first byte is sent. In a complete export, that event is included, at the end.
- No transaction is open while a client reads slowly.
- Names (``who``) can be erased from a file, because no hash covers them.
"""

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from deldokument.domain.audit import NO_TENANT, EventKind, canonical, instant_text
from deldokument.domain.chain import Checkpoint, Mark
from deldokument.domain.errors import Broken, Unavailable, require
from deldokument.domain.identifiers import PersonIdentifier
from deldokument.domain.tenants.tenancy import Tenant
from deldokument.ports.dependencies import Dependencies
from deldokument.services.audit.actors import Actor, Actors
from deldokument.services.audit.checkpoints import fingerprint
from deldokument.services.audit.recording import record_event
from deldokument.services.audit.search import filters_of
from deldokument.store.audit.audit import EventFilter
from deldokument.store.audit.event_rows import StoredEvent

FORMAT = "deldokument-audit"
VERSION = 1
ExportForm = Literal["csv", "json"]
END_LABEL = b"deldokument/audit-export/1\n"
_STEP = 500


@dataclass(frozen=True, slots=True)
class EventExport:
    """A recorded export: its filter, the last event and last checkpoint of the chain, and the tenant.

    ``is_signed``: the export may be signed: the tenant's row is intact, and the chain contains its stored head.
    """

    wanted: EventFilter
    last: Mark
    checkpoint: Checkpoint | None
    tenant: Tenant | None
    made_at: datetime
    is_signed: bool


@dataclass(frozen=True, slots=True)
class ExportedEvent:
    """An event with its actor; None if it has none."""

    stored: StoredEvent
    who: Actor | None


def begin_event_export(
    deps: Dependencies, *, wanted: EventFilter, form: ExportForm, person: PersonIdentifier | None = None
) -> EventExport:
    """Record that the matching events are exported in the format ``form``. Raises: NotFound."""
    with deps.database.write() as tx:
        is_of_tenant = wanted.chain != NO_TENANT
        tenant = require(tx.tenants.get(wanted.chain), "tenant") if is_of_tenant else None
        tenant_id = wanted.chain if is_of_tenant else None
        kind, filters = EventKind.EVENT_LOG_EXPORTED, filters_of(wanted)
        record_event(deps, tx, kind, tenant_id=tenant_id, person=person, filters=filters, format=form)
    with deps.database.read() as tx:
        head, checkpoint = tx.audit.head(wanted.chain), tx.checkpoints.last(wanted.chain)
    is_signed = wanted.chain not in deps.behind and (tenant is None or tenant.intact)
    return EventExport(wanted, head, checkpoint, tenant, deps.clock.now(), is_signed)


def exported_events(deps: Dependencies, export: EventExport) -> Iterator[list[ExportedEvent]]:
    """Yield the events in batches: by number in a complete export, else by time.

    Raises: Broken for a forged event; the file ends there.
    """
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
        if not tx.audit.are_own(stored):
            raise Broken("audit trail: an event that the service did not write is not exported")
        behind = actors.behind(tx, [one.event for one in stored])
        return [ExportedEvent(one, who) for one, who in zip(stored, behind, strict=True)]


def export_lines(deps: Dependencies, export: EventExport) -> Iterator[bytes]:
    """Yield the JSON export in blocks of whole lines."""
    digest, count = hashlib.sha256(), 0
    for step in _steps(deps, export):
        numbered = [line | {"line": number} for number, line in enumerate(step, start=count + 1)]
        for line in numbered:
            digest.update(covered_bytes(line))
        count += len(numbered)
        yield b"".join(map(_line, numbered))
    certificate = own_certificate(deps) if export.is_signed else None
    yield _line(_end(deps, digest.hexdigest(), certificate) | {"line": count + 1})


def _steps(deps: Dependencies, export: EventExport) -> Iterator[list[dict[str, Any]]]:
    yield [_head(deps, export)]
    before = 0
    for step in exported_events(deps, export):
        yield list(_lines(deps, export, step, before))
        before = step[-1].stored.number
    # A checkpoint beyond the last event shows a verifier that the chain was cut off before the export.
    if export.wanted.is_whole and export.checkpoint and export.checkpoint.number > export.last.number:
        yield [_line_of(export.checkpoint)]


def covered_bytes(line: Mapping[str, Any]) -> bytes:
    """Return the bytes of a line that the export's digest covers: the line without the names."""
    return canonical({name: value for name, value in line.items() if name != "who"}) + b"\n"


def _head(deps: Dependencies, export: EventExport) -> dict[str, Any]:
    wanted, tenant = export.wanted, export.tenant
    with deps.database.read() as tx:
        certificates = tx.checkpoints.certificates()
    own = own_certificate(deps)
    if own:
        certificates[fingerprint(own)] = own
    return {
        "type": "export",
        "format": FORMAT,
        "version": VERSION,
        "service": deps.config.public_url,
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


def own_certificate(deps: Dependencies) -> bytes | None:
    """Return the service's certificate; None without a seal."""
    try:
        return deps.signer.certificate()
    except Unavailable:
        return None


def _lines(deps: Dependencies, export: EventExport, step: list[ExportedEvent], before: int) -> Iterator[dict[str, Any]]:
    checkpoints = iter(_checkpoints(deps, export, before, step[-1].stored.number))
    checkpoint = next(checkpoints, None)
    for exported in step:
        yield _event(exported)
        while checkpoint and checkpoint.number <= exported.stored.number:
            yield _line_of(checkpoint)
            checkpoint = next(checkpoints, None)


def _checkpoints(deps: Dependencies, export: EventExport, after: int, last: int) -> list[Checkpoint]:
    """Return the checkpoints of the events in a batch; none if events are left out, which makes them unverifiable."""
    if not export.wanted.is_whole:
        return []
    with deps.database.read() as tx:
        return [
            checkpoint
            for checkpoint in tx.checkpoints.following(export.wanted.chain, after=after, limit=_STEP)
            if checkpoint.number <= last
        ]


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


def _line_of(checkpoint: Checkpoint) -> dict[str, Any]:
    return {
        "type": "seal",
        "number": checkpoint.number,
        "hash": checkpoint.hash.hex(),
        "sealed_at": _instant(checkpoint.signed_at),
        "certificate": checkpoint.certificate,
        "signature": base64.b64encode(checkpoint.signature).decode("ascii"),
    }


def _end(deps: Dependencies, digest: str, certificate: bytes | None) -> dict[str, Any]:
    """Return the last line, signed if there is a certificate. The signature also covers a filtered export."""
    end: dict[str, Any] = {"type": "end", "sha256": digest, "certificate": None, "signature": None}
    if certificate is None:
        return end
    signature = base64.b64encode(deps.signer.sign(END_LABEL + digest.encode("ascii"))).decode("ascii")
    return end | {"certificate": fingerprint(certificate), "signature": signature}


def _instant(at: datetime | None) -> str | None:
    return None if at is None else instant_text(at)


def _line(line: Mapping[str, Any]) -> bytes:
    return json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
