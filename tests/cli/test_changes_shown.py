"""A command that has changed something shows the result, for people and as JSON: it may be shown only once."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from deldokument.cli.operate.accounts import tenant_of
from deldokument.domain.audit import EventKind
from deldokument.domain.identifiers import Consumer, OrganizationNumber
from deldokument.domain.uuids import id_of
from deldokument.services.accounts.integrations import add_integration, holds_password
from deldokument.services.audit.export import begin_event_export, export_lines
from deldokument.services.shares.drafts import drafts
from deldokument.store.audit.audit import EventFilter
from tests.cli.transcripts import EWA, KARI, ODD, PDF, commands, opened, run
from tests.contract.test_scanner import FIT, peer
from tests.support.stage.confirmed import confirm_all
from tests.support.stage.stage import person
from tests.support.stage.tenants import take_into_use

pytestmark = pytest.mark.once

READ = {
    *("account list", "account show", "agreement list", "agreement texts", "audit verify", "audit restored", "doctor"),
    *("keys public", "list", "member list", "operator list", "receipts", "show"),
    *("tenant administrators", "tenant assessments", "tenant deletion", "tenant list", "tenant show", "tenant way"),
}
"""Commands that change nothing, and one that does so with an option, which tests/cli/test_audit.py types."""
SENDERS = {
    *("add", "add-document", "correct", "extend", "receive", "remove", "remove-document", "report", "share"),
    *("keys create-client", "keys rotate-client", "withdraw"),
}
"""Commands of the client's distribution, which tests/client and tests/cli/test_client_keys.py run."""
ONLY_TEXT = {
    *("demo", "keys create-root", "keys rotate-root", "keys seal", "migrate", "serve", "worker"),
    "tenant deletion-record",
}
"""Commands without JSON, and one that other tests lead up to; tests/cli runs them."""
SYSTEM = "312824450"


@dataclass
class Operator:
    """Somebody who types commands, all with --json or all without, and uses the ids that are shown."""

    environment: Mapping[str, str]
    as_json: bool
    done: set[str] = field(default_factory=set)

    def shown(self, command: str, *arguments: str, typed: str = "", **settings: str) -> str:
        """Run a command that changes something; return what it shows."""
        self.done.add(command)
        form = ["--json"] if self.as_json else []
        result = run({**self.environment, **settings}, *command.split(), *arguments, *form, typed=typed)
        assert result.exit_code == 0, (command, result.output)
        assert result.stdout.strip(), command
        return result.stdout

    def id_of(self, command: str, *arguments: str, typed: str = "") -> str:
        """Run a command; return the id that it shows."""
        shown = self.shown(command, *arguments, typed=typed)
        return str(json.loads(shown)["id"]) if self.as_json else shown.strip()

    def changes(self, command: str, one: str, *arguments: str) -> None:
        """Run a command that changes the object with this id, which it shows."""
        assert self.id_of(command, one, *arguments) == one, command


@pytest.mark.parametrize("as_json", [False, True], ids=["text", "json"])
def test_every_command_that_changes_something_shows_its_result(
    deployment: dict[str, str], register: str, folder: Path, as_json: bool
) -> None:
    operator = Operator(deployment | {"DELDOKUMENT_ENHETSREGISTERET_BASE_URL": register}, as_json)
    (folder / "signed.pdf").write_bytes(PDF)
    operator.changes("operator remove", operator.id_of("operator add", "Tora Drift", typed=f"{KARI}\n"))
    tenant = _tenant(operator, folder)
    account = operator.id_of("account create", tenant, "Byggesak")
    _integrations(operator, account)
    _members(operator, account)
    _share(operator, account)
    for command, arguments in (
        ("account rename", ["Byggesak og plan"]),
        ("account rules", ["--four-eyes"]),
        ("account freeze", ["--reason", "security"]),
        ("account unfreeze", []),
        ("account close", []),
        ("account reopen", []),
        ("account delete", ["--name", "Byggesak og plan"]),
        ("account undo-delete", []),
    ):
        operator.changes(command, account, *arguments)
    operator.changes("tenant end", tenant, "--name", "Eksempel kommune")
    grouped = {path[:-1] for path in commands() if path}
    leaves = {" ".join(path) for path in commands() if path not in grouped}
    assert operator.done == leaves - READ - SENDERS - ONLY_TEXT
    assert leaves >= READ | SENDERS | ONLY_TEXT


def _tenant(operator: Operator, folder: Path) -> str:
    created = ("--number", "310240001", "--administrator", "Ewa Kowalska", "--email", "post@eksempel.example")
    tenant, signed = operator.id_of("tenant create", *created, typed=f"{EWA}\n"), str(folder / "signed.pdf")
    added = operator.id_of("tenant add-administrator", tenant, "Kari Lunde", typed=f"{KARI}\n")
    assert operator.id_of("tenant remove-administrator", tenant, added) == added
    operator.changes("tenant rules", tenant, "--longest-days", "60")
    assert operator.id_of("agreement publish", "hovedavtale", "1.0") == "hovedavtale 1.0"
    signed_by = ("--version", "1.0", "--signed-on", "2026-11-02", "--signed-by", "Grethe Ness")
    agreement = operator.id_of("agreement record-main", tenant, signed, *signed_by)
    assert operator.id_of("agreement export", tenant, agreement, str(folder / "copy.pdf")) == agreement
    who = ("--assessor", "Berit Ås", "--role", "Enhetsleder", "--done-on", "2026-01-15", "--risk", "low")
    assert operator.id_of("tenant record-assessment", tenant, *who) in _listed(operator, "tenant assessments", tenant)
    with opened(operator.environment) as deps:
        take_into_use(deps, tenant)
    operator.changes("tenant activate", tenant)
    operator.changes("tenant freeze", tenant, "--reason", "security")
    operator.changes("tenant unfreeze", tenant)
    operator.changes("tenant export", tenant, str(folder / "export.zip"))
    operator.changes("audit export", tenant, str(folder / "log.jsonl"))
    return tenant


def _integrations(operator: Operator, account: str) -> None:
    with opened(operator.environment) as deps:
        where = {"tenant_id": tenant_of(deps, account), "account_id": account}
        added = add_integration(deps, **where, organization_number=SYSTEM).id
    assert operator.id_of("account integration-archive", account, added, "--confirmed") == added
    shown = operator.shown("account integration-password", account, added)
    created = json.loads(shown) if operator.as_json else dict(line.split(": ") for line in shown.splitlines())
    with opened(operator.environment) as deps:
        consumer = Consumer(OrganizationNumber(SYSTEM))
        assert holds_password(deps, consumer, id_of(created["integrasjon_id"]), created["password"])
    assert operator.id_of("account remove-integration", account, added) == added


def _members(operator: Operator, account: str) -> None:
    operator.changes("member remove", operator.id_of("member add", account, "Kari Lunde", typed=f"{KARI}\n"))
    listed = f"nummer;navn\n{ODD};Odd Bakken\n{KARI};Kari Lunde\n"
    assert operator.id_of("member import", account, typed=listed) == "2 registered"
    with opened(operator.environment) as deps:
        confirm_all(deps, account)


def _share(operator: Operator, account: str) -> None:
    with opened(operator.environment) as deps:
        share = drafts.start_draft(deps, person(KARI), account_id=account).id
    operator.changes("tenant freeze-share", share, "--reason", "security")
    operator.changes("tenant unfreeze-share", share)
    with peer(*FIT) as (host, port):
        shown = operator.shown("inspection rescan", DELDOKUMENT_SCANNER_URL=f"tcp://{host}:{port}")
    assert (json.loads(shown) if operator.as_json else shown.strip()) in ({"documents": 0}, "documents: 0")


def _listed(operator: Operator, *command: str) -> str:
    return run(operator.environment, *" ".join(command).split(), "--json").stdout


def test_an_export_that_cannot_be_written_is_not_recorded(
    deployment: dict[str, str], register: str, folder: Path
) -> None:
    operator = Operator(deployment | {"DELDOKUMENT_ENHETSREGISTERET_BASE_URL": register}, as_json=True)
    created = ("--number", "310240001", "--administrator", "Ewa Kowalska", "--email", "post@eksempel.example")
    tenant, path = operator.id_of("tenant create", *created, typed=f"{EWA}\n"), folder / "export.zip"
    path.write_bytes(b"there")
    assert run(operator.environment, "tenant", "export", tenant, str(path)).exit_code == 1
    with opened(operator.environment) as deps:
        log = b"".join(export_lines(deps, begin_event_export(deps, wanted=EventFilter(tenant), form="json")))
    assert EventKind.TENANT_EXPORTED.value.encode() not in log


@pytest.mark.parametrize("form", [[], ["--json"]], ids=["text", "json"])
def test_letters_that_a_terminal_lacks_do_not_hide_a_result(deployment: dict[str, str], form: list[str]) -> None:
    command = [sys.executable, "-m", "deldokument.cli.entry", "operator"]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DELDOKUMENT_")}
    settings: dict[str, Any] = {"env": {**kept, **deployment, "PYTHONIOENCODING": "ascii"}, "text": True}
    added = subprocess.run(
        [*command, "add", "Åse 李 Ødegård", *form], input=f"{KARI}\n", capture_output=True, check=False, **settings
    )
    listed = subprocess.run([*command, "list", *form], capture_output=True, check=False, **settings)
    assert (added.returncode, listed.returncode) == (0, 0), added.stderr + listed.stderr
    if form:
        assert json.loads(added.stdout)["name"] == json.loads(listed.stdout)[0]["name"] == "Åse 李 Ødegård"
    else:
        assert added.stdout.strip() in listed.stdout
