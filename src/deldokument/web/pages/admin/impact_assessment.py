"""«DPIA»: templates, recording that the assessment was done, and earlier records.

Guarantees:
- After an error the form still contains the input, except for a file, which browsers do not let a page fill in.
- A file is an attachment with the media type of its content.
"""

from collections.abc import Callable

from starlette.responses import RedirectResponse, Response

from deldokument.domain.errors import NotFound, require
from deldokument.domain.norwegian_time import day_of
from deldokument.domain.tenants.agreement import AgreementKind
from deldokument.domain.tenants.impact_assessment import DOCX, MAX_ATTACHMENT_BYTES, PDF, ResidualRisk
from deldokument.ports.documents import RenderedDocument
from deldokument.services.agreements.impact_assessment import (
    TEMPLATES,
    AssessmentPaper,
    AssessmentWords,
    list_assessments,
    open_paper,
    published_templates,
    record_assessment,
)
from deldokument.services.agreements.texts import current_document
from deldokument.web.http.request import POST, RequestContext
from deldokument.web.http.requests.form_values import read_date
from deldokument.web.pages.admin.layout import section_endpoint, section_page, section_path
from deldokument.web.pages.event_details import RISK_WORDS
from deldokument.web.transfer.downloads import attachment

_SECTION = "dpia"
_FIELDS = ("assessor", "role", "done_on", "risk", "consulted")


def assessment_page(call: RequestContext) -> Response:
    """Show templates, the form, and the history."""
    history = list_assessments(call.deps, tenant_id=call.tenant.id)
    return section_page(
        call,
        _SECTION,
        "pages/admin/impact_assessment.html",
        history=history,
        typed=call.typed(*_FIELDS),
        wrong=dict.fromkeys((*_FIELDS, "paper"), "") | dict(call.errors),
        risks=[(risk, call.translator.text(words)) for risk, words in RISK_WORDS.items()],
        templates=[kind.value for kind in published_templates(call.deps)],
        today=day_of(call.deps.clock.now()),
        recorded=call.query("registrert") == "1" and not call.errors,
        megabytes=MAX_ATTACHMENT_BYTES // 10**6,
    )


def record_page(call: RequestContext) -> Response:
    """Record the assessment in the form."""
    record_assessment(call.deps, tenant_id=call.tenant.id, words=_words(call), person=call.person.person)
    return RedirectResponse(f"{section_path(call.tenant.id, _SECTION)}?registrert=1", 303)


def _words(call: RequestContext) -> AssessmentWords:
    paper = call.files.get("paper")
    return AssessmentWords(
        assessor=call.fields.get("assessor", ""),
        role=call.fields.get("role", ""),
        done_on=read_date(call.fields.get("done_on", "")),
        risk=_risk(call.fields.get("risk", "")),
        consulted="consulted" in call.fields,
        paper=AssessmentPaper(paper.name, paper.content, paper.too_large) if paper else None,
    )


def _risk(text: str) -> ResidualRisk | None:
    try:
        return ResidualRisk(text)
    except ValueError:
        return None


def paper_bytes(call: RequestContext) -> Response:
    """Return the file of one assessment."""
    view, content = open_paper(call.deps, tenant_id=call.tenant.id, assessment_id=call.path("assessment_id"))
    return _attachment(view.file_name, view.media_type, content)


def template_bytes(call: RequestContext) -> Response:
    """Return a template as PDF or DOCX, with the names filled in."""
    kind, _dot, form = call.path("template").partition(".")
    presses: dict[str, tuple[str, Callable[[RenderedDocument], bytes]]] = {
        "pdf": (PDF, call.deps.renderer.pdf),
        "docx": (DOCX, call.deps.renderer.docx),
    }
    if kind not in {k.value for k in TEMPLATES} or form not in presses:
        raise NotFound("no such template")
    published = current_document(call.deps, tenant_id=call.tenant.id, kind=AgreementKind(kind))
    document = require(published, "published template")
    media_type, press = presses[form]
    return _attachment(f"{document.title} {document.version}.{form}", media_type, press(document.paper))


def _attachment(name: str, media_type: str, content: bytes) -> Response:
    headers = attachment(name)
    return Response(content, headers=headers, media_type=media_type)


ENDPOINTS = (
    section_endpoint("/dpia", assessment_page),
    section_endpoint("/dpia", record_page, POST, again=assessment_page, takes_file=MAX_ATTACHMENT_BYTES),
    section_endpoint("/dpia/maler/{template}", template_bytes),
    section_endpoint("/dpia/{assessment_id}/fil", paper_bytes),
)
