"""`deldokument`: commands that run the service, create and repair a deployment, and register tenants.

A person's number is prompted for, never an argument, because arguments show in process lists and shell histories. Only
`share` and `add` accept one; they offer a file and standard input instead. An error is one line on standard error and
exit code 1; `doctor` and the commands for senders have more codes (docs/operate/monitoring.md, docs/command-line.md).
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from deldokument import __version__
from deldokument.adapters.documents.signing import create_seal_certificate
from deldokument.bootstrap.logs import configure_logging
from deldokument.bootstrap.runtime import prepare
from deldokument.bootstrap.work import work
from deldokument.cli.command_log import RecordedCommands
from deldokument.cli.operate import (
    accounts,
    agreements,
    audit,
    inspection,
    members,
    operators,
    root_keys,
    tenant_lifecycle,
)
from deldokument.cli.operate.doctor import doctor
from deldokument.cli.output import say_text
from deldokument.cli.runtime import errors_as_text, opened_node
from deldokument.cli.sending import client_keys, receiving, shares
from deldokument.config.settings import load_settings
from deldokument.services.audit.checkpoints import fingerprint
from deldokument.services.maintenance.early_ends import confirm_early_ends
from deldokument.services.maintenance.retention import confirm_clock

app = typer.Typer(
    name="deldokument",
    cls=RecordedCommands,
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
app.add_typer(inspection.app, name="inspection")


@app.callback(invoke_without_command=True)
def _main(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        say_text(__version__)
        raise typer.Exit


@app.command("demo")
def demo(
    port: Annotated[int, typer.Option(envvar="PORT", help="Port on 127.0.0.1.")] = 8080,
    data: Annotated[Path, typer.Option(envvar="DATA", help="Folder for the demo's data.")] = Path("data"),
) -> None:
    """Run everything on this machine, with simulated registers and made-up people."""
    # Imported here and in `serve`, because no other command needs the web application, which is a third of the start-up
    # time.
    from deldokument.cli.demo.demo import run_demo

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
    from deldokument.cli.operate.serve import run_server

    with errors_as_text():
        settings = load_settings(**({} if workers is None else {"serve_workers": workers}))
        configure_logging(settings.log_format)
        run_server(settings)


@app.command("worker")
def worker_command(
    confirm: Annotated[
        bool, typer.Option("--confirm-clock", help="Confirm that the clock is right, after a halt.")
    ] = False,
    confirm_ends: Annotated[
        bool, typer.Option("--confirm-ends", help="Confirm that many shares were ended early, after a halt.")
    ] = False,
) -> None:
    """Run the background tasks: inspection, the end of shares, messages, cleanup."""
    with errors_as_text():
        settings = load_settings()
        configure_logging(settings.log_format)
    with opened_node(holds_seal=True) as node:
        if confirm:
            confirm_clock(node.deps)
        if confirm_ends:
            confirm_early_ends(node.deps)
        work(settings, node)


@app.command("migrate")
def migrate_command() -> None:
    """Migrate the database's schema to this version. The first time, also claim the keyring."""
    with errors_as_text():
        settings = load_settings()
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        prepare(settings)
        say_text("The schema is up to date.")


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
        say_text(f"Written: {paths[0]}, {paths[1]}")
        say_text(f"SHA-256 {fingerprint(seal.certificate())}")


shares.register(app)
receiving.register(app)
app.command("doctor")(doctor)
keys.command("create-root")(root_keys.create)
keys.command("rotate-root")(root_keys.rotate)
client_keys.register(keys)


if __name__ == "__main__":
    app()
