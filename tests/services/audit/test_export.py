"""An export verifies offline as the chain does, and shows what was done to it; so does a database, with its seals."""

import hashlib
import json
import re
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from deldokument.adapters.documents.signing import MissingSeal, PdfSigner, create_seal_certificate, verify_signature
from deldokument.domain.audit import GENESIS, NO_TENANT, EventKind, link
from deldokument.domain.chain import Fault, Flaw, Mark
from deldokument.domain.errors import Broken, InvalidInput, NotFound
from deldokument.services.audit import checkpoints, search, verification
from deldokument.services.audit import export as audit_export
from deldokument.services.audit.recording import record_event
from deldokument.services.audit.verification import ExportVerdict
from deldokument.services.downloads import offers
from deldokument.services.encryption import CachedDeploymentKeys
from deldokument.store.audit.audit import EventFilter
from deldokument.store.database import Database
from deldokument.store.transaction import Transaction
from tests.support.bulk.events import fill_trail, many_events, subject_ids
from tests.support.stage.stage import KARI, ODD, OLA, VIGDIS, Stage, person, seal, set_stage
from tests.support.stored_data import do_as_owner

Lines = list[dict[str, Any]]


def happen(stage: Stage, count: int, number: str | None = KARI) -> None:
    with stage.deps.database.write() as tx:
        for _ in range(count):
            who = person(number) if number else None
            record_event(stage.deps, tx, EventKind.ACCOUNT_RENAMED, tenant_id=stage.tenant.id, person=who)


@pytest.fixture
def moved(stage: Stage) -> Stage:
    """A stage on which much has happened, the chain being sealed twice on the way."""
    return move(stage)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Lines, Lines]:
    """Of the same: an export of everything, and one of what Kari did."""
    stage = move(set_stage(tmp_path_factory.mktemp("stage")))
    exports = exported(stage), of_kari(stage)
    stage.close()
    return exports


@pytest.fixture
def whole(files: tuple[Lines, Lines]) -> Lines:
    """Lines that may be changed."""
    return deepcopy(files[0])


@pytest.fixture
def picked(files: tuple[Lines, Lines]) -> Lines:
    """Lines that may be changed."""
    return deepcopy(files[1])


def move(stage: Stage) -> Stage:
    """Much happens, and is sealed twice on the way."""
    offers.open_share(stage.deps, person(OLA), stage.publish(OLA))
    checkpoints.sign_checkpoints(stage.deps)
    for number in (KARI, ODD, None):
        stage.clock.advance(hours=1)
        happen(stage, 3, number)
    checkpoints.sign_checkpoints(stage.deps)
    happen(stage, 2)
    return stage


def exported(stage: Stage, **wanted: Any) -> Lines:
    """The lines of an export."""
    export = audit_export.begin_event_export(
        stage.deps, wanted=EventFilter(stage.tenant.id, **wanted), form="json", person=person(KARI)
    )
    return [json.loads(line) for line in b"".join(audit_export.export_lines(stage.deps, export)).splitlines()]


def of_kari(stage: Stage) -> Lines:
    return exported(stage, subject_ids=search.subject_ids_of(stage.deps, stage.tenant.id, person(KARI)))


def verdict(lines: Lines, *certificates: bytes) -> ExportVerdict:
    """The verdict of an auditor who has nothing but the lines."""
    file = (json.dumps(line).encode() + b"\n" for line in lines)
    return verification.verify_export(file, certificates=certificates, is_signed=verify_signature)


def fault(lines: Lines) -> tuple[int, Flaw] | None:
    found = verdict(lines).fault
    return (found.number, found.flaw) if found else None


def events(lines: Lines) -> Lines:
    return [line for line in lines if line["type"] == "event"]


def index_of(lines: Lines, number: int, kind: str = "event") -> int:
    return next(i for i, line in enumerate(lines) if line["type"] == kind and line["number"] == number)


def test_a_whole_export_verifies_offline_with_its_seals(moved: Stage) -> None:
    lines = exported(moved)
    result = verdict(lines)
    with moved.deps.database.read() as tx:
        head, seal = tx.audit.head(moved.tenant.id), tx.checkpoints.last(moved.tenant.id)
    assert (result.fault, result.is_whole, result.chain, result.events) == (None, True, moved.tenant.id, head.number)
    assert (result.last, result.checkpoint, result.line) == (head, seal, len(lines))
    assert result.signed_with == checkpoints.fingerprint(moved.deps.signer.certificate())
    assert [line["number"] for line in events(lines)] == list(range(1, head.number + 1))


def test_the_export_is_recorded_and_is_the_last_event_of_itself(moved: Stage) -> None:
    last = events(exported(moved))[-1]
    assert (last["kind"], last["details"]) == ("event_log_exported", {"filters": "none", "format": "json"})
    assert last["who"] == {"name": "Kari Lunde", "number": f"{KARI[:6]} *****"}
    of_kari(moved)
    assert moved.trail()[-1][1].details == {"filters": "person", "format": "json"}


def test_a_filtered_export_verifies_by_itself_and_is_not_called_whole(moved: Stage) -> None:
    lines = of_kari(moved)
    result = verdict(lines)
    assert (result.fault, result.is_whole, result.events, result.checkpoint) == (None, False, len(events(lines)), None)
    assert result.signed_with
    assert {line["who"]["name"] for line in events(lines)} == {"Kari Lunde"}
    assert not [line for line in lines if line["type"] == "seal"]
    assert lines[0]["wanted"]["subjects"]


def test_an_export_holds_no_number_of_a_person(moved: Stage) -> None:
    text = json.dumps([exported(moved), of_kari(moved)])
    for number in (KARI, ODD, OLA):
        assert number not in text


def test_an_export_verifies_after_the_erasure_of_identifiers_in_it_and_behind_it(moved: Stage) -> None:
    lines = exported(moved)
    for line in events(lines):
        line["who"] = None
    assert verdict(lines).fault is None
    moved.clock.advance(days=31)
    key_id = f"audit:{moved.tenant.id}:2026-11"
    moved.deps.keyring.destroy([key_id])
    with moved.deps.database.write() as tx:
        tx.retention.erase_subjects(key_id)
    later = exported(moved)
    assert verdict(later).fault is None
    assert [line["hash"] for line in events(later)][: len(events(lines))] == [line["hash"] for line in events(lines)]
    assert {line["who"]["name"] for line in events(later)[:-1] if line["who"]} == {""}


def test_what_concerns_no_tenant_is_exported_by_itself(moved: Stage) -> None:
    with moved.deps.database.write() as tx:
        record_event(moved.deps, tx, EventKind.CLOCK_CONFIRMED)
    export = audit_export.begin_event_export(moved.deps, wanted=EventFilter(NO_TENANT), form="json")
    lines = [json.loads(line) for line in b"".join(audit_export.export_lines(moved.deps, export)).splitlines()]
    assert (lines[0]["tenant"], verdict(lines).fault) == (None, None)
    assert [line["kind"] for line in events(lines)][-2:] == ["clock_confirmed", "event_log_exported"]


def test_a_tenant_that_is_not_there_has_no_export(stage: Stage) -> None:
    with pytest.raises(NotFound):
        audit_export.begin_event_export(stage.deps, wanted=EventFilter("nobody"), form="json")


def test_without_a_seal_an_export_is_unsigned_and_holds(stage: Stage) -> None:
    stage.deps = replace(stage.deps, signer=MissingSeal())
    result = verdict(exported(stage))
    assert (result.fault, result.signed_with, result.checkpoint) == (None, None, None)


def test_an_export_of_a_log_that_is_behind_is_not_signed(stage: Stage) -> None:
    stage.deps.behind.note({stage.tenant.id})
    assert verdict(exported(stage)).signed_with is None


def test_nor_is_one_with_a_name_that_was_written_to_the_tenants_row(stage: Stage) -> None:
    do_as_owner(stage.database_url, "UPDATE tenant SET name = 'Oslo kommune'")
    assert verdict(exported(stage)).signed_with is None


def test_events_that_come_while_it_is_read_are_not_in_it(moved: Stage) -> None:
    export = audit_export.begin_event_export(moved.deps, wanted=EventFilter(moved.tenant.id), form="json")
    lines = audit_export.export_lines(moved.deps, export)
    text = next(lines)
    happen(moved, 3)
    moved.clock.advance(hours=1)
    checkpoints.sign_checkpoints(moved.deps)
    text += b"".join(lines)
    result = verdict([json.loads(line) for line in text.splitlines()])
    assert (result.fault, result.last) == (None, export.last)


def test_an_event_that_comes_between_the_record_of_an_export_and_its_end_is_in_it(moved: Stage) -> None:
    class Busy:
        """Something else happens as soon as the export is recorded."""

        def __init__(self, database: Database) -> None:
            self.read = database.read
            self._database = database

        @contextmanager
        def write(self) -> Iterator[Transaction]:
            with self._database.write() as tx:
                yield tx
            happen(moved, 1)

    deps = moved.deps
    busy = replace(moved, deps=replace(deps, database=Busy(deps.database)))
    lines = exported(busy)
    assert [line["kind"] for line in events(lines)[-2:]] == ["event_log_exported", "account_renamed"]
    assert verdict(lines).fault is None


BETWEEN = 18
"""An event between the two seals."""


def altered(lines: Lines) -> None:
    lines[index_of(lines, BETWEEN)]["details"] = {"account": "another"}


def removed(lines: Lines) -> None:
    del lines[index_of(lines, BETWEEN)]


def reordered(lines: Lines) -> None:
    first, second = index_of(lines, BETWEEN), index_of(lines, BETWEEN + 1)
    lines[first], lines[second] = lines[second], lines[first]


def renumbered(lines: Lines) -> None:
    lines[index_of(lines, BETWEEN)]["number"] = BETWEEN + 1


def rehashed(lines: Lines) -> None:
    line = lines[index_of(lines, BETWEEN)]
    line["hash"] = line["previous"]


def unhashed(lines: Lines) -> None:
    del lines[index_of(lines, BETWEEN)]["hash"]


def no_hex(lines: Lines) -> None:
    lines[index_of(lines, BETWEEN)]["previous"] = "x"


def of_no_kind(lines: Lines) -> None:
    lines[index_of(lines, BETWEEN)] = {"type": "remark"}


@pytest.mark.parametrize("tamper", [altered, removed, reordered, renumbered, rehashed, unhashed, no_hex, of_no_kind])
def test_the_first_event_that_was_tampered_with_is_named(whole: Lines, tamper: Callable[[Lines], None]) -> None:
    lines = whole
    tamper(lines)
    found = fault(lines)
    assert found
    assert found[0] == BETWEEN


@pytest.mark.parametrize("last", [3, 2, 1])
def test_a_tail_that_was_cut_off_is_noticed(whole: Lines, last: int) -> None:
    lines = whole
    end = len(events(lines))
    assert fault([line for line in lines if line.get("number", 0) <= end - last]) == (end - last + 1, Flaw.CUT_OFF)
    shorter = [line for line in lines if line["type"] == "end" or line.get("number", 0) <= end - last]
    assert fault(shorter) == (end - last + 1, Flaw.CUT_OFF)


def test_a_last_event_that_the_head_does_not_know_is_noticed(whole: Lines) -> None:
    lines = whole
    lines[0]["last"]["number"] -= 1
    assert fault(lines) == (len(events(lines)), Flaw.UNKNOWN)


def test_a_head_that_says_another_hash_is_noticed(whole: Lines) -> None:
    lines = whole
    lines[0]["last"]["hash"] = "00" * 32
    assert fault(lines) == (len(events(lines)), Flaw.REWRITTEN)


def reforged(lines: Lines, since: int = 1) -> Lines:
    """The same events with another story, every hash made anew: what somebody can do who writes to the database."""
    last = GENESIS
    for line in lines:
        if line["type"] == "event":
            if line["number"] == since:
                line["subject"] = "somebody else"
            line["previous"] = last.hex()
            said = (line["at"], line["kind"], line["share"], line["subject"], line["details"])
            last = link(lines[0]["chain"], line["number"], last, said)
            line["hash"] = last.hex()
    lines[0]["last"]["hash"] = last.hex()
    return lines


def test_a_chain_rewritten_behind_a_seal_is_found_by_the_seal(whole: Lines) -> None:
    lines = whole
    first, second = (line["number"] for line in lines if line["type"] == "seal")
    result = verdict(reforged(lines, since=BETWEEN))
    assert first < BETWEEN < second
    assert result.fault == Fault(lines[0]["chain"], second, Flaw.REWRITTEN, after=first)


def test_a_chain_rewritten_with_its_seals_left_out_does_not_fit_the_signature_on_the_file(whole: Lines) -> None:
    lines = [line for line in reforged(whole) if line["type"] != "seal"]
    for number, line in enumerate(lines, start=1):
        line["line"] = number
    assert fault(lines) == (len(events(lines)), Flaw.CHANGED)
    body = b"".join(map(audit_export.covered_bytes, lines[:-1]))
    lines[-1]["sha256"] = hashlib.sha256(body).hexdigest()
    assert fault(lines) == (len(events(lines)), Flaw.UNSIGNED)


@pytest.mark.parametrize("kind", ["whole", "picked"])
def test_a_file_without_seals_and_signature_does_not_verify_against_a_certificate(
    request: pytest.FixtureRequest, kind: str
) -> None:
    lines: Lines = [line for line in request.getfixturevalue(kind) if line["type"] != "seal"]
    lines = reforged(lines) if kind == "whole" else lines
    for number, line in enumerate(lines, start=1):
        line["line"] = number
    body = b"".join(map(audit_export.covered_bytes, lines[:-1]))
    lines[-1] |= {"sha256": hashlib.sha256(body).hexdigest(), "certificate": None, "signature": None}
    result = verdict(lines)
    assert (result.fault, result.checkpoint, result.signed_with) == (None, None, None)
    result = verdict(lines, seal().certificate())
    assert result.fault == Fault(lines[0]["chain"], events(lines)[-1]["number"], Flaw.UNSIGNED)


def test_a_seal_that_was_forged_or_left_out_is_noticed(whole: Lines) -> None:
    lines = whole
    place = next(i for i, line in enumerate(lines) if line["type"] == "seal")
    number = lines[place]["number"]
    for changes, flaw in (
        ({"sealed_at": "2026-01-01T00:00:00.000000+00:00"}, Flaw.UNSIGNED),
        ({"sealed_at": "0001-01-01T00:00:00+14:00"}, Flaw.ALTERED),
        ({"certificate": "another"}, Flaw.UNSIGNED),
        ({"hash": "00" * 32}, Flaw.REWRITTEN),
        ({"number": number - 1}, Flaw.REWRITTEN),
    ):
        forged = [*lines[:place], lines[place] | changes, *lines[place + 1 :]]
        found = fault(forged)
        assert found
        assert found[1] is flaw
    assert fault(lines[:place] + lines[place + 1 :]) == (number + 1, Flaw.CHANGED)


@pytest.mark.parametrize(
    ("changes", "flaw"),
    [({"signature": "AAAA"}, Flaw.UNSIGNED), ({"certificate": "x"}, Flaw.UNSIGNED), ({"sha256": "x"}, Flaw.CHANGED)],
)
def test_a_signature_on_the_file_that_does_not_hold_is_noticed(
    whole: Lines, changes: dict[str, str], flaw: Flaw
) -> None:
    lines = whole
    assert fault([*lines[:-1], lines[-1] | changes]) == (len(events(lines)), flaw)


def test_lines_behind_the_end_are_noticed(whole: Lines) -> None:
    lines = whole
    assert fault([*lines, lines[1]]) == (len(events(lines)) + 1, Flaw.UNKNOWN)


@pytest.mark.parametrize("what", [1, 2])
def test_an_altered_removed_and_reordered_event_among_those_picked_out_is_found(picked: Lines, what: int) -> None:
    lines = picked
    numbers = [line["number"] for line in events(lines)]
    place = index_of(lines, numbers[what])
    altered = [*lines[:place], lines[place] | {"kind": "logged_in"}, *lines[place + 1 :]]
    assert fault(altered) == (numbers[what], Flaw.ALTERED)
    assert fault(lines[:place] + lines[place + 1 :]) == (numbers[what + 1], Flaw.MISSING)
    turned = [*lines[:place], lines[place + 1], lines[place], *lines[place + 2 :]]
    found = fault(turned)
    assert found
    assert found[0] in numbers[what : what + 2]


def test_a_seal_in_a_filtered_export_proves_nothing_and_is_refused(picked: Lines, whole: Lines) -> None:
    lines = picked
    seal = next(line for line in whole if line["type"] == "seal")
    assert fault([*lines[:2], seal, *lines[2:]]) == (lines[1]["number"], Flaw.CHANGED)


def test_certificates_that_are_given_are_the_only_ones_believed(moved: Stage, tmp_path: Path) -> None:
    lines = exported(moved)
    assert verdict(lines, moved.deps.signer.certificate()).fault is None
    result = verdict(lines, another_seal(moved, tmp_path).certificate())
    assert result.fault
    assert result.fault.flaw is Flaw.UNSIGNED
    with pytest.raises(InvalidInput, match="certificate_malformed"):
        verdict(lines, b"no certificate")


def another_seal(stage: Stage, folder: Path) -> PdfSigner:
    paths = folder / "other.key", folder / "other.pem"
    return create_seal_certificate(*paths, operator_name="Andre", operator_number="", at=stage.clock.now())


@pytest.mark.parametrize(
    "raw", [b"", b"no JSON", b"[]", b'{"format":"deldokument-audit","version":2}', b'{"x":NaN}', b"[" * 100_000]
)
def test_a_file_that_is_no_export_is_reported(raw: bytes) -> None:
    with pytest.raises(InvalidInput, match="export_unknown"):
        verification.verify_export([raw], certificates=(), is_signed=verify_signature)


def test_a_number_that_no_export_holds_makes_a_line_none(whole: Lines) -> None:
    """Read as infinite, it has no form in which it could be hashed."""
    head, *rest = [json.dumps(line) for line in whole]
    infinite = head[:-1] + ',"x":1e999}'
    with pytest.raises(InvalidInput, match="export_unknown"):
        verification.verify_export([infinite.encode()], certificates=(), is_signed=verify_signature)
    raw = [head.encode(), (rest[0][:-1] + ',"x":1e999}').encode()]
    result = verification.verify_export(raw, certificates=(), is_signed=verify_signature).fault
    assert result is not None
    assert (result.number, result.flaw) == (1, Flaw.ALTERED)


@pytest.mark.parametrize("missing", ["chain", "whole", "last", "certificates"])
def test_a_head_that_lacks_something_is_no_export(whole: Lines, missing: str) -> None:
    lines = whole
    del lines[0][missing]
    with pytest.raises(InvalidInput, match="export_unknown"):
        verdict(lines)


SCRIPT = re.compile(r"```python\n(.*?)```", re.S)


def test_the_script_on_the_page_for_auditors_verifies_an_export_by_itself(whole: Lines, tmp_path: Path) -> None:
    [script] = SCRIPT.findall((Path(__file__).parents[3] / "docs" / "audit.md").read_text("utf-8"))
    path = tmp_path / "log.jsonl"
    for tamper in (None, altered, removed, reordered, rehashed):
        lines = deepcopy(whole)
        if tamper:
            tamper(lines)
        path.write_text("\n".join(map(json.dumps, lines)), "utf-8")
        done = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, check=False)
        assert (done.returncode == 0) == (tamper is None), done.stderr
        assert tamper is None or f"AssertionError: {BETWEEN}" in done.stderr


@pytest.mark.parametrize("certificate", [1, None, {}, "æ", "\ud800"])
def test_certificates_that_are_no_text_make_no_export(whole: Lines, certificate: object) -> None:
    whole[0]["certificates"] = [certificate]
    with pytest.raises(InvalidInput, match="export_unknown"):
        verdict(whole)


DOUBTFUL = [
    ('"kind":"', '"kind":"logged_in","kind":"'),
    ('"kind":"', '"also":1e400,"kind":"'),
    ('"kind":"', f'"also":{"[" * 990}{"]" * 990},"kind":"'),
]


@pytest.mark.parametrize(("there", "instead"), DOUBTFUL)
def test_an_ambiguous_or_unreadable_line_does_not_hold(whole: Lines, there: str, instead: str) -> None:
    raw = [json.dumps(line, separators=(",", ":")) for line in whole]
    place = index_of(whole, BETWEEN)
    assert there in raw[place]
    raw[place] = raw[place].replace(there, instead, 1)
    file = (line.encode() for line in raw)
    result = verification.verify_export(file, certificates=[seal().certificate()], is_signed=verify_signature)
    assert result.fault


@pytest.mark.parametrize("last", [{}, {"number": "x", "hash": "y"}, {"number": None, "hash": 1}])
def test_a_head_with_an_invalid_end_does_not_hold(whole: Lines, last: dict[str, object]) -> None:
    whole[0]["last"] = last
    assert fault(whole)


def trail(stage: Stage, *certificates: bytes) -> verification.TrailVerdict:
    return verification.verify_trail(stage.deps, certificates=certificates, is_signed=verify_signature)


def tamper(stage: Stage, *statements: str) -> None:
    do_as_owner(stage.database_url, *(statement.replace("?", f"'{stage.tenant.id}'") for statement in statements))


def test_a_database_that_nobody_touched_holds_with_every_chain_and_seal(moved: Stage) -> None:
    result = trail(moved)
    assert result.fault is None
    with moved.deps.database.read() as tx:
        assert [state.chain for state in result.chains] == tx.audit.chains()
    [state] = [state for state in result.chains if state.chain == moved.tenant.id]
    assert state.checkpoint
    assert state.events > state.checkpoint.number


@pytest.mark.parametrize(
    ("statements", "found"),
    [
        (["UPDATE audit_event SET kind = 'x' WHERE chain = ? AND number = 20"], (20, Flaw.ALTERED)),
        (["DELETE FROM audit_event WHERE chain = ? AND number = 20"], (20, Flaw.MISSING)),
        (
            [
                "UPDATE audit_event SET number = 999 WHERE chain = ? AND number = 20",
                "UPDATE audit_event SET number = 20 WHERE chain = ? AND number = 21",
                "UPDATE audit_event SET number = 21 WHERE chain = ? AND number = 999",
            ],
            (20, Flaw.UNLINKED),
        ),
        (["UPDATE audit_checkpoint SET signed_at = 1 WHERE chain = ?"], (None, Flaw.UNSIGNED)),
        (["UPDATE audit_checkpoint SET certificate = 'another' WHERE chain = ?"], (None, Flaw.UNSIGNED)),
        (["UPDATE audit_checkpoint SET signature = hash WHERE chain = ?"], (None, Flaw.UNSIGNED)),
    ],
)
def test_one_altered_one_removed_and_one_reordered_event_and_a_forged_seal_are_found_in_a_database(
    moved: Stage, statements: list[str], found: tuple[int | None, Flaw]
) -> None:
    tamper(moved, *statements)
    fault = trail(moved).fault
    assert fault
    assert (fault.chain, fault.flaw) == (moved.tenant.id, found[1])
    with moved.deps.database.read() as tx:
        assert fault.number == (found[0] or tx.checkpoints.following(moved.tenant.id, after=0, limit=1)[0].number)


def test_a_seal_of_an_earlier_certificate_holds_when_that_is_given(moved: Stage, tmp_path: Path) -> None:
    earlier = moved.deps.signer.certificate()
    moved.deps = replace(moved.deps, signer=another_seal(moved, tmp_path))
    happen(moved, 1)
    moved.clock.advance(hours=1)
    checkpoints.sign_checkpoints(moved.deps)
    result = trail(moved)
    assert result.fault
    assert result.fault.flaw is Flaw.UNSIGNED
    assert trail(moved, earlier).fault is None
    assert verdict(exported(moved)).fault is None


def test_seals_cannot_be_verified_without_any_certificate(moved: Stage) -> None:
    own = moved.deps.signer.certificate()
    moved.deps = replace(moved.deps, signer=MissingSeal())
    fault = trail(moved).fault
    assert fault
    assert fault.flaw is Flaw.UNSIGNED
    assert trail(moved, own).fault is None


def test_a_chain_cut_off_before_its_seal_is_exported_with_the_seal_that_shows_it(moved: Stage) -> None:
    with moved.deps.database.read() as tx:
        seal = tx.checkpoints.last(moved.tenant.id)
    assert seal
    tamper(
        moved,
        "DELETE FROM audit_event WHERE chain = ? AND number > 15",
        "UPDATE audit_head SET number = 15, hash = (SELECT hash FROM audit_event WHERE chain = ? AND number = 15) "
        "WHERE chain = ?",
    )
    result = verdict(exported(moved))
    assert result.fault
    assert (result.fault.number, result.fault.flaw) == (17, Flaw.CUT_OFF)


def test_an_export_that_was_kept_shows_that_the_database_was_rewritten(moved: Stage) -> None:
    lines = exported(moved)
    raw = [json.dumps(line).encode() for line in lines]
    chain = moved.tenant.id
    assert verification.verify_against(moved.deps, chain, verification.marks_of(raw)) is None
    marks = list(verification.marks_of(raw))
    rewritten = [*marks[:4], Mark(5, bytes(32))]
    assert verification.verify_against(moved.deps, chain, rewritten) == Fault(chain, 5, Flaw.REWRITTEN)
    beyond = [Mark(999, bytes(32))]
    assert verification.verify_against(moved.deps, chain, beyond) == Fault(chain, 999, Flaw.MISSING)


def test_a_chain_cut_back_with_its_seals_is_shown_by_its_kept_head_and_by_a_file_that_was_kept(
    moved: Stage,
) -> None:
    kept = [json.dumps(line).encode() for line in exported(moved)]
    chain = moved.tenant.id
    with moved.deps.database.read() as tx:
        sealed = tx.checkpoints.following(chain, after=BETWEEN, limit=9)
    assert sealed
    tamper(
        moved,
        f"DELETE FROM audit_event WHERE chain = ? AND number >= {BETWEEN}",
        f"DELETE FROM audit_checkpoint WHERE chain = ? AND number >= {BETWEEN}",
        f"UPDATE audit_head SET number = {BETWEEN - 1}, "
        f"hash = (SELECT hash FROM audit_event WHERE chain = ? AND number = {BETWEEN - 1}) WHERE chain = ?",
    )
    happen(moved, sealed[-1].number, VIGDIS)
    moved.clock.advance(hours=1)
    with pytest.raises(Broken, match="not signed any more: cut_off"):
        checkpoints.sign_checkpoints(moved.deps)
    fault = trail(moved).fault
    assert fault
    assert (fault.chain, fault.flaw) == (chain, Flaw.BEHIND)
    found = verification.verify_against(moved.deps, chain, verification.marks_of(kept))
    assert found == Fault(chain, BETWEEN, Flaw.REWRITTEN)


COUNT = 10_000


def fill(stage: Stage) -> None:
    """Very many events of no tenant."""
    keys = CachedDeploymentKeys(stage.deps.keyring)
    rows = many_events(COUNT, chain=NO_TENANT, people=lambda _: subject_ids(100), integrity=keys)
    fill_trail(stage.database_url, rows)


def test_many_events_are_exported_and_verified_in_constant_memory(stage: Stage) -> None:
    fill(stage)
    export = audit_export.begin_event_export(stage.deps, wanted=EventFilter(NO_TENANT), form="json")

    def lines() -> Iterator[bytes]:
        pieces = audit_export.export_lines(stage.deps, export)
        yield next(pieces)
        yield from next(pieces).splitlines(keepends=True)
        tracemalloc.start()
        for piece in pieces:
            assert len(piece) < 500_000
            yield from piece.splitlines(keepends=True)

    result = verification.verify_export(lines(), certificates=(), is_signed=verify_signature)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (result.fault, result.events) == (None, export.last.number)
    assert export.last.number > COUNT
    assert most < 6_000_000


def test_many_events_are_verified(stage: Stage) -> None:
    fill(stage)
    checkpoints.sign_checkpoints(stage.deps)
    tamper(stage, "UPDATE audit_event SET subject_id = 'x' WHERE chain = '-' AND number = 7777")
    assert trail(stage).fault == Fault(NO_TENANT, 7777, Flaw.ALTERED)


def test_an_export_ends_at_an_event_that_the_service_did_not_write(stage: Stage) -> None:
    stage.publish(OLA)
    do_as_owner(stage.database_url, "UPDATE audit_event SET hash = previous WHERE number = 2")
    export = audit_export.begin_event_export(stage.deps, wanted=EventFilter(stage.tenant.id), form="json")
    with pytest.raises(Broken, match="did not write"):
        list(audit_export.export_lines(stage.deps, export))
