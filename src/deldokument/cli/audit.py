"""`deldokument audit …`: proving the audit trail, in the database or in a file that was exported, and taking it out.

A file is proved without settings and without a database, so that whoever has got one needs nothing of ours but this
program. What holds ends with exit code 0; what does not, with 1 and the first event that shows it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from deldokument.adapters.documents.signing import verify_signature
from deldokument.cli.output import TAKES_IDS, Json, Row, new_file, say_changed, say_error, say_one, say_rows
from deldokument.cli.runtime import errors_as_text, opened_node
from deldokument.domain.chain import Fault, Flaw
from deldokument.ports.repositories.audit import EventFilter
from deldokument.services.audit.export import begin_event_export, export_lines
from deldokument.services.audit.verification import (
    ChainState,
    ExportVerdict,
    marks_of,
    verify_against,
    verify_export,
    verify_trail,
)

app = typer.Typer(help="The audit trail.", no_args_is_help=True)

_FLAWS: dict[Flaw, str] = {
    Flaw.ALTERED: "event {number} of {chain} was altered",
    Flaw.MISSING: "event {number} of {chain} is missing, or not in its place",
    Flaw.UNLINKED: "event {number} of {chain} does not follow from the one before it",
    Flaw.CUT_OFF: "{chain} is cut off before event {number}",
    Flaw.UNKNOWN: "event {number} of {chain} stands behind the end",
    Flaw.REWRITTEN: "{chain} was rewritten: event {number} is not the one that is known, nor perhaps any after {after}",
    Flaw.CHANGED: "the file is not as it was given, though {chain} holds up to event {number}",
    Flaw.UNSIGNED: "what vouches for event {number} of {chain} was not signed with a certificate that is trusted",
}
_BELIEVED = "none was given: compare the fingerprint with one that you have from the operator in another way"
_EXCERPT = "that the events are as they were, not that no others were left out"


@app.command("verify")
def verify(
    file: Annotated[
        Path | None, typer.Argument(help="An export in JSON; without it, the database.", exists=True, dir_okay=False)
    ] = None,
    certificate: Annotated[
        list[Path] | None,
        typer.Option(help="A certificate to trust (PEM); for a file, the only ones.", exists=True, dir_okay=False),
    ] = None,
    database: Annotated[bool, typer.Option("--database", help="Hold the file against the database, too.")] = False,
    as_json: Json = False,
) -> None:
    """Prove that no event has been altered, moved or removed, and name the first one that shows otherwise."""
    with errors_as_text():
        certificates = [path.read_bytes() for path in certificate or ()]
        if file is None:
            _verify_database(certificates, as_json=as_json)
        else:
            _verify_file(file, certificates, database=database, as_json=as_json)


def _verify_database(certificates: Sequence[bytes], *, as_json: bool) -> None:
    with opened_node() as node:
        verdict = verify_trail(node.deps, certificates=certificates, is_signed=verify_signature)
    rows = [_chain_row(state) for state in verdict.chains]
    if as_json:
        say_one({"holds": verdict.fault is None, "fault": _fault_row(verdict.fault), "chains": rows}, as_json=True)
    else:
        say_rows(("chain", "events", "sealed_to", "sealed_at"), rows, as_json=False)
    _end(verdict.fault, "The audit trail holds.", as_json=as_json)


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
    _end(fault, "The export holds.", as_json=as_json)


def _end(fault: Fault | None, holds: str, *, as_json: bool) -> None:
    if fault is None:
        if not as_json:
            typer.echo(holds)
        return
    words = _FLAWS[fault.flaw].format(number=fault.number, chain=f"chain {fault.chain}", after=fault.after)
    say_error(f"it does not hold: {words}")
    raise typer.Exit(1)


def _chain_row(state: ChainState) -> Row:
    return {
        "chain": state.chain,
        "events": state.events,
        "sealed_to": state.seal.number if state.seal else None,
        "sealed_at": state.seal.sealed_at if state.seal else None,
    }


def _export_row(verdict: ExportVerdict, fault: Fault | None) -> Row:
    seal = verdict.seal
    return {
        "holds": fault is None,
        "fault": _fault_row(fault),
        "chain": verdict.chain,
        "whole": verdict.is_whole,
        "events": verdict.events,
        "last_event": verdict.last.number,
        "last_hash": verdict.last.hash.hex(),
        "sealed_to": seal.number if seal else None,
        "sealed_at": seal.sealed_at if seal else None,
        "signed_with": verdict.signed_with,
        "lines": verdict.line,
    }


def _fault_row(fault: Fault | None) -> Row | None:
    if fault is None:
        return None
    return {"chain": fault.chain, "event": fault.number, "flaw": fault.flaw.value, "after": fault.after}


@app.command("export", context_settings=TAKES_IDS)
def export(
    chain: Annotated[str, typer.Argument(help="A tenant's id; - for what concerns no tenant.")],
    to: Annotated[Path, typer.Argument(help="The file to write.", dir_okay=False)],
    as_json: Json = False,
) -> None:
    """Write a whole chain with its seals, in JSON, to a file that is not there yet: it can be verified by itself."""
    with opened_node() as node:
        with new_file(to) as file:
            made = begin_event_export(node.deps, wanted=EventFilter(chain), form="json")
            file.writelines(export_lines(node.deps, made))
        say_changed({"id": chain, "events": made.last.number, "file": str(to)}, as_json=as_json)
