"""`deldokument doctor`: examines a deployment for people and for monitoring.

Guarantees:
- Text and JSON come from one list of findings. The exit code is the worst level: 0 ok, 1 warning, 2 critical.
- Each part is opened by the check that needs it, so a part that fails hides no other.
- Checks that need the database's tables run if its schema is current.
"""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from pathlib import Path
from typing import Final

import typer

from deldokument.adapters.documents.signing import valid_until
from deldokument.adapters.keys.keyring import SealedKeyring
from deldokument.bootstrap import node_state
from deldokument.bootstrap.keys import claim_keyring, open_keyring
from deldokument.bootstrap.registers import client_key
from deldokument.bootstrap.runtime import open_blobs, open_clock, open_seal
from deldokument.bootstrap.scanner import open_scanner
from deldokument.bootstrap.schema import is_current
from deldokument.cli.output import Json, say_one
from deldokument.cli.runtime import has_seal_key
from deldokument.config.groups import ScannerSettings
from deldokument.config.settings import Settings, load_settings
from deldokument.domain.errors import Unavailable
from deldokument.domain.service_config import MAX_SKEW
from deldokument.ports.blobs import BlobStore
from deldokument.ports.clock import Clock
from deldokument.ports.documents import DocumentSigner
from deldokument.services.maintenance import health
from deldokument.services.maintenance.deployment_claims import claim_store
from deldokument.services.maintenance.health import Check, Finding, Grade, Level
from deldokument.services.maintenance.seal_requests import WorkerSigner
from deldokument.services.maintenance.store_check import probe_store
from deldokument.store.database import Database

_GB: Final = 1_000_000_000
SPACE: Final = {
    "blobs": (10 * _GB, _GB),
    "tmpdir": (2 * _GB, _GB // 5),
    "data": (2 * _GB, _GB // 5),
    "keyring": (_GB // 5, _GB // 50),
}
"""Free bytes of a place, below which a finding is a warning, and below which it is critical."""


def doctor(as_json: Json = False) -> None:
    """Examine everything that this deployment needs: exit code 0 ok, 1 warning, 2 critical."""
    findings = examine_deployment()
    _say(findings, as_json=as_json)
    raise typer.Exit(health.worst(findings))


def _say(findings: list[Finding], *, as_json: bool) -> None:
    if as_json:
        found = [{"name": one.name, "level": one.level.name.lower(), "message": one.message} for one in findings]
        say_one({"level": health.worst(findings).name.lower(), "findings": found}, as_json=True)
        return
    for one in findings:
        level = "" if one.level is Level.OK else f"{one.level.name}: "
        typer.echo(f"{one.name}: {level}{one.message}")


def examine_deployment() -> list[Finding]:
    """Return the findings of all checks."""
    with ExitStack() as resources:
        try:
            parts = Parts(load_settings(), resources)
        except Exception as error:
            return [Finding("settings", Level.CRITICAL, str(error))]
        findings = [Finding("settings", Level.OK, "valid"), *health.examine(_checks_of_parts(parts))]
        if any(found.name == "schema" and found.level is Level.OK for found in findings):
            findings += health.examine(_checks_of_state(parts))
    return findings


class Parts:
    """The parts of a deployment, each opened when it is first used. ``resources`` closes them."""

    def __init__(self, settings: Settings, resources: ExitStack) -> None:
        self.settings = settings
        self._resources = resources

    @cached_property
    def database(self) -> Database:
        """Database, opened without keys: no check reads a row that has a tag."""
        database = Database(self.settings.database_url)
        self._resources.callback(database.close)
        return database

    @cached_property
    def clock(self) -> Clock:
        """The clock that decides the time of this deployment."""
        return open_clock(self.settings, self.database)

    @cached_property
    def blobs(self) -> BlobStore:
        """Blob store, whichever deployment owns it."""
        return open_blobs(self.settings)

    @cached_property
    def keyring(self) -> SealedKeyring:
        """Keyring, whichever deployment owns it."""
        keyring = open_keyring(self.settings)
        self._resources.callback(keyring.close)
        return keyring


def _checks_of_parts(parts: Parts) -> Iterator[Check]:
    """Yield the checks that need no tables."""
    settings = parts.settings
    yield Check("schema", partial(_schema, settings))
    yield Check("keyring", partial(_keyring, parts))
    yield Check("blobs", partial(_blobs, parts))
    for place, path in node_state.places(settings).items():
        yield Check(f"space for {place}", partial(_space, path, SPACE[place]))
    for name, path in node_state.client_key_files(settings).items():
        yield Check(f"client key at {name}", partial(_client_key, path))
    for use, path in node_state.certificate_files(settings):
        yield Check(f"certificate of {use}", partial(_certificate, path))
    if settings.scanner:
        yield Check("scanner", partial(_scanner, settings.scanner))


def _checks_of_state(parts: Parts) -> Iterator[Check]:
    """Yield the checks that need tables."""
    yield Check("owner of the blobs", partial(_blobs_owner, parts))
    yield Check("owner of the keyring", partial(_keyring_owner, parts))
    yield Check("clock", lambda: health.check_clock(parts.clock, MAX_SKEW))
    yield Check("worker", lambda: health.check_worker(parts.database, parts.clock))
    yield Check("destruction", lambda: health.check_destruction(parts.database))
    yield Check("waiting", lambda: health.check_backlog(parts.database, parts.clock))
    yield Check("damaged rows", lambda: health.check_damage(parts.database))
    yield Check("refusals", lambda: health.check_refusals(parts.database, parts.clock))
    yield Check("audit trail", lambda: health.check_trail(parts.database, parts.clock))
    yield Check("heads of the log", lambda: health.check_heads(parts.database, parts.keyring))
    yield Check("seal", partial(_seal, parts))


def _schema(settings: Settings) -> Grade:
    if is_current(settings.database_url):
        return Level.OK, "current"
    return Level.CRITICAL, "not current: run `deldokument migrate`"


def _keyring(parts: Parts) -> Grade:
    concerns = parts.keyring.concerns()
    return (Level.WARNING, "; ".join(concerns)) if concerns else (Level.OK, "opens")


def _blobs(parts: Parts) -> Grade:
    probe_store(parts.blobs)
    return Level.OK, "a probe was written, read, listed and deleted"


def _space(path: Path, limits: tuple[int, int]) -> Grade:
    free = shutil.disk_usage(path).free
    warning, critical = limits
    level = Level.CRITICAL if free < critical else Level.WARNING if free < warning else Level.OK
    return level, f"{free / _GB:.1f} GB free in {path}"


def _client_key(path: Path) -> Grade:
    client_key(path)
    return health.grade_expiry(node_state.client_key_expiry(path), datetime.now(UTC))


def _certificate(path: Path) -> Grade:
    return health.grade_expiry(node_state.certificate_expiry(path), datetime.now(UTC))


def _scanner(settings: ScannerSettings) -> Grade:
    return health.check_scanner(open_scanner(settings), datetime.now(UTC), timedelta(days=settings.signature_days))


def _blobs_owner(parts: Parts) -> Grade:
    claim_store(parts.database, parts.blobs)
    return Level.OK, f"deployment {parts.blobs.deployment_id()}"


def _keyring_owner(parts: Parts) -> Grade:
    claim_keyring(parts.settings, parts.database, parts.keyring)
    return Level.OK, "this deployment"


def _seal(parts: Parts) -> Grade:
    """Grade the PDF seal's certificate, from its files or as published by the worker."""
    settings = parts.settings
    signer: DocumentSigner = WorkerSigner(parts.database, parts.keyring, parts.clock)
    if has_seal_key(settings):
        signer = open_seal(settings)
    try:
        end = valid_until(signer.certificate())
    except Unavailable:
        with parts.database.read() as tx:
            level = Level.OK if tx.deployment.is_bare() else Level.WARNING
        return level, "MISSING, or no worker has run: create it with `deldokument keys seal`"
    return health.grade_expiry(end, parts.clock.now())
