"""«Avtaler»: the main agreement on paper, the service agreement that is signed here, and their versions.

Guarantees:
- Only the provider's answer leads to a signature (``signing_answer``), never a page alone.
- The form sends the digests of the shown document back, so that nobody signs another document.
- Documents are downloads for the tenant's administrators; browsers do not store them (no-store).
"""

import logging
import re
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import Any

from markupsafe import Markup
from starlette.responses import RedirectResponse, Response

from deldokument.domain.errors import Conflict, require
from deldokument.domain.tenants.agreement import AgreementKind, Change, ChangeKind
from deldokument.services.agreements import signing, texts
from deldokument.services.agreements import status as agreements_status
from deldokument.services.agreements.texts import AgreementDocument
from deldokument.web.http.request import POST, RequestContext, RequiredRole, endpoint_below, endpoint_name
from deldokument.web.http.responses.error_texts import WORDS
from deldokument.web.http.responses.errors import status_of
from deldokument.web.http.responses.i18n import _
from deldokument.web.http.responses.rendering import NavItem
from deldokument.web.pages.admin.layout import PAGES, section_page, section_path
from deldokument.web.transfer.downloads import disposition

log = logging.getLogger("deldokument.web")
_SECTION = "avtaler"
_CELL_EDGE = re.compile(r" *(?<!\\)\| *")
"""Border between the cells of a table row, which stands alone among changes."""
_SERVICE, _SIGNING = "tjenesteavtale", "signering"


def overview(call: RequestContext) -> Response:
    """Show the signed and current versions of both agreements, and the next steps."""
    held = agreements_status.agreements_of(call.deps, tenant_id=call.tenant.id)
    return section_page(call, _SECTION, "pages/admin/agreements.html", held=held, agreement_status=held.status)


def main_agreement(call: RequestContext) -> Response:
    """Show the text to download, where to send the signed copy, and the copies that have arrived."""
    return _page(
        call,
        "pages/admin/main_agreement.html",
        held=agreements_status.agreements_of(call.deps, tenant_id=call.tenant.id),
        document=texts.current_document(call.deps, tenant_id=call.tenant.id, kind=AgreementKind.MAIN),
        operator=call.deps.config.operator,
    )


def service_agreement(call: RequestContext) -> Response:
    """Show the current version."""
    document = _document(call, AgreementKind.SERVICE)
    return _page(
        call,
        "pages/admin/service_agreement.html",
        agreement_status=agreements_status.agreements_of(call.deps, tenant_id=call.tenant.id).status,
        document=document,
        text=Markup(call.deps.renderer.html(document.markdown)) if document else "",  # noqa: S704 - it returns safe HTML
    )


@dataclass(frozen=True, slots=True)
class ChangeRun:
    """A run of consecutive paragraphs with the same kind of change."""

    kind: ChangeKind
    paragraphs: tuple[Markup, ...]


def what_changed(call: RequestContext) -> Response:
    """Show the current version compared with the signed one, paragraph by paragraph."""
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
    def show(paragraph: str) -> Markup:
        return Markup(call.deps.renderer.html(_CELL_EDGE.sub(" – ", paragraph.strip("| "))))  # noqa: S704

    return [
        ChangeRun(kind, tuple(show(change.paragraph) for change in run))
        for kind, run in groupby(changes, key=lambda change: change.kind)
    ]


def main_agreement_text(call: RequestContext) -> Response:
    """Return the main agreement as PDF, to print and sign."""
    return _text(call, AgreementKind.MAIN)


def service_agreement_text(call: RequestContext) -> Response:
    """Return the service agreement as PDF, as it would be signed."""
    return _text(call, AgreementKind.SERVICE)


def main_agreement_copy(call: RequestContext) -> Response:
    """Return the signed main agreement."""
    agreement_id = call.path("agreement_id")
    copy = agreements_status.main_agreement_copy(call.deps, tenant_id=call.tenant.id, agreement_id=agreement_id)
    return _pdf(copy, f"hovedavtale {call.tenant.name} signert")


def signed_agreement(call: RequestContext) -> Response:
    """Return the sealed PDF of a signed service agreement."""
    where = {"tenant_id": call.tenant.id, "agreement_id": call.path("agreement_id")}
    agreement, pdf = agreements_status.signed_pdf(call.deps, **where)
    return _pdf(pdf, f"tjenesteavtale {agreement.version} {call.tenant.name} signert")


def shown_document(call: RequestContext) -> Response:
    """Return the PDF that the signer saw, whose SHA-256 the signature names."""
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


def signing_form(call: RequestContext) -> Response:
    """Show the document to sign, and the confirmation; redirect to the agreement if there is nothing to sign."""
    try:
        offer = signing.offer_signing(call.deps, call.person, tenant_id=call.tenant.id)
    except Conflict:
        return RedirectResponse(section_path(call.tenant.id, _SECTION, _SERVICE), 303)
    return _page(
        call,
        "pages/admin/signing.html",
        _service_crumb(call),
        faults={"role": "", "authority": ""} | dict(call.errors),
        offer=offer,
        role=call.fields.get("role", ""),
        confirmed="authority" in call.fields and not isinstance(call.refused, Conflict),
    )


def sign(call: RequestContext) -> Response:
    """Accept the confirmation; the login comes next."""
    intent_id = signing.begin_signing(
        call.deps,
        call.person,
        tenant_id=call.tenant.id,
        shown=(call.fields.get("text_sha256", ""), call.fields.get("document_sha256", "")),
        role=call.fields.get("role", ""),
        confirmed="authority" in call.fields,
    )
    return RedirectResponse(_signing_path(call.tenant.id, intent_id, "innlogging"), 303)


def signing_login(call: RequestContext) -> Response:
    """Send the browser to the provider.

    It uses a page, not a redirect, because browsers refuse to follow a form of this site to another site.
    """
    where = {"tenant_id": call.tenant.id, "intent_id": call.path("intent_id")}
    try:
        url = signing.start_login(call.deps, call.person, **where, locale=call.translator.language)
    except Conflict:
        return RedirectResponse(_signing_path(**where), 303)
    response = _page(call, "pages/admin/signing_login.html", _service_crumb(call), url=url)
    response.headers["Refresh"] = f"0; url={url}"
    return response


def signing_answer(call: RequestContext) -> Response | None:
    """Handle the provider's answer to a login for a signature; return None for any other login.

    The result has a separate page.
    """
    if not signing.is_signing(call.deps, call.query("state")):
        return None
    done = signing.complete_signing(call.deps, call.session, dict(call.request.query_params))
    if done.refusal is not None and status_of(done.refusal) >= 500:
        log.error("%s refused a signature: %s", endpoint_name(call.request), done.refusal)
    return RedirectResponse(_signing_path(done.tenant_id, done.intent_id), 303)


def signing_result(call: RequestContext) -> Response:
    """Show the result of a signature: completed, refused (with reason and next step), or still open."""
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


def _document(call: RequestContext, kind: AgreementKind) -> AgreementDocument | None:
    return texts.current_document(call.deps, tenant_id=call.tenant.id, kind=kind)


def _page(call: RequestContext, template: str, *above: NavItem, **context: Any) -> Response:
    crumbs = (NavItem(section_path(call.tenant.id, _SECTION), call.translator.text(_("Agreements"))), *above)
    return section_page(call, _SECTION, template, above=crumbs, **context)


def _service_crumb(call: RequestContext) -> NavItem:
    return NavItem(section_path(call.tenant.id, _SECTION, _SERVICE), call.translator.text(_("Service agreement")))


_endpoint = partial(endpoint_below, PAGES, RequiredRole.SIGNATORY)
ENDPOINTS = (
    _endpoint("/avtaler", overview),
    _endpoint("/avtaler/hovedavtale", main_agreement),
    _endpoint("/avtaler/hovedavtale/tekst.pdf", main_agreement_text),
    _endpoint("/avtaler/hovedavtale/{agreement_id}/kopi.pdf", main_agreement_copy),
    _endpoint("/avtaler/tjenesteavtale", service_agreement),
    _endpoint("/avtaler/tjenesteavtale/tekst.pdf", service_agreement_text),
    _endpoint("/avtaler/tjenesteavtale/endringer", what_changed),
    _endpoint("/avtaler/tjenesteavtale/signering", signing_form),
    _endpoint("/avtaler/tjenesteavtale/signering", sign, POST, again=signing_form),
    _endpoint("/avtaler/tjenesteavtale/signering/{intent_id}", signing_result),
    _endpoint("/avtaler/tjenesteavtale/signering/{intent_id}/innlogging", signing_login),
    _endpoint("/avtaler/tjenesteavtale/{agreement_id}/signert.pdf", signed_agreement),
    _endpoint("/avtaler/tjenesteavtale/{agreement_id}/vist.pdf", shown_document),
)
