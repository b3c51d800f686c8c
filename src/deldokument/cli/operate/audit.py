"""`deldokument audit …`: verification of the audit trail, in the database or in an exported file, and its export.

Verifying a file needs only this program, neither settings nor a database. The exit code is 0 if the trail is intact.
Otherwise it is 1, and the first faulty event is printed.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from deldokument.adapters.documents.signing import verify_signature
from deldokument.cli.output import TAKES_IDS, Json, Row, new_file, say_changed, say_error, say_one, say_rows
from deldokument.cli.runtime import errors_as_text, opened_node
from deldokument.domain.chain import Fault, Flaw
from deldokument.services.audit.export import begin_event_export, export_lines
from deldokument.services.audit.heads import Removal
from deldokument.services.audit.report_verification import (
    ReportFault,
    ReportVerdict,
    compare_with_export,
    verify_report,
)
from deldokument.services.audit.restores import RestoredChain, confirm_restore, restored_chains
from deldokument.services.audit.verification import (
    ChainState,
    ExportVerdict,
    TrailVerdict,
    marks_of,
    record_verification,
    verify_against,
    verify_export,
    verify_trail,
)
from deldokument.store.audit.audit import EventFilter

app = typer.Typer(help="The audit trail.", no_args_is_help=True)

_FLAWS: dict[Flaw, str] = {
    Flaw.ALTERED: "event {number} of {chain} was altered",
    Flaw.MISSING: "event {number} of {chain} is missing, or in the wrong place",
    Flaw.UNLINKED: "event {number} of {chain} is not linked to the previous event",
    Flaw.CUT_OFF: "{chain} is cut off before event {number}",
    Flaw.UNKNOWN: "event {number} of {chain} comes after the end of the chain",
    Flaw.REWRITTEN: "{chain} was rewritten: event {number} differs from the known one, as any after {after} may",
    Flaw.BEHIND: "event {number} of {chain}, which the keyring knows, is not there: `deldokument audit restored`",
    Flaw.CHANGED: "the file was changed after its export, although {chain} is intact up to event {number}",
    Flaw.FORGED: "event {number} of {chain} was not written by the service",
    Flaw.UNSIGNED: "the seal on event {number} of {chain} was not signed with a trusted certificate",
}
_REPORT_FLAWS: dict[Flaw, str] = {
    Flaw.ALTERED: "«{part}» does not agree with the hash of event {number}",
    Flaw.CHANGED: "«{part}» was changed after the report was signed",
    Flaw.MISSING: "event {number} of the report is not in the event log",
    Flaw.REWRITTEN: "event {number} of the report differs from the event log",
    Flaw.UNKNOWN: "the report is of another chain than the event log",
    Flaw.UNSIGNED: "the report was not signed with a trusted certificate, or its seal was changed",
}
_BELIEVED = "none was given: compare the fingerprint with one that the operator gave you through another channel"
_EXCERPT = "that these events are unaltered, not that none were left out"


@app.command("verify")
def verify(
    file: Annotated[
        Path | None, typer.Argument(help="An export in JSON. Default: the database.", exists=True, dir_okay=False)
    ] = None,
    certificate: Annotated[
        list[Path] | None,
        typer.Option(
            help="A certificate to trust (PEM). For a file, no others are trusted.", exists=True, dir_okay=False
        ),
    ] = None,
    database: Annotated[bool, typer.Option("--database", help="Compare the file with the database, too.")] = False,
    report: Annotated[
        Path | None,
        typer.Option(
            help="Verify the report of a share in JSON; with FILE, against that export.", exists=True, dir_okay=False
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Verify that no event was altered, moved or removed; name the first one that was."""
    with errors_as_text():
        certificates = [path.read_bytes() for path in certificate or ()]
        if report is not None:
            _verify_report(report, file, certificates, database=database, as_json=as_json)
        elif file is None:
            _verify_database(certificates, as_json=as_json)
        else:
            _verify_file(file, certificates, database=database, as_json=as_json)


def _verify_database(certificates: Sequence[bytes], *, as_json: bool) -> None:
    with opened_node() as node:
        at = node.deps.clock.now()
        verdict = verify_trail(node.deps, certificates=certificates, is_signed=verify_signature)
        _say_trail(verdict, as_json=as_json)
        record_verification(node.deps, at)


def _say_trail(verdict: TrailVerdict, *, as_json: bool) -> None:
    rows = [_chain_row(state) for state in verdict.chains]
    if as_json:
        say_one({"holds": verdict.fault is None, "fault": _fault_row(verdict.fault), "chains": rows}, as_json=True)
    else:
        say_rows(("chain", "events", "sealed_to", "sealed_at"), rows, as_json=False)
    _end(verdict.fault, "The audit trail is intact.", as_json=as_json)


def _verify_file(file: Path, certificates: Sequence[bytes], *, database: bool, as_json: bool) -> None:
    with file.open("rb") as lines:
        verdict = verify_export(lines, certificates=certificates, is_signed=verify_signature)
    fault = verdict.fault
    if database and fault is None:
        with file.open("rb") as lines, opened_node() as node:
            fault = verify_against(node.deps, verdict.chain, marks_of(lines))
    row = _export_row(verdict, fault)
    if as_json:
        say_one(row, as_json=True)
    else:
        say_one({name: value for name, value in row.items() if name not in {"holds", "fault"}}, as_json=False)
        if verdict.signed_with and not certificates:
            say_one({"certificate": _BELIEVED}, as_json=False)
        if not verdict.is_whole and not database:
            say_one({"proves": _EXCERPT}, as_json=False)
    _end(fault, "The export is intact.", as_json=as_json)


def _verify_report(
    report: Path, log: Path | None, certificates: Sequence[bytes], *, database: bool, as_json: bool
) -> None:
    """Verify the report, then the export, then that the export contains the report's events."""
    verdict = verify_report(report.read_bytes(), certificates=certificates, is_signed=verify_signature)
    fault = verdict.fault
    if log is not None and fault is None:
        with log.open("rb") as lines:
            export = verify_export(lines, certificates=certificates, is_signed=verify_signature)
        _end(export.fault, "", as_json=True)
        with log.open("rb") as lines:
            fault = compare_with_export(verdict, export.chain, marks_of(lines))
    if database and fault is None:
        with opened_node() as node:
            found = verify_against(node.deps, verdict.chain, verdict.marks)
        fault = ReportFault(found.flaw, "events", found.number) if found else None
    row = _report_row(verdict, fault)
    say_one(row if as_json else {n: v for n, v in row.items() if n not in {"holds", "fault"}}, as_json=as_json)
    if fault is not None:
        say_error(f"not intact: {_REPORT_FLAWS[fault.flaw].format(part=fault.part, number=fault.number)}")
        raise typer.Exit(1)
    if not as_json:
        if not certificates:
            say_one({"certificate": _BELIEVED}, as_json=False)
        typer.echo("The report is intact.")


def _report_row(verdict: ReportVerdict, fault: ReportFault | None) -> Row:
    return {
        "holds": fault is None,
        "fault": {"part": fault.part, "event": fault.number, "flaw": fault.flaw.value} if fault else None,
        "share": verdict.share_id,
        "chain": verdict.chain,
        "final": verdict.is_final,
        "key_destroyed_in_event": verdict.key_destroyed,
        "signed_with": verdict.signed_with,
    }


def _end(fault: Fault | None, holds: str, *, as_json: bool) -> None:
    if fault is None:
        if not as_json:
            typer.echo(holds)
        return
    words = _FLAWS[fault.flaw].format(number=fault.number, chain=f"chain {fault.chain}", after=fault.after)
    say_error(f"not intact: {words}")
    raise typer.Exit(1)


def _chain_row(state: ChainState) -> Row:
    return {
        "chain": state.chain,
        "events": state.events,
        "sealed_to": state.checkpoint.number if state.checkpoint else None,
        "sealed_at": state.checkpoint.signed_at if state.checkpoint else None,
    }


def _export_row(verdict: ExportVerdict, fault: Fault | None) -> Row:
    checkpoint = verdict.checkpoint
    return {
        "holds": fault is None,
        "fault": _fault_row(fault),
        "chain": verdict.chain,
        "whole": verdict.is_whole,
        "events": verdict.events,
        "last_event": verdict.last.number,
        "last_hash": verdict.last.hash.hex(),
        "sealed_to": checkpoint.number if checkpoint else None,
        "sealed_at": checkpoint.signed_at if checkpoint else None,
        "signed_with": verdict.signed_with,
        "lines": verdict.line,
    }


def _fault_row(fault: Fault | None) -> Row | None:
    if fault is None:
        return None
    return {"chain": fault.chain, "event": fault.number, "flaw": fault.flaw.value, "after": fault.after}


@app.command("restored")
def list_restored(
    confirm: Annotated[
        bool, typer.Option("--confirm", help="Let the tenants go on, after you have seen the list.")
    ] = False,
    as_json: Json = False,
) -> None:
    """List the tenants whose newest events a restored database lacks, and what the restore has brought back."""
    with opened_node() as node:
        found = restored_chains(node.deps)
        chains = [_restored_row(one) for one in found]
        lost = [_removal_row(removal) for one in found for removal in one.lost]
        if as_json:
            say_one({"confirmed": confirm, "chains": chains, "brought_back": lost}, as_json=True)
        else:
            say_rows(("chain", "kept", "found"), chains, as_json=False)
            say_rows(("chain", "event", "at", "kind", "share", "details"), lost, as_json=False)
        for one in found if confirm else ():
            if fault := confirm_restore(node.deps, one):
                _end(fault, "", as_json=True)


def _restored_row(one: RestoredChain) -> Row:
    return {"chain": one.chain, "kept": one.kept.number if one.kept else None, "found": one.found}


def _removal_row(one: Removal) -> Row:
    details = ", ".join(f"{name}={value}" for name, value in sorted(one.details.items()))
    at, kind = one.at, one.kind.value
    return {
        "chain": one.chain,
        "event": one.mark.number,
        "at": at,
        "kind": kind,
        "share": one.share_id,
        "details": details,
    }


@app.command("export", context_settings=TAKES_IDS)
def export(
    chain: Annotated[str, typer.Argument(help="A tenant's id; - for the events of no tenant.")],
    to: Annotated[Path, typer.Argument(help="The file to write.", dir_okay=False)],
    as_json: Json = False,
) -> None:
    """Write a whole chain with its checkpoints to a new file, in JSON. The file can be verified by itself."""
    with opened_node() as node:
        with new_file(to) as file:
            begun = begin_event_export(node.deps, wanted=EventFilter(chain), form="json")
            file.writelines(export_lines(node.deps, begun))
        say_changed({"id": chain, "events": begun.last.number, "file": str(to)}, as_json=as_json)
