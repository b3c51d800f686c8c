"""`deldokument tenant …`, continued: setup, impact assessment, offboarding, for operators who help a tenant.

Steps and conditions are the same as on the tenant's own pages. The audit trail names the operator as the actor, without
a person.
"""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from deldokument.cli.operate.tenants import app, tenant_row
from deldokument.cli.output import TAKES_IDS, Json, Row, new_file, say_changed, say_one, say_rows
from deldokument.cli.runtime import opened_node
from deldokument.domain.tenants.impact_assessment import ResidualRisk
from deldokument.services.agreements import impact_assessment
from deldokument.services.agreements.impact_assessment import AssessmentPaper, AssessmentView, AssessmentWords
from deldokument.services.tenants import activation, offboarding
from deldokument.services.tenants.deletion_certificate import deletion_paper
from deldokument.services.tenants.deletion_record import deletion_record
from deldokument.services.tenants.setup_checklist import setup_checklist
from deldokument.web.http.responses.i18n import Translator
from deldokument.web.transfer.tenant_export import tenant_export

__all__ = ["app"]
NewDocument = Annotated[Path, typer.Argument(help="The file to write.", dir_okay=False)]


@app.command("way", context_settings=TAKES_IDS)
def checklist(tenant: str, as_json: Json = False) -> None:
    """List the steps from the main agreement to the first member, and which are done."""
    with opened_node() as node:
        done = setup_checklist(node.deps, tenant_id=tenant).done
        rows: list[Row] = [{"step": step.value, "done": is_done} for step, is_done in done.items()]
        say_rows(("step", "done"), rows, as_json=as_json)


@app.command("record-assessment", context_settings=TAKES_IDS)
def record_assessment(
    tenant: str,
    assessor: Annotated[str, typer.Option(help="Name of the person responsible.")],
    role: Annotated[str, typer.Option(help="That person's role.")],
    done_on: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="The date of the assessment.")],
    risk: Annotated[ResidualRisk, typer.Option(help="The residual risk after the measures.")],
    consulted: Annotated[bool, typer.Option(help="Has Datatilsynet been consulted?")] = False,
    paper: Annotated[Path | None, typer.Option(help="PDF, DOCX or ODT.", exists=True, dir_okay=False)] = None,
    as_json: Json = False,
) -> None:
    """Record a tenant's impact assessment."""
    with opened_node() as node:
        file = AssessmentPaper(paper.name, paper.read_bytes()) if paper else None
        words = AssessmentWords(assessor, role, done_on.date(), risk, consulted, file)
        view = impact_assessment.record_assessment(node.deps, tenant_id=tenant, words=words)
        say_changed(_assessment_row(view), as_json=as_json)


@app.command("assessments", context_settings=TAKES_IDS)
def list_assessments(tenant: str, as_json: Json = False) -> None:
    """List a tenant's impact assessments. The first one is in force."""
    with opened_node() as node:
        rows = [_assessment_row(view) for view in impact_assessment.list_assessments(node.deps, tenant_id=tenant)]
        say_rows(("done_on", "assessor", "risk", "review_on", "id"), rows, as_json=as_json)


def _assessment_row(view: AssessmentView) -> Row:
    return {
        "id": view.id,
        "assessor": view.assessor,
        "role": view.role,
        "done_on": view.done_on,
        "risk": view.risk.value,
        "consulted": view.consulted,
        "recorded_at": view.recorded_at,
        "recorder": view.recorder,
        "review_on": view.review_on,
        "file": view.file_name or None,
    }


@app.command("activate", context_settings=TAKES_IDS)
def activate(tenant: str, as_json: Json = False) -> None:
    """Activate the service for a tenant whose agreements and assessment are in place."""
    with opened_node() as node:
        say_changed(tenant_row(activation.activate(node.deps, tenant_id=tenant)), as_json=as_json)


@app.command("export", context_settings=TAKES_IDS)
def export(tenant: str, to: NewDocument, as_json: Json = False) -> None:
    """Write a tenant's export, a zip, to a new file."""
    with opened_node() as node:
        # The export is recorded, so open the file first: that may fail.
        with new_file(to) as file:
            name, pieces = tenant_export(node.deps, tenant, Translator("nb"))
            file.writelines(pieces)
        say_changed({"id": tenant, "name": name, "file": str(to)}, as_json=as_json)


@app.command("end", context_settings=TAKES_IDS)
def end(
    tenant: str,
    name: Annotated[str, typer.Option(help="The tenant's name, to confirm.")],
    as_json: Json = False,
) -> None:
    """End the service for a tenant permanently. Every open share is withdrawn at once."""
    with opened_node() as node:
        say_changed(
            tenant_row(offboarding.offboard_tenant(node.deps, tenant_id=tenant, typed_name=name)), as_json=as_json
        )


@app.command("deletion", context_settings=TAKES_IDS)
def show_deletion(tenant: str, as_json: Json = False) -> None:
    """Show the progress of the deletion after a tenant's end."""
    with opened_node() as node:
        record = deletion_record(node.deps, tenant_id=tenant)
        row: Row = {
            "ended_at": record.ended_at,
            "state": record.state.value,
            "destroyed_keys": record.destroyed_keys,
            "contents_deleted_at": record.contents_deleted_at,
            "names_until": record.names_until,
        }
        say_one(row, as_json=as_json)


@app.command("deletion-record", context_settings=TAKES_IDS)
def write_deletion_record(tenant: str, to: NewDocument, as_json: Json = False) -> None:
    """Write the sealed deletion record, once it is complete, to a new file."""
    with opened_node() as node:
        paper = deletion_paper(node.deps, tenant_id=tenant)
        with new_file(to) as file:
            file.write(paper)
        say_changed({"id": tenant, "file": str(to)}, as_json=as_json)
