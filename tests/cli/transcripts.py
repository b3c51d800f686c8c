"""What the commands say, as committed text: the help of each, setting up a deployment from nothing, and its tenants.

After a change that is meant, write them anew and read the difference:

    .venv-dev/bin/python -m tests.cli.transcripts
"""

import json
import os
import re
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from deldokument.bootstrap.runtime import build_runtime
from deldokument.cli.main import app
from deldokument.config.settings import load_settings
from deldokument.ports.dependencies import Dependencies
from deldokument.services.accounts.integrations import add_integration
from deldokument.services.audit.checkpoints import sign_checkpoints
from tests.support.deployment.simulators import start_simulators
from tests.support.deployment.stack import stack
from tests.support.faults.rsa_keys import rsa_key
from tests.support.stage.tenants import take_into_use
from tests.support.stored_data import do_as_owner

HERE = Path(__file__).parent
HELP, FIRST, SETUP, AUDIT = (HERE / f"{name}.txt" for name in ("help", "first", "setup", "audit"))
KARI, ODD, EWA = "12838514837", "03897214198", "47906701517"
PDF = b"%PDF-1.7\n1 0 obj\nendobj\n%%EOF"
_RUNNER, _COMMANDS = CliRunner(), typer.main.get_command(app)
_PLAIN = {"COLUMNS": "100", "TERM": "dumb", "NO_COLOR": "1"}
_ID = re.compile(r"(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{22}(?![A-Za-z0-9_-])")
_HASH = re.compile(r"\b[0-9a-f]{64}\b")
# Printed only where there is no system log.
_RECORD = re.compile(r"^deldokument\[\d+\]: command: .*\n", re.M)
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+\+00:00")


def settings(folder: Path, **changes: str) -> dict[str, str]:
    """A whole environment whose files are in ``folder``."""
    given = {
        "PUBLIC_URL": "https://del.eksempel.example",
        "DATA_DIR": str(folder / "data"),
        "ALLOW_SYNTHETIC": "true",
        "IDPORTEN_ISSUER": "https://idporten.example",
        "IDPORTEN_CLIENT_ID": "client-1",
        "IDPORTEN_CLIENT_KEY_PATH": str(folder / "client.json"),
        "MASKINPORTEN_ISSUER": "https://maskinporten.example/",
        "MASKINPORTEN_CLIENT_ID": "client-2",
        "MASKINPORTEN_CLIENT_KEY_PATH": str(folder / "client.json"),
        "ALTINN_BASE_URL": "https://altinn.example",
        "ALTINN_SUBSCRIPTION_KEY": "subscription-secret",
        "OPERATOR_NAME": "Driftsselskapet AS",
        "OPERATOR_NUMBER": "310240001",
        "AGREEMENT_RETURN_ADDRESS": "avtaler@drift.example",
        "AGREEMENT_CONTRACT_PARTY": "Driftsselskapet AS",
    }
    return {f"DELDOKUMENT_{name}": value for name, value in (given | changes).items()}


def on_stack(folder: Path) -> dict[str, str]:
    """A whole environment whose files are in ``folder``; what the run's servers keep is kept there."""
    return settings(folder, **{name.upper(): value for name, value in stack().settings(folder).items()})


def database_url(environment: Mapping[str, str]) -> str:
    """Where the database of a deployment is."""
    by_default = f"sqlite:///{environment['DELDOKUMENT_DATA_DIR']}/deldokument.sqlite3"
    return environment.get("DELDOKUMENT_DATABASE_URL", by_default)


def make_ready(environment: Mapping[str, str]) -> None:
    """The root key, unless it is made elsewhere, and the schema."""
    if "DELDOKUMENT_ROOT_KEY" not in environment:
        assert run(environment, "keys", "create-root").exit_code == 0
    assert run(environment, "migrate").exit_code == 0


def write_client_key(path: Path) -> None:
    """A client key that is quick to load; those that the command makes are twice as long."""
    key = rsa_key("client")
    path.write_text(json.dumps(key.as_dict(private=True)), encoding="utf-8")


def run(environment: Mapping[str, str], *arguments: str, typed: str = "") -> Result:
    """One command in this process, as ``CliRunner.invoke`` runs it; that builds all commands anew each time."""
    with _RUNNER.isolation(input=typed, env={**_PLAIN, **environment}) as (out, err, both):
        with pytest.raises(SystemExit) as end:
            _COMMANDS.main(list(arguments), prog_name="deldokument")
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        said = [stream.getvalue() for stream in (out, err, both)]
    return Result(_RUNNER, *said, None, end.value.code or 0, None)


def commands() -> Iterator[tuple[str, ...]]:
    """Every command and group of commands."""

    def walk(command: Any, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        yield path
        for name, below in getattr(command, "commands", {}).items():
            yield from walk(below, (*path, name))

    return walk(_COMMANDS, ())


def help_text() -> str:
    """The help of every command."""
    return "\n".join(_said({}, *path, "--help") for path in commands())


def first_text(folder: Path) -> str:
    """From nothing to a deployment that answers, with everything in files."""
    transcript = Transcript(folder, settings(folder))
    transcript.say("keys", "create-root")
    transcript.say("keys", "create-root")
    transcript.say("doctor")
    transcript.say("migrate")
    transcript.say("doctor")
    return "\n".join(transcript.lines)


def setup_text(folder: Path, environment: Mapping[str, str]) -> str:
    """From a deployment to a member who may share, and what the commands say when something is wrong."""
    transcript = Transcript(folder, environment)
    _operators(transcript)
    _tenant(transcript)
    _agreements(transcript)
    _activation(transcript)
    _accounts(transcript)
    _members(transcript)
    _end(transcript)
    transcript.say("doctor")
    transcript.say("audit", "verify")
    return "\n".join(transcript.lines)


@dataclass
class Transcript:
    """Commands and what they said, ids under names of their own."""

    folder: Path
    environment: Mapping[str, str]
    lines: list[str] = field(default_factory=list)
    named: dict[str, str] = field(default_factory=dict)

    def say(self, *arguments: str, typed: str = "", name: str = "DEPLOYMENT") -> None:
        """Run a command; the id that it prints goes by ``name`` from here on."""
        given = [self.named.get(a, a).replace("/srv", str(self.folder)) for a in arguments]
        text = _said(self.environment, *given, typed=typed)
        for shown, value in self.named.items():
            text = text.replace(f"{value} │", f"{shown:<22} │").replace(value, shown)
        if found := _ID.search(text):
            self.named[name] = found[0]
        text = _HASH.sub("HASH", text)
        text = _INSTANT.sub("2026-11-24T12:00:00+00:00", _ID.sub(name, text).replace(str(self.folder), "/srv"))
        # With blobs in S3, only the folder for temporary files is left.
        text = re.sub(r"space for (blobs|tmpdir): .*", "space for blobs: 50.0 GB free in /srv/data/blobs", text)
        text = re.sub(r"(client key at .*: valid until) .*", r"\1 2027-11-24", text)
        self.lines.append(re.sub(r"clock: \d\.\d{3}", "clock: 0.000", text))


def audit_text(folder: Path, environment: Mapping[str, str]) -> str:
    """A trail that holds, is taken out, and does not hold any more."""
    transcript = Transcript(folder, environment)
    assert run(transcript.environment, "keys", "seal").exit_code == 0
    transcript.say("audit", "verify")
    for name in ("Tora Drift", "Nils Vakt"):
        run(transcript.environment, "operator", "add", name, typed=f"{KARI if name == 'Tora Drift' else ODD}\n")
    seal(transcript.environment)
    transcript.say("audit", "verify")
    transcript.say("audit", "verify", "--json")
    transcript.say("audit", "export", "-", "/srv/log.jsonl")
    transcript.say("audit", "export", "-", "/srv/log.jsonl")
    transcript.say("audit", "export", "nobody", "/srv/none.jsonl")
    transcript.say("audit", "verify", "/srv/log.jsonl")
    transcript.say("audit", "verify", "/srv/log.jsonl", "--certificate", "/srv/data/seal.pem", "--database", "--json")
    transcript.say("audit", "verify", "/srv/client.json")
    path = folder / "log.jsonl"
    path.write_text(path.read_text("utf-8").replace("operator_added", "operator_removed", 1), "utf-8")
    transcript.say("audit", "verify", "/srv/log.jsonl")
    transcript.say("audit", "verify", "/srv/log.jsonl", "--json")
    tamper(transcript.environment, "DELETE FROM audit_event WHERE number = 2")
    transcript.say("audit", "verify")
    transcript.say("audit", "verify", "--json")
    return "\n".join(transcript.lines)


def seal(environment: Mapping[str, str]) -> None:
    """What the worker does once an hour."""
    with opened(environment) as deps:
        sign_checkpoints(deps)


@contextmanager
def opened(environment: Mapping[str, str]) -> Iterator[Dependencies]:
    """The deployment, past its commands."""
    before = dict(os.environ)
    os.environ.update(environment)
    try:
        node = build_runtime(load_settings(), holds_seal=True)
    finally:
        os.environ.clear()
        os.environ.update(before)
    with closing(node):
        yield node.deps


def tamper(environment: Mapping[str, str], *statements: str) -> None:
    """What somebody can do who owns the database, triggers out of the way."""
    do_as_owner(database_url(environment), *statements)


def _operators(transcript: Transcript) -> None:
    transcript.say("operator", "add", "Tora Drift", typed=f"{KARI}\n", name="OPERATOR")
    transcript.say("operator", "list")


def _tenant(transcript: Transcript) -> None:
    contact = ("--telephone", "22 00 00 00", "--email", "post@eksempel.example", "--hours", "9-15")
    created = ("tenant", "create", "--number", "310240001", "--administrator", "Ewa Kowalska", *contact)
    transcript.say(*created, typed=f"{EWA}\n", name="TENANT")
    transcript.say(*created, typed=f"{EWA}\n")
    transcript.say("tenant", "create", "--number", "123", "--administrator", "E", "--email", "", typed="1\n")
    transcript.say("tenant", "administrators", "TENANT", "--json", name="ADMINISTRATOR")
    transcript.say("tenant", "remove-administrator", "TENANT", "ADMINISTRATOR")
    transcript.say("tenant", "rules", "TENANT", "--longest-days", "120")
    transcript.say("tenant", "rules", "TENANT", "--longest-days", "60", "--no-ask-archived")
    transcript.say("tenant", "rules", "TENANT", "--on-behalf-of", "Eksempel kommune")
    transcript.say("tenant", "rules", "TENANT", "--on-behalf-of", "eksempel_kommune")
    transcript.say("tenant", "show", "TENANT")


def _agreements(transcript: Transcript) -> None:
    (transcript.folder / "signed.pdf").write_bytes(PDF)
    transcript.say("agreement", "publish", "hovedavtale", "7.0")
    transcript.say("agreement", "publish", "hovedavtale", "1.0")
    transcript.say("agreement", "publish", "hovedavtale", "1.0")
    transcript.say("agreement", "texts")
    when = ("--version", "1.0", "--signed-on", "2026-11-20", "--signed-by", "Liv Moe, kommunedirektør")
    transcript.say("agreement", "record-main", "TENANT", "/srv/signed.pdf", *when, name="AGREEMENT")
    transcript.say("agreement", "list", "TENANT")
    transcript.say("agreement", "export", "TENANT", "AGREEMENT", "/srv/copy.pdf")


def _activation(transcript: Transcript) -> None:
    transcript.say("tenant", "activate", "TENANT")
    who = ("--assessor", "Berit Ås", "--role", "Enhetsleder")
    transcript.say("tenant", "record-assessment", "TENANT", *who, "--done-on", "2126-01-01", "--risk", "high")
    done = ("--done-on", "2026-01-15", "--risk", "low", "--paper", "/srv/signed.pdf")
    transcript.say("tenant", "record-assessment", "TENANT", *who, *done, name="ASSESSMENT")
    transcript.say("tenant", "assessments", "TENANT")
    transcript.say("tenant", "activate", "TENANT")
    transcript.say("tenant", "way", "TENANT")


def _end(transcript: Transcript) -> None:
    transcript.say("tenant", "export", "TENANT", "/srv/export.zip")
    transcript.say("tenant", "deletion", "TENANT")
    transcript.say("tenant", "end", "TENANT", "--name", "Eksempel")
    transcript.say("tenant", "end", "TENANT", "--name", "Eksempel kommune")
    transcript.say("tenant", "deletion-record", "TENANT", "/srv/record.pdf")
    transcript.say("account", "create", "TENANT", "Skole")


def _accounts(transcript: Transcript) -> None:
    transcript.say("account", "create", "TENANT", "Byggesak")
    # The tenant signs, records its assessment and activates the service on its pages.
    with opened(transcript.environment) as deps:
        take_into_use(deps, transcript.named["TENANT"])
    transcript.say("account", "create", "TENANT", "Byggesak", name="ACCOUNT")
    transcript.say("account", "create", "TENANT", "byggesak")
    transcript.say("account", "rules", "ACCOUNT", "--quota-gb", "50", "--four-eyes", "--longest-days", "30")
    transcript.say("account", "rename", "ACCOUNT", "Byggesak og plan")
    transcript.say("account", "show", "ACCOUNT")
    transcript.say("account", "rules", "ACCOUNT", "--no-four-eyes")
    # An administrator gives a system access, on the account's page.
    with opened(transcript.environment) as deps:
        where = {"tenant_id": transcript.named["TENANT"], "account_id": transcript.named["ACCOUNT"]}
        transcript.named["INTEGRATION"] = add_integration(deps, **where, organization_number="312824450").id
    transcript.say("account", "integration-archive", "ACCOUNT", "INTEGRATION", "--confirmed")
    transcript.say("account", "remove-integration", "ACCOUNT", "INTEGRATION")
    transcript.say("account", "freeze", "ACCOUNT", "--reason", "security")
    transcript.say("account", "unfreeze", "ACCOUNT")
    transcript.say("account", "close", "ACCOUNT")
    transcript.say("account", "reopen", "ACCOUNT")
    transcript.say("account", "delete", "ACCOUNT", "--name", "Byggesak")
    transcript.say("account", "delete", "ACCOUNT", "--name", "Byggesak og plan")
    transcript.say("account", "undo-delete", "ACCOUNT")
    transcript.say("account", "list", "TENANT")


def _members(transcript: Transcript) -> None:
    transcript.say("member", "add", "ACCOUNT", "Kari Lunde", typed=f"{KARI}\n", name="MEMBER")
    transcript.say("member", "add", "ACCOUNT", "Kari Lunde", typed=f"{KARI}\n")
    transcript.say("member", "add", "ACCOUNT", "Kari Lunde", typed="12838514838\n")
    transcript.say("member", "add", "NO-SUCH-ACCOUNT", "Kari Lunde", typed=f"{KARI}\n")
    transcript.say("member", "list", "ACCOUNT")
    transcript.say("member", "import", "ACCOUNT", typed=f"nummer;navn\n{ODD};Odd Bakken\n12838514838;Feil Tall\n")
    transcript.say("member", "import", "ACCOUNT", typed=f"nummer;navn\n{ODD};Odd Bakken\n{KARI};Kari Lunde\n")
    transcript.say("member", "remove", "MEMBER")
    transcript.say("member", "remove", "NO-SUCH-MEMBER")


def _said(environment: Mapping[str, str], *arguments: str, typed: str = "") -> str:
    result = run(environment, *arguments, typed=typed)
    lines = [line.rstrip() for line in _RECORD.sub("", result.output).strip("\n").splitlines()]
    given = " < number" if typed else ""
    code = f"\n[exit code {result.exit_code}]" if result.exit_code else ""
    return f"$ deldokument {shlex.join(arguments)}{given}\n" + "\n".join(lines) + code + "\n"


def _ready(text: Callable[[Path, Mapping[str, str]], str], folder: Path, **changes: str) -> str:
    environment = settings(folder, **changes)
    make_ready(environment)
    return text(folder, environment)


if __name__ == "__main__":
    HELP.write_text(help_text(), encoding="utf-8")
    with TemporaryDirectory() as register, start_simulators(Path(register), names=["enhetsregisteret"]) as running:
        for path, write in (
            (FIRST, first_text),
            (AUDIT, partial(_ready, audit_text)),
            (SETUP, partial(_ready, setup_text, ENHETSREGISTERET_BASE_URL=running.enhetsregisteret)),
        ):
            with TemporaryDirectory() as folder_name:
                write_client_key(Path(folder_name) / "client.json")
                path.write_text(write(Path(folder_name)), encoding="utf-8")
