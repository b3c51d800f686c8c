"""«Avtaler»: the main agreement on paper, the service agreement that is signed here, and what became of each version.

Promises that nothing is signed by a page: a signature comes of the provider's answer alone (``signing_answer``), and
what was shown is sent along with the form, so that nobody signs another document than the one that was read. Papers are
downloads for the tenant's administrators, never stored by a browser.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby

from markupsafe import Markup
from starlette.responses import RedirectResponse, Response

from deldokument.domain.agreement import AgreementKind, Change, ChangeKind
from deldokument.domain.errors import Conflict, InvalidFields, require
from deldokument.services.agreements import signing, texts
from deldokument.services.agreements import status as agreements_status
from deldokument.services.agreements.texts import AgreementDocument
from deldokument.web.http.dispatch import endpoint_name
from deldokument.web.http.errors import WORDS, field_errors, status_of
from deldokument.web.http.i18n import _
from deldokument.web.http.request import RequestContext
from deldokument.web.pages.admin.layout import Breadcrumb, section_endpoint, section_page, section_path
from deldokument.web.transfer.downloads import disposition

log = logging.getLogger("deldokument.web")
_SECTION = "avtaler"
_CELL_EDGE = re.compile(r" *(?<!\\)\| *")
"""Where a row of a table, which stands alone among changes, has the next cell."""
_SERVICE, _SIGNING = "tjenesteavtale", "signering"


# --- what there is ---------------------------------------------------------------------------------------------------


def overview(call: RequestContext) -> Response:
    """Both agreements: what is signed against what counts, and what to do."""
    held = agreements_status.agreements_of(call.deps, tenant_id=call.tenant.id)
    return section_page(call, _SECTION, "pages/admin/agreements.html", held=held, agreement_status=held.status)


def main_agreement(call: RequestContext) -> Response:
    """The text to download, where to send it, and what has arrived."""
    return _page(
        call,
        "pages/admin/main_agreement.html",
        held=agreements_status.agreements_of(call.deps, tenant_id=call.tenant.id),
        document=texts.current_document(call.deps, tenant_id=call.tenant.id, kind=AgreementKind.MAIN),
        operator=call.deps.config.operator,
    )


def service_agreement(call: RequestContext) -> Response:
    """The current version to read."""
    document = _document(call, AgreementKind.SERVICE)
    return _page(
        call,
        "pages/admin/service_agreement.html",
        agreement_status=agreements_status.agreements_of(call.deps, tenant_id=call.tenant.id).status,
        document=document,
        text=Markup(call.deps.renderer.html(document.markdown)) if document else "",  # noqa: S704 - the press promises it
    )


@dataclass(frozen=True, slots=True)
class ChangeRun:
    """Paragraphs in a row of which the same became."""

    kind: ChangeKind
    paragraphs: tuple[Markup, ...]


def what_changed(call: RequestContext) -> Response:
    """The current version against the one that was signed, paragraph by paragraph."""
    found_changes = texts.changes_to_sign(call.deps, tenant_id=call.tenant.id)
    return _page(
        call,
        "pages/admin/agreement_changes.html",
        _service_crumb(call),
        found=found_changes,
        runs=_runs(call, found_changes.changes),
        agreement_status=agreements_status.agreements_of(call.deps, tenant_id=call.tenant.id).status,
    )


def _runs(call: RequestContext, changes: list[Change]) -> list[ChangeRun]:
    def shown(paragraph: str) -> Markup:
        return Markup(call.deps.renderer.html(_CELL_EDGE.sub(" – ", paragraph.strip("| "))))  # noqa: S704

    return [
        ChangeRun(kind, tuple(shown(change.paragraph) for change in run))
        for kind, run in groupby(changes, key=lambda change: change.kind)
    ]


# --- papers ----------------------------------------------------------------------------------------------------------


def main_agreement_text(call: RequestContext) -> Response:
    """The main agreement to print and sign."""
    return _text(call, AgreementKind.MAIN)


def service_agreement_text(call: RequestContext) -> Response:
    """The service agreement as it would be signed."""
    return _text(call, AgreementKind.SERVICE)


def main_agreement_copy(call: RequestContext) -> Response:
    """The signed main agreement that arrived."""
    agreement_id = call.path("agreement_id")
    copy = agreements_status.main_agreement_copy(call.deps, tenant_id=call.tenant.id, agreement_id=agreement_id)
    return _pdf(copy, f"hovedavtale {call.tenant.name} signert")


def signed_agreement(call: RequestContext) -> Response:
    """The sealed PDF of a signed service agreement."""
    where = {"tenant_id": call.tenant.id, "agreement_id": call.path("agreement_id")}
    agreement, pdf = agreements_status.signed_pdf(call.deps, **where)
    return _pdf(pdf, f"tjenesteavtale {agreement.version} {call.tenant.name} signert")


def shown_document(call: RequestContext) -> Response:
    """The PDF that was shown before the signature, whose SHA-256 the signature names."""
    where = {"tenant_id": call.tenant.id, "agreement_id": call.path("agreement_id")}
    agreement, pdf = agreements_status.signed_document(call.deps, **where)
    return _pdf(pdf, f"tjenesteavtale {agreement.version} {call.tenant.name}")


def _text(call: RequestContext, kind: AgreementKind) -> Response:
    document = require(_document(call, kind), "published text")
    return _pdf(call.deps.renderer.pdf(document.paper), f"{kind} {document.version} {call.tenant.name}")


def _pdf(content: bytes, name: str) -> Response:
    headers = {
        "Content-Disposition": disposition(f"{name}.pdf"),
        "Cache-Control": "private, no-store",
        "Content-Security-Policy": "sandbox; default-src 'none'",
    }
    return Response(content, headers=headers, media_type="application/pdf")


# --- signing ---------------------------------------------------------------------------------------------------------


def signing_form(call: RequestContext) -> Response:
    """What is signed, and the confirmation; back to the agreement when there is nothing to sign."""
    return _signing_form(call, {"role": ""})


def sign(call: RequestContext) -> Response:
    """Take the confirmation; the login comes next."""
    try:
        intent_id = signing.begin_signing(
            call.deps,
            call.person,
            tenant_id=call.tenant.id,
            shown=(call.fields.get("text_sha256", ""), call.fields.get("document_sha256", "")),
            role=call.fields.get("role", ""),
            confirmed="authority" in call.fields,
        )
    except (InvalidFields, Conflict) as error:
        return _signing_form(call, call.fields, error)
    return RedirectResponse(_signing_path(call.tenant.id, intent_id, "innlogging"), 303)


def _signing_form(
    call: RequestContext, typed: Mapping[str, str], error: InvalidFields | Conflict | None = None
) -> Response:
    try:
        offer = signing.offer_signing(call.deps, call.person, tenant_id=call.tenant.id)
    except Conflict:
        return RedirectResponse(section_path(call.tenant.id, _SECTION, _SERVICE), 303)
    errors = field_errors(error, call.translator) if error else []
    return _page(
        call,
        "pages/admin/signing.html",
        _service_crumb(call),
        status=status_of(error) if error else 200,
        errors=errors,
        faults={"role": "", "authority": ""} | dict(errors),
        offer=offer,
        role=typed.get("role", ""),
        confirmed="authority" in typed and not isinstance(error, Conflict),
    )


def signing_login(call: RequestContext) -> Response:
    """Lead on to the provider. Not a redirect: a browser lets no form of this site lead to another one."""
    where = {"tenant_id": call.tenant.id, "intent_id": call.path("intent_id")}
    try:
        url = signing.start_login(call.deps, call.person, **where, locale=call.translator.language)
    except Conflict:
        return RedirectResponse(_signing_path(**where), 303)
    response = _page(call, "pages/admin/signing_login.html", _service_crumb(call), url=url)
    response.headers["Refresh"] = f"0; url={url}"
    return response


def signing_answer(call: RequestContext) -> Response | None:
    """The provider's answer, when it is one to a signature: what came of it is told on a page of its own."""
    if not signing.is_signing(call.deps, call.query("state")):
        return None
    done = signing.complete_signing(call.deps, call.session, dict(call.request.query_params))
    if done.refusal is not None and status_of(done.refusal) >= 500:
        log.error("%s refused a signature: %s", endpoint_name(call.request), done.refusal)
    return RedirectResponse(_signing_path(done.tenant_id, done.intent_id), 303)


def signing_result(call: RequestContext) -> Response:
    """Signed, refused (why, and what to do), or not done yet."""
    intent_id = call.path("intent_id")
    result = signing.show_signing(call.deps, tenant_id=call.tenant.id, intent_id=intent_id)
    reason = call.translator.text(WORDS[result.refusal]) if result.refusal else ""
    return _page(
        call,
        "pages/admin/signing_result.html",
        _service_crumb(call),
        result=result,
        reason=reason,
        intent_id=intent_id,
    )


def _signing_path(tenant_id: str, intent_id: str, *below: str) -> str:
    return section_path(tenant_id, _SECTION, _SERVICE, _SIGNING, intent_id, *below)


# --- the frame -------------------------------------------------------------------------------------------------------


def _document(call: RequestContext, kind: AgreementKind) -> AgreementDocument | None:
    return texts.current_document(call.deps, tenant_id=call.tenant.id, kind=kind)


def _page(
    call: RequestContext,
    template: str,
    *above: Breadcrumb,
    status: int = 200,
    errors: list[tuple[str, str]] | None = None,
    **context: object,
) -> Response:
    crumbs = (Breadcrumb(section_path(call.tenant.id, _SECTION), call.translator.text(_("Agreements"))), *above)
    return section_page(call, _SECTION, template, status=status, errors=errors, above=crumbs, **context)


def _service_crumb(call: RequestContext) -> Breadcrumb:
    return Breadcrumb(section_path(call.tenant.id, _SECTION, _SERVICE), call.translator.text(_("Service agreement")))


ENDPOINTS = (
    section_endpoint("/avtaler", overview),
    section_endpoint("/avtaler/hovedavtale", main_agreement),
    section_endpoint("/avtaler/hovedavtale/tekst.pdf", main_agreement_text),
    section_endpoint("/avtaler/hovedavtale/{agreement_id}/kopi.pdf", main_agreement_copy),
    section_endpoint("/avtaler/tjenesteavtale", service_agreement),
    section_endpoint("/avtaler/tjenesteavtale/tekst.pdf", service_agreement_text),
    section_endpoint("/avtaler/tjenesteavtale/endringer", what_changed),
    section_endpoint("/avtaler/tjenesteavtale/signering", signing_form),
    section_endpoint("/avtaler/tjenesteavtale/signering", sign, ("POST",)),
    section_endpoint("/avtaler/tjenesteavtale/signering/{intent_id}", signing_result),
    section_endpoint("/avtaler/tjenesteavtale/signering/{intent_id}/innlogging", signing_login),
    section_endpoint("/avtaler/tjenesteavtale/{agreement_id}/signert.pdf", signed_agreement),
    section_endpoint("/avtaler/tjenesteavtale/{agreement_id}/vist.pdf", shown_document),
)
