"""`deldokument`: commands that run the service, create and repair a deployment, and register tenants.

A person's number is prompted for, never an argument, because arguments show in process lists and shell histories. Only
`share` accepts one; it offers a file and standard input instead. An error is one line on standard error and exit code
1; the commands for senders have more codes (docs/command-line.md).
"""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from deldokument import __version__
from deldokument.adapters.documents.signing import create_seal_certificate, valid_until
from deldokument.adapters.sql.migrations import is_current
from deldokument.bootstrap.logs import configure_logging
from deldokument.bootstrap.runtime import Runtime, build_runtime, prepare
from deldokument.bootstrap.work import work
from deldokument.cli import (
    accounts,
    agreements,
    audit,
    client_keys,
    inspection,
    integrity,
    members,
    operators,
    root_keys,
    shares,
    tenant_lifecycle,
)
from deldokument.cli.runtime import errors_as_text, has_seal_key, opened_node
from deldokument.config.settings import ConfigurationError, load_settings
from deldokument.domain.errors import Unavailable
from deldokument.ports.inspection import Scanner
from deldokument.services.audit.checkpoints import fingerprint
from deldokument.services.audit.damage import record_damage
from deldokument.services.maintenance.alarms import count_limited_persons
from deldokument.services.maintenance.lag import measure_lag
from deldokument.services.maintenance.retention import confirm_clock
from deldokument.services.maintenance.store_check import probe_store

app = typer.Typer(
    name="deldokument",
    help="Share files with named citizens and organisations for a limited period.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
keys = typer.Typer(help="Keys of the deployment.", no_args_is_help=True)
app.add_typer(tenant_lifecycle.app, name="tenant")
app.add_typer(accounts.app, name="account")
app.add_typer(members.app, name="member")
app.add_typer(agreements.app, name="agreement")
app.add_typer(operators.app, name="operator")
app.add_typer(keys, name="keys")
app.add_typer(audit.app, name="audit")
app.add_typer(integrity.app, name="integrity")
app.add_typer(inspection.app, name="inspection")
console = Console()


@app.callback(invoke_without_command=True)
def _main(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        console.print(__version__)
        raise typer.Exit


@app.command("demo")
def demo(
    port: Annotated[int, typer.Option(envvar="PORT", help="Port on 127.0.0.1.")] = 8080,
    data: Annotated[Path, typer.Option(envvar="DATA", help="Folder for the demo's data.")] = Path("data"),
) -> None:
    """Run everything on this machine, with simulated registers and made-up people."""
    # Imported here and in `serve`: no other command needs the web application, a third of the time to start.
    from deldokument.cli.demo import run_demo

    configure_logging()
    with errors_as_text():
        run_demo(port, data)


@app.command("serve")
def serve_command(
    workers: Annotated[
        int | None, typer.Option(min=1, max=64, help="Number of processes. Default: DELDOKUMENT_SERVE_WORKERS.")
    ] = None,
) -> None:
    """Run the web application."""
    from deldokument.cli.serve import run_server

    configure_logging()
    with errors_as_text():
        settings = load_settings(**({} if workers is None else {"serve_workers": workers}))
        run_server(settings)


@app.command("worker")
def worker_command(
    confirm: Annotated[
        bool, typer.Option("--confirm-clock", help="Confirm that the clock is right, after a halt.")
    ] = False,
) -> None:
    """Run the background tasks: inspection, the end of shares, messages, cleanup."""
    configure_logging()
    with opened_node(holds_seal=True) as node:
        if confirm:
            confirm_clock(node.deps)
        work(node)


@app.command("migrate")
def migrate_command() -> None:
    """Migrate the database's schema to this version. The first time, also claim the keyring."""
    with errors_as_text():
        settings = load_settings()
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        prepare(settings)
        console.print("The schema is up to date.")


@app.command("doctor")
def doctor() -> None:
    """Check that everything that this deployment needs is present and answers."""
    with errors_as_text():
        settings = load_settings()
        console.print(f"settings: valid\nschema: {'current' if is_current(settings.database_url) else 'NOT CURRENT'}")
        with closing(build_runtime(settings, holds_seal=has_seal_key(settings))) as node:
            _examine(node)


def _examine(node: Runtime) -> None:
    with node.deps.database.read() as tx:
        deployment = tx.deployment.get()
    console.print(f"database, keyring, blobs: reachable (deployment {deployment.id})")
    probe_store(node.deps.blobs)
    console.print("blobs: a probe was written, read, listed and deleted")
    console.print(f"clock: {node.deps.clock.skew().total_seconds():.3f} s from the database's")
    beat = deployment.heartbeat_at.isoformat(timespec="seconds") if deployment.heartbeat_at else "never"
    console.print(f"worker's last heartbeat: {beat}")
    console.print(f"waiting: {_backlog(node)}")
    console.print(f"damaged rows: {_damage(node)}", soft_wrap=True)
    console.print(f"tags: {_tags(node)}", soft_wrap=True)
    console.print(f"seal: {_seal_state(node)}")
    if node.deps.scanner is not None:
        console.print(f"scanner: {scanner_state(node.deps.scanner)}", soft_wrap=True)
    if refused := count_limited_persons(node.deps):
        console.print(f"refusals: WARNING: {refused} persons were refused too often at links within the last hour")
    for concern in node.keyring.concerns():
        console.print(f"keyring: WARNING: {concern}", soft_wrap=True)
    if deployment.halted_at is not None:
        raise ConfigurationError("destruction is HALTED: check the clock, then `deldokument worker --confirm-clock`")


def _backlog(node: Runtime) -> str:
    lag = measure_lag(node.deps)
    behind = {queue: one.count for queue, one in lag.waiting.items() if one.count}
    longest = max(lag.lags.values()).total_seconds()
    return (
        ", ".join(f"{name} {count}" for name, count in behind.items()) + f"; {longest:.0f} s" if behind else "nothing"
    )


def _damage(node: Runtime) -> str:
    record_damage(node.deps)
    count = measure_lag(node.deps).damaged_rows
    return f"WARNING: {count} recorded; find them in the event log of the service (row_damaged)" if count else "none"


def _tags(node: Runtime) -> str:
    measured = measure_lag(node.deps)
    state = "enforced" if node.deps.integrity.is_enforced() else f"not enforced yet, {measured.untagged_rows} rows left"
    if not measured.doubtful_rows:
        return state
    return f"{state}; WARNING: {measured.doubtful_rows} rows to look into: `deldokument integrity list`"


def _seal_state(node: Runtime) -> str:
    try:
        end = valid_until(node.deps.signer.certificate())
    except Unavailable:
        return "MISSING, or no worker has run: create it with `deldokument keys seal`"
    return f"{'valid until' if node.deps.clock.now() <= end else 'EXPIRED'} {end.date().isoformat()}"


def scanner_state(scanner: Scanner) -> str:
    """Return what `doctor` says of the scanner."""
    try:
        engine = scanner.engine()
    except Unavailable as error:
        return f"WARNING: documents wait until it can be used: {error.detail}"
    dated = engine.signatures_at.isoformat(timespec="minutes") if engine.signatures_at else "WARNING: unknown date"
    return f"{engine.name} {engine.version}, signatures of {dated}"


@keys.command("seal")
def create_seal() -> None:
    """Create the key and the certificate that seal signed agreements; valid for five years.

    The certificate is self-signed: give it to those who verify seals, and let them compare its
    fingerprint. You can use one from a trusted issuer instead.
    """
    with errors_as_text():
        settings = load_settings()
        paths = settings.seal_key_path, settings.seal_certificate_path
        for path in paths:
            path.parent.mkdir(parents=True, exist_ok=True)
        name, number = settings.operator_name, settings.operator_number or ""
        seal = create_seal_certificate(*paths, operator_name=name, operator_number=number, at=datetime.now(UTC))
        console.print(f"Written: {paths[0]}, {paths[1]}", soft_wrap=True)
        console.print(f"SHA-256 {fingerprint(seal.certificate())}", soft_wrap=True)


shares.register(app)
keys.command("create-root")(root_keys.create)
keys.command("rotate-root")(root_keys.rotate)
keys.command("create-client")(client_keys.create)
keys.command("rotate-client")(client_keys.rotate)
keys.command("public")(client_keys.public)


if __name__ == "__main__":
    app()
