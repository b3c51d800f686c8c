"""`deldokument agreement …`: texts in force, and the agreements that tenants have signed."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from deldokument.cli.output import TAKES_IDS, Json, Row, new_file, say_changed, say_rows
from deldokument.cli.runtime import opened_node
from deldokument.domain.tenants.agreement import AgreementKind
from deldokument.services.agreements import status, texts

app = typer.Typer(help="Agreement texts, and the agreements of tenants.", no_args_is_help=True)


@app.command("texts")
def list_texts(as_json: Json = False) -> None:
    """List every kind of text: the version in force, and the newest that can be published."""
    with opened_node() as node:
        rows = [_text_row(listing) for listing in texts.list_texts(node.deps)]
        say_rows(("kind", "version", "published_at", "publishable"), rows, as_json=as_json)


def _text_row(listing: texts.TextListing) -> Row:
    current = listing.published[0][0] if listing.published else None
    return {
        "kind": listing.kind.value,
        "version": current.version if current else None,
        "published_at": current.published_at if current else None,
        "publishable": listing.publishable,
    }


@app.command("publish")
def publish(kind: AgreementKind, version: str, as_json: Json = False) -> None:
    """Publish a version: it is in force from now on.

    A new service agreement requires a new signature from every tenant.
    """
    with opened_node() as node:
        published = texts.publish_agreement(node.deps, kind, version)
        row = {"id": f"{published.kind} {published.version}", "published_at": published.published_at}
        say_changed(row, as_json=as_json)


@app.command("record-main", context_settings=TAKES_IDS)
def record_main(
    tenant: str,
    copy: Annotated[Path, typer.Argument(help="The signed agreement as PDF.", exists=True, dir_okay=False)],
    version: Annotated[str, typer.Option(help="The version that was signed.")],
    signed_on: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="The date on the paper.")],
    signed_by: Annotated[str, typer.Option(help="Name and title, as on the paper.")],
    as_json: Json = False,
) -> None:
    """Record a main agreement that was signed on paper or electronically."""
    with opened_node() as node:
        agreement = status.record_main_agreement(
            node.deps,
            tenant_id=tenant,
            version=version,
            signed_on=signed_on.date(),
            signed_by=signed_by,
            copy=copy.read_bytes(),
        )
        say_changed({"id": agreement.id, "sha256": agreement.sha256}, as_json=as_json)


@app.command("list", context_settings=TAKES_IDS)
def list_all(tenant: str, as_json: Json = False) -> None:
    """List the agreements that a tenant has signed."""
    with opened_node() as node:
        signed = status.agreements_of(node.deps, tenant_id=tenant)
        rows: list[Row] = [
            {
                "kind": AgreementKind.MAIN.value,
                "id": view.agreement.id,
                "version": view.agreement.version,
                "signed_at": view.agreement.signed_on,
                "signed_by": view.signer,
                "sha256": view.agreement.sha256,
            }
            for view in signed.mains
        ] + [
            {
                "kind": AgreementKind.SERVICE.value,
                "id": view.agreement.id,
                "version": view.agreement.version,
                "signed_at": view.agreement.signed_at,
                "signed_by": view.signer,
                "sha256": view.agreement.document_sha256,
            }
            for view in signed.services
        ]
        say_rows(("kind", "version", "signed_at", "signed_by", "id"), rows, as_json=as_json)


@app.command("export", context_settings=TAKES_IDS)
def export(
    tenant: str,
    agreement: str,
    to: Annotated[Path, typer.Argument(help="The file to write.", dir_okay=False)],
    as_json: Json = False,
) -> None:
    """Write the copy of a main agreement, or the sealed service agreement, to a new file."""
    with opened_node() as node:
        mains = {view.agreement.id for view in status.agreements_of(node.deps, tenant_id=tenant).mains}
        if agreement in mains:
            content = status.main_agreement_copy(node.deps, tenant_id=tenant, agreement_id=agreement)
        else:
            _, content = status.signed_pdf(node.deps, tenant_id=tenant, agreement_id=agreement)
        with new_file(to) as file:
            file.write(content)
        say_changed({"id": agreement, "file": str(to)}, as_json=as_json)
