"""`audit verify` proves a database or a file, and names the first event that does not hold."""

import base64
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from deldokument.adapters.documents.signing import create_seal_certificate
from deldokument.cli.operate.audit import _FLAWS, _REPORT_FLAWS
from deldokument.domain.audit import AuditEvent, EventKind
from deldokument.domain.chain import Flaw, Mark
from deldokument.domain.shares.report import ReportEvent, ShareReport, digests, statement
from deldokument.services.audit.checkpoints import fingerprint
from deldokument.services.audit.heads import keep_heads
from deldokument.web.http.responses.error_texts import WORDS
from tests.cli.transcripts import (
    AUDIT,
    EWA,
    KARI,
    ODD,
    audit_text,
    database_url,
    make_ready,
    on_stack,
    opened,
    run,
    seal,
    settings,
    tamper,
)
from tests.support.deployment.stack import stack
from tests.support.snapshots import snapshot

Lines = list[dict[str, Any]]
NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def shared_trail(client_key: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A deployment with six events that concern no tenant, sealed up to the fourth."""
    folder = tmp_path_factory.mktemp("trail")
    (folder / "client.json").write_bytes(client_key.read_bytes())
    environment = on_stack(folder)
    make_ready(environment)
    assert run(environment, "keys", "seal").exit_code == 0
    for operator in [add(environment, number) for number in (KARI, ODD)]:
        assert run(environment, "operator", "remove", operator).exit_code == 0
    seal(environment)
    for number in (KARI, ODD):
        add(environment, number)
    return environment


@pytest.fixture
def trail(shared_trail: dict[str, str], folder: Path) -> Iterator[dict[str, str]]:
    """A deployment of one's own with that trail."""
    shutil.copytree(shared_trail["DELDOKUMENT_DATA_DIR"], folder / "data")
    url = stack().copied_database(database_url(shared_trail), folder / "data")
    yield shared_trail | settings(folder, DATABASE_URL=url)
    stack().give_back(url)


def add(environment: dict[str, str], number: str) -> str:
    """A new operator's id."""
    result = run(environment, "operator", "add", "Kari Lunde", typed=f"{number}\n")
    assert result.exit_code == 0
    return result.stdout.strip()


def test_a_restored_database_is_listed_with_undone_changes_and_continues_when_confirmed(
    trail: dict[str, str],
) -> None:
    operator = add(trail, EWA)
    with closing(snapshot(database_url(trail))) as kept:
        assert run(trail, "operator", "remove", operator).exit_code == 0
        with opened(trail) as deps:
            keep_heads(deps)
        assert run(trail, "audit", "verify").exit_code == 0
        kept.restore()
    refused = run(trail, "audit", "verify")
    assert refused.exit_code == 1
    assert "not there: `deldokument audit restored`" in refused.output
    listed = json.loads(run(trail, "audit", "restored", "--json").stdout)
    [chain] = listed["chains"]
    [back] = listed["brought_back"]
    assert (chain["chain"], chain["kept"] - chain["found"]) == ("-", 1)
    assert (back["kind"], f"operator={operator}" in back["details"]) == ("operator_removed", True)
    confirmed = run(trail, "audit", "restored", "--confirm")
    assert confirmed.exit_code == 0
    assert "operator_removed" in confirmed.stdout
    verified = run(trail, "audit", "verify")
    assert (verified.exit_code, "intact" in verified.stdout) == (0, True)
    assert json.loads(run(trail, "audit", "restored", "--json").stdout)["chains"] == []


def exported(environment: dict[str, str], folder: Path) -> Path:
    path = folder / "log.jsonl"
    assert run(environment, "audit", "export", "-", str(path)).exit_code == 0
    return path


def fault(*arguments: str, environment: dict[str, str] | None = None) -> tuple[int, str] | None:
    """The event and the flaw that a verification names."""
    result = run(environment or {}, "audit", "verify", *arguments, "--json")
    report = json.loads(result.stdout)
    assert result.exit_code == (0 if report["holds"] else 1)
    return (report["fault"]["event"], report["fault"]["flaw"]) if report["fault"] else None


def test_verifying_a_trail_matches_the_committed_transcript(folder: Path, deployment: dict[str, str]) -> None:
    assert audit_text(folder, deployment) == AUDIT.read_text("utf-8")


def test_every_flaw_has_a_text() -> None:
    assert _FLAWS.keys() == set(Flaw)
    assert set(Flaw) - _REPORT_FLAWS.keys() == {Flaw.UNLINKED, Flaw.CUT_OFF, Flaw.BEHIND, Flaw.FORGED}
    assert {"export_unknown", "report_unknown", "certificate_malformed"} <= WORDS.keys()


def report_file(folder: Path) -> Path:
    """The signed report of a share whose key was destroyed in the first event of its chain."""
    signer = create_seal_certificate(folder / "r.key", folder / "r.pem", operator_name="D", operator_number="", at=NOON)
    event = AuditEvent(NOON, EventKind.SHARE_KEY_DESTROYED, "t", "s")
    ended = ReportEvent(event, Mark(1, event.link(1, bytes(32))), bytes(32), "")
    certificate = signer.certificate()
    content = ShareReport(
        made_at=NOON,
        service="https://del.example",
        has_full_numbers=False,
        chain="t",
        last=ended.place,
        tenant_number="310240001",
        tenant_name="Eksempel kommune",
        account="Byggesak",
        share_id="s",
        title="Vedtak",
        reference="",
        confidential=True,
        sharer="Kari Lunde",
        state="ended",
        published_at=NOON,
        expires_at=NOON,
        closed_at=NOON,
        recipients=(),
        documents=(),
        events=(ended,),
        events_left_out=False,
        key_destroyed=ended,
        is_proven=True,
    ).content(certificate.decode())
    signature = base64.b64encode(signer.sign(statement(digests(content)))).decode()
    sealing = {"parts": digests(content), "certificate": fingerprint(certificate), "signature": signature}
    (folder / "report.json").write_text(json.dumps(content | {"seal": sealing}), "utf-8")
    return folder / "report.json"


def test_a_report_is_verified_offline_and_a_changed_part_is_named(folder: Path) -> None:
    path, certificate = report_file(folder), str(folder / "r.pem")
    said = run({}, "audit", "verify", "--report", str(path), "--certificate", certificate)
    assert (said.exit_code, said.stdout.splitlines()[-1]) == (0, "The report is intact.")
    assert "key_destroyed_in_event: 1" in said.stdout
    assert "none was given" in run({}, "audit", "verify", "--report", str(path)).stdout
    report = json.loads(run({}, "audit", "verify", "--report", str(path), "--json").stdout)
    assert (report["holds"], report["share"], report["final"], report["fault"]) == (True, "s", True, None)
    path.write_text(path.read_text("utf-8").replace("Vedtak", "Vedlegg"), "utf-8")
    forged = run({}, "audit", "verify", "--report", str(path), "--json")
    assert (forged.exit_code, json.loads(forged.stdout)["fault"]["part"]) == (1, "share")
    assert "«share» was changed after the report was signed" in forged.stderr


def test_a_report_is_held_against_an_export_and_the_database(trail: dict[str, str], folder: Path) -> None:
    path, log = report_file(folder), exported(trail, folder)
    other = run({}, "audit", "verify", str(log), "--report", str(path))
    assert (other.exit_code, "of another chain" in other.stderr) == (1, True)
    missing = run(trail, "audit", "verify", "--report", str(path), "--database")
    assert (missing.exit_code, "event 1 of the report is not in the event log" in missing.stderr) == (1, True)
    log.write_text(log.read_text("utf-8").replace("operator_added", "operator_removed", 1), "utf-8")
    broken = run({}, "audit", "verify", str(log), "--report", str(path))
    assert (broken.exit_code, "was altered" in broken.stderr) == (1, True)


REORDERED = (
    "UPDATE audit_event SET number = 9 WHERE number = 2",
    "UPDATE audit_event SET number = 2 WHERE number = 3",
    "UPDATE audit_event SET number = 3 WHERE number = 9",
)


@pytest.mark.parametrize(
    ("statements", "found"),
    [
        (("UPDATE audit_event SET kind = 'logged_in' WHERE number = 2",), (2, "altered")),
        (("DELETE FROM audit_event WHERE number = 2",), (2, "missing")),
        (REORDERED, (2, "unlinked")),
        (("DELETE FROM audit_event WHERE number = (SELECT max(number) FROM audit_event)",), (6, "cut_off")),
        (("DELETE FROM audit_event", "DELETE FROM audit_head"), (1, "cut_off")),
        (("UPDATE audit_checkpoint SET signature = hash",), (4, "unsigned")),
    ],
)
def test_tampering_with_a_database_is_found(
    trail: dict[str, str], statements: tuple[str, ...], found: tuple[int, str]
) -> None:
    assert fault(environment=trail) is None
    tamper(trail, *statements)
    assert fault(environment=trail) == found


def altered(lines: Lines) -> Lines:
    return [*lines[:2], lines[2] | {"kind": "logged_in"}, *lines[3:]]


def removed(lines: Lines) -> Lines:
    return lines[:2] + lines[3:]


def reordered(lines: Lines) -> Lines:
    return [*lines[:2], lines[3], lines[2], *lines[4:]]


@pytest.mark.parametrize(
    ("change", "found"), [(altered, (2, "altered")), (removed, (2, "missing")), (reordered, (2, "missing"))]
)
def test_tampering_with_a_file_is_found_without_settings(
    trail: dict[str, str], folder: Path, change: Callable[[Lines], Lines], found: tuple[int, str]
) -> None:
    path = exported(trail, folder)
    assert fault(str(path)) is None
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    path.write_text("\n".join(map(json.dumps, change(lines))), "utf-8")
    assert fault(str(path)) == found


def test_a_file_that_ends_too_early_is_cut_off(trail: dict[str, str], folder: Path) -> None:
    path = exported(trail, folder)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:4]))
    assert fault(str(path)) == (4, "cut_off")


def test_a_file_is_held_against_the_database_that_was_rewritten_since(trail: dict[str, str], folder: Path) -> None:
    path = exported(trail, folder)
    assert fault(str(path), "--database", environment=trail) is None
    tamper(trail, "UPDATE audit_event SET hash = previous WHERE number = 3")
    assert fault(str(path)) is None
    assert fault(str(path), "--database", environment=trail) == (3, "rewritten")
    said = run(trail, "audit", "verify", str(path), "--database")
    assert "event 3 differs from the known one" in said.stderr


def test_a_given_certificate_is_the_only_trusted_one(trail: dict[str, str], folder: Path) -> None:
    path, own, other = exported(trail, folder), folder / "data" / "seal.pem", folder / "other.pem"
    create_seal_certificate(folder / "other.key", other, operator_name="Andre", operator_number="", at=NOON)
    assert fault(str(path), "--certificate", str(own)) is None
    assert fault(str(path), "--certificate", str(other)) == (4, "unsigned")
    assert fault(str(path), "--certificate", str(other), "--certificate", str(own)) is None
    assert "none was given" not in run({}, "audit", "verify", str(path), "--certificate", str(own)).output
    wrong = run({}, "audit", "verify", str(path), "--certificate", str(folder / "client.json"))
    assert (wrong.exit_code, "certificate_malformed" in wrong.output) == (1, True)


def test_the_output_for_an_excerpt_states_its_limits(trail: dict[str, str], folder: Path) -> None:
    path = exported(trail, folder)
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    lines[0]["whole"] = False
    picked = [line for line in lines if line["type"] != "seal"]
    for number, line in enumerate(picked, start=1):
        line["line"] = number
    path.write_text("\n".join(map(json.dumps, picked)), "utf-8")
    assert "not that none were left out" in run({}, "audit", "verify", str(path)).output


def test_a_failed_export_leaves_no_file_and_no_event(trail: dict[str, str], folder: Path) -> None:
    before = json.loads(run(trail, "audit", "verify", "--json").stdout)["chains"]
    assert run(trail, "audit", "export", "nobody", str(folder / "none.jsonl")).exit_code == 1
    assert not (folder / "none.jsonl").exists()
    (folder / "there.jsonl").touch()
    assert run(trail, "audit", "export", "-", str(folder / "there.jsonl")).exit_code == 1
    assert json.loads(run(trail, "audit", "verify", "--json").stdout)["chains"] == before


def test_a_missing_file_is_reported() -> None:
    assert run({}, "audit", "verify", "/nowhere.jsonl").exit_code == 2
