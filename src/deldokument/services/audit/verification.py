"""Verification of the audit trail: of a whole database, or of an exported file.

Guarantees:
- A verification names the first event that fails.
- Memory is constant for a trail of any length.
- A file is verified without settings, database and network.

Whether a certificate is the service's own is for the verifying person to decide. That person supplies the certificate,
or compares its fingerprint with one obtained by other means.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from deldokument.domain.audit import NO_TENANT
from deldokument.domain.chain import BEGINNING, ChainCheck, Checkpoint, ExcerptCheck, Fault, Flaw, Link, Mark
from deldokument.domain.errors import InvalidInput
from deldokument.ports.dependencies import Dependencies
from deldokument.services.audit.checkpoints import fingerprint
from deldokument.services.audit.export import END_LABEL, FORMAT, VERSION, covered_bytes, own_certificate
from deldokument.services.audit.heads import compared_heads
from deldokument.store.transaction import Transaction

SignatureCheck = Callable[[bytes, bytes, bytes], bool]
"""Whether the holder of a certificate (PEM) has signed some bytes."""

_STEP = 500


@dataclass(frozen=True, slots=True)
class ChainState:
    """The number of events in a chain, and its last checkpoint."""

    chain: str
    events: int
    checkpoint: Checkpoint | None


@dataclass(frozen=True, slots=True)
class TrailVerdict:
    """The result for a database: its chains and the first fault, or None."""

    chains: tuple[ChainState, ...]
    fault: Fault | None


@dataclass(frozen=True, slots=True)
class ExportVerdict:
    """The result for an exported file: the number of events, the last one, and the proof of their origin."""

    chain: str
    is_whole: bool
    events: int
    last: Mark
    checkpoint: Checkpoint | None
    signed_with: str | None
    """The fingerprint of the certificate that signed the whole file."""
    line: int
    fault: Fault | None


def trusted_certificates(certificates: Iterable[bytes]) -> dict[str, bytes]:
    """Return the certificates by fingerprint. Raises: InvalidInput if one is malformed."""
    try:
        return {fingerprint(certificate): certificate for certificate in certificates}
    except ValueError:
        raise InvalidInput("certificate", "certificate_malformed") from None


def verify_trail(deps: Dependencies, *, certificates: Collection[bytes], is_signed: SignatureCheck) -> TrailVerdict:
    """Verify every chain, checkpoint and stored head; ``certificates`` are trusted in addition to the service's own."""
    own = own_certificate(deps)
    trusted = trusted_certificates([*certificates, *([own] if own else [])])
    with deps.database.read() as tx:
        states = tuple(ChainState(c, tx.audit.head(c).number, tx.checkpoints.last(c)) for c in tx.audit.chains())
        fault = tx.audit.verify()
        checkpoints = (checkpoint for state in states for checkpoint in _every_checkpoint(tx, state.chain))
        unsigned = None if fault else next((s for s in checkpoints if not _holds(s, trusted, is_signed)), None)
    if unsigned:
        fault = Fault(unsigned.chain, unsigned.number, Flaw.UNSIGNED)
    fault = fault or _first_behind(deps)
    return TrailVerdict(states, fault)


def _first_behind(deps: Dependencies) -> Fault | None:
    """Return the fault of the first chain that is behind its stored head."""
    behind, _ = compared_heads(deps.database, deps.keyring, deps.integrity)
    return next((Fault(chain, kept.number if kept else 0, Flaw.BEHIND) for chain, kept in sorted(behind.items())), None)


def record_verification(deps: Dependencies, at: datetime) -> None:
    """Store that the trail of the database was intact at ``at``. Raises: Unavailable."""
    with deps.database.write() as tx:
        tx.deployment.note_verification(at)


def unverified_since(tx: Transaction) -> datetime | None:
    """Return when the trail was last found intact; before the first verification, the time of the first event.

    None if there is no event.
    """
    first = tx.audit.following(NO_TENANT, after=0, last_number=1, limit=1)
    return tx.deployment.get().trail_verified_at or (first[0].event.at if first else None)


def verify_against(deps: Dependencies, chain: str, marks: Iterable[Mark]) -> Fault | None:
    """Return the first event of an exported chain that is missing or different in the database; None if all match."""
    with deps.database.read() as tx:
        for mark in marks:
            found = tx.audit.following(chain, after=mark.number - 1, last_number=mark.number, limit=1)
            if not found:
                return Fault(chain, mark.number, Flaw.MISSING)
            if found[0].hash != mark.hash:
                return Fault(chain, mark.number, Flaw.REWRITTEN)
    return None


def _every_checkpoint(tx: Transaction, chain: str) -> Iterator[Checkpoint]:
    after = 0
    while checkpoints := tx.checkpoints.following(chain, after=after, limit=_STEP):
        yield from checkpoints
        after = checkpoints[-1].number


def _holds(checkpoint: Checkpoint, trusted: Mapping[str, bytes], is_signed: SignatureCheck) -> bool:
    certificate = trusted.get(checkpoint.certificate)
    return certificate is not None and is_signed(certificate, checkpoint.statement(), checkpoint.signature)


def verify_export(
    lines: Iterable[bytes], *, certificates: Collection[bytes], is_signed: SignatureCheck
) -> ExportVerdict:
    """Verify line by line, up to the first fault.

    With ``certificates``, the file must be signed with one of them: an unsigned file could be a forgery without
    checkpoints. Without, the certificates in the file are trusted, and it may be unsigned.

    Raises: InvalidInput if the file is not such an export.
    """
    numbered = enumerate(lines, start=1)
    head = _head(next(numbered, (1, b""))[1])
    trusted = trusted_certificates(certificates or [c.encode() for c in head["certificates"]])
    reading, number, fault = _Reading(head, trusted, is_signed, must_be_signed=bool(certificates)), 1, None
    for number, raw in numbered:
        fault = reading.take(parsed_line(raw), number)
        if fault:
            break
    return reading.verdict(fault or reading.end(), number)


def marks_of(lines: Iterable[bytes]) -> Iterator[Mark]:
    """Yield number and hash of the events in a verified export."""
    for line in map(parsed_line, lines):
        if line["type"] == "event":
            yield Mark(line["number"], bytes.fromhex(line["hash"]))


@dataclass(slots=True)
class _Reading:
    """The state of reading an exported file."""

    head: Mapping[str, Any]
    trusted: Mapping[str, bytes]
    is_signed: SignatureCheck
    must_be_signed: bool
    events: int = 0
    last: Mark = BEGINNING
    checkpoint: Checkpoint | None = None
    signed_with: str | None = None
    is_over: bool = False
    chain: str = field(init=False)
    check: ChainCheck | ExcerptCheck = field(init=False)
    digest: Any = field(init=False)

    def __post_init__(self) -> None:
        self.chain = self.head["chain"]
        self.check = ChainCheck(self.chain) if self.head["whole"] else ExcerptCheck(self.chain)
        self.digest = hashlib.sha256(covered_bytes(self.head))

    def take(self, line: Mapping[str, Any], number: int) -> Fault | None:
        """Check the next line."""
        kinds = {"event": self._event, "seal": self._confirm, "end": self._end}
        take = kinds.get(str(line.get("type")))
        if self.is_over or take is None:
            return self._fault(Flaw.UNKNOWN if self.is_over else Flaw.ALTERED, self.last.number + 1)
        try:
            fault = take(line)
        except (KeyError, TypeError, ValueError, OverflowError):
            return self._fault(Flaw.ALTERED, self.last.number + 1)
        if fault is None and line.get("line") != number:
            fault = self._fault(Flaw.CHANGED if self.head["whole"] else Flaw.MISSING, self.last.number)
        if not self.is_over:
            self.digest.update(covered_bytes(line))
        return fault

    def _event(self, line: Mapping[str, Any]) -> Fault | None:
        content = (line["at"], line["kind"], line["share"], line["subject"], line["details"])
        link = Link(line["number"], bytes.fromhex(line["previous"]), bytes.fromhex(line["hash"]), content)
        fault = self.check.follow(link)
        if fault is None:
            self.events, self.last = self.events + 1, Mark(link.number, link.hash)
        return fault

    def _confirm(self, line: Mapping[str, Any]) -> Fault | None:
        checkpoint = Checkpoint(
            self.chain,
            line["number"],
            bytes.fromhex(line["hash"]),
            datetime.fromisoformat(line["sealed_at"]),
            line["certificate"],
            base64.b64decode(line["signature"]),
        )
        if not isinstance(self.check, ChainCheck):
            return self._fault(Flaw.CHANGED, self.last.number)
        if fault := self.check.confirm(checkpoint.mark):
            return fault
        if not _holds(checkpoint, self.trusted, self.is_signed):
            return self._fault(Flaw.UNSIGNED, checkpoint.number)
        self.checkpoint = checkpoint
        return None

    def _end(self, line: Mapping[str, Any]) -> Fault | None:
        self.is_over = True
        if isinstance(self.check, ChainCheck):
            end = Mark(self.head["last"]["number"], bytes.fromhex(self.head["last"]["hash"]))
            if fault := self.check.end(end):
                return fault
        digest = self.digest.hexdigest()
        if line["sha256"] != digest:
            return self._fault(Flaw.CHANGED, self.last.number)
        if line["signature"] is None:
            return self._fault(Flaw.UNSIGNED, self.last.number) if self.must_be_signed else None
        certificate = self.trusted.get(line["certificate"])
        signature = base64.b64decode(line["signature"])
        if certificate is None or not self.is_signed(certificate, END_LABEL + digest.encode("ascii"), signature):
            return self._fault(Flaw.UNSIGNED, self.last.number)
        self.signed_with = line["certificate"]
        return None

    def end(self) -> Fault | None:
        """Return a fault if the last line is missing."""
        return None if self.is_over else self._fault(Flaw.CUT_OFF, self.last.number + 1)

    def _fault(self, flaw: Flaw, number: int) -> Fault:
        return Fault(self.chain, number, flaw)

    def verdict(self, fault: Fault | None, line: int) -> ExportVerdict:
        """Return the result for the file."""
        return ExportVerdict(
            self.chain,
            bool(self.head["whole"]),
            self.events,
            self.last,
            self.checkpoint,
            self.signed_with,
            line,
            fault,
        )


def _head(raw: bytes) -> Mapping[str, Any]:
    head = parsed_line(raw)
    wanted = {"chain": str, "whole": bool, "last": dict, "certificates": list}
    is_known = head.get("format") == FORMAT and head.get("version") == VERSION
    if not is_known or not all(isinstance(head.get(name), kind) for name, kind in wanted.items()):
        raise InvalidInput("file", "export_unknown")
    if not all(isinstance(certificate, str) and certificate.isascii() for certificate in head["certificates"]):
        raise InvalidInput("file", "export_unknown")
    return head


def parsed_line(raw: bytes) -> Mapping[str, Any]:
    """Parse one object of JSON. Malformed or ambiguous input gives an empty object, which has no type."""
    try:
        line = json.loads(raw, parse_float=_refuse, parse_constant=_refuse, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        return {}
    return line if isinstance(line, dict) else {}


def _refuse(number: str) -> None:
    """Refuse numbers other than integers. No export contains any."""
    raise ValueError(number)


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Return the object. Refuse duplicate names, of which another parser could take the other value."""
    named = dict(pairs)
    if len(named) < len(pairs):
        raise ValueError("a name twice")
    return named
