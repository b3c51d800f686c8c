"""Verification of the report of a share, from its file alone, and against an export of the event log.

Guarantees:
- A change is detected, and the changed part is named.
- The hash of each event is verified, and the key's destruction against its event.
- A report is verified without settings, database and network.

A report need not contain every event of the share. An export of the whole log does.
"""

import base64
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from deldokument.domain.audit import EventKind
from deldokument.domain.chain import Flaw, Link, Mark
from deldokument.domain.errors import InvalidInput
from deldokument.domain.shares.report import FORMAT, SEAL, VERSION, digests, statement
from deldokument.services.audit.verification import SignatureCheck, parsed_line, trusted_certificates

_EVENTS, _KEY, _CHAIN, _SHARE = "events", "key_destroyed", "chain", "share"


@dataclass(frozen=True, slots=True)
class ReportFault:
    """The first error found: a part of the report, or an event by its number."""

    flaw: Flaw
    part: str
    number: int = 0


@dataclass(frozen=True, slots=True)
class ReportVerdict:
    """The result for a report: the first fault, or the share, its chain and the proof of its origin.

    ``marks`` are its events and the last event of the chain, for a comparison with an export or a database.
    """

    fault: ReportFault | None = None
    share_id: str = ""
    chain: str = ""
    is_final: bool = False
    signed_with: str = ""
    key_destroyed: int | None = None
    marks: tuple[Mark, ...] = ()


def verify_report(content: bytes, *, certificates: Collection[bytes], is_signed: SignatureCheck) -> ReportVerdict:
    """Verify a report in JSON, up to the first fault.

    With ``certificates``, it must be signed with one of them. Without, the certificates in the report are trusted.

    Raises: InvalidInput if the file is not a report.
    """
    report = parsed_line(content)
    if report.get("format") != FORMAT or report.get("version") != VERSION or not isinstance(report.get(SEAL), dict):
        raise InvalidInput("file", "report_unknown")
    try:
        fault = _seal_fault(report, certificates, is_signed) or _chain_fault(report)
        return ReportVerdict(fault) if fault else _verdict(report)
    except (AttributeError, KeyError, TypeError, ValueError):
        raise InvalidInput("file", "report_unknown") from None


def compare_with_export(verdict: ReportVerdict, chain: str, marks: Iterable[Mark]) -> ReportFault | None:
    """Return the first event of the report that an export does not have; None if it has all of them."""
    if chain != verdict.chain:
        return ReportFault(Flaw.UNKNOWN, _CHAIN)
    missing = {mark.number: mark.hash for mark in verdict.marks}
    for mark in marks:
        if missing.pop(mark.number, mark.hash) != mark.hash:
            return ReportFault(Flaw.REWRITTEN, _EVENTS, mark.number)
    return ReportFault(Flaw.MISSING, _EVENTS, min(missing)) if missing else None


def _seal_fault(
    report: Mapping[str, Any], certificates: Collection[bytes], is_signed: SignatureCheck
) -> ReportFault | None:
    """Check the signature. It comes first: without it, the digests may be forged, too."""
    seal = report[SEAL]
    trusted = trusted_certificates(certificates or [one.encode() for one in report["certificates"]])
    certificate, signature = trusted.get(seal["certificate"]), _decode(seal["signature"])
    if certificate is None or not is_signed(certificate, statement(seal["parts"]), signature):
        return ReportFault(Flaw.UNSIGNED, SEAL)
    found, signed = digests(report), seal["parts"]
    changed = (name for name in (*signed, *found) if found.get(name) != signed.get(name))
    part = next(changed, None)
    return ReportFault(Flaw.CHANGED, part) if part else None


def _decode(text: str) -> bytes:
    """Return the bytes of a base64 text; empty if it is malformed, which no signature is."""
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return b""


def _chain_fault(report: Mapping[str, Any]) -> ReportFault | None:
    """Check that the events are those of the chain.

    A signed report could still be wrong there by a mistake of the service.
    """
    chain, share_id = report[_CHAIN]["id"], report[_SHARE]["id"]
    for event in report[_EVENTS]:
        if event["share"] != share_id or not _link(event).fits(chain):
            return ReportFault(Flaw.ALTERED, _EVENTS, event["number"])
    key = report[_KEY]
    ends = [event for event in report[_EVENTS] if event["kind"] == EventKind.SHARE_KEY_DESTROYED]
    expected = {"at": ends[-1]["at"], "number": ends[-1]["number"], "hash": ends[-1]["hash"]} if ends else None
    return None if key == expected else ReportFault(Flaw.ALTERED, _KEY)


def _link(event: Mapping[str, Any]) -> Link:
    content = (event["at"], event["kind"], event["share"], event["subject"], event["details"])
    return Link(event["number"], bytes.fromhex(event["previous"]), bytes.fromhex(event["hash"]), content)


def _verdict(report: Mapping[str, Any]) -> ReportVerdict:
    key = report[_KEY]
    return ReportVerdict(
        share_id=report[_SHARE]["id"],
        chain=report[_CHAIN]["id"],
        is_final=report["final"],
        signed_with=report[SEAL]["certificate"],
        key_destroyed=key["number"] if key else None,
        marks=tuple(Mark(one["number"], bytes.fromhex(one["hash"])) for one in (*report[_EVENTS], report[_CHAIN])),
    )
