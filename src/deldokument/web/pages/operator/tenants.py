"""`/drift`: the operator's pages: registering tenants, recording main agreements, publishing texts, freezing.

Guarantees:
- Every route requires an operator (``RequiredRole.OPERATOR``).
- The operator sees that a share exists, but cannot see its content.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from starlette.responses import RedirectResponse, Response

from deldokument.domain.errors import InvalidInput, NotFound, require
from deldokument.domain.tenants.agreement import AgreementKind
from deldokument.domain.tenants.agreement_records import MAX_COPY_LENGTH
from deldokument.domain.tenants.tenancy import Contact
from deldokument.services.accounts import lifecycle
from deldokument.services.agreements import status as agreements_status
from deldokument.services.agreements import texts
from deldokument.services.audit.search import share_id_in
from deldokument.services.tenants import administrators, freezing, registration
from deldokument.services.tenants.freezing import FreezeReason
from deldokument.web.http.request import POST, RequestContext, RequiredRole, endpoint_below
from deldokument.web.http.requests.form_values import read_date
from deldokument.web.http.responses.i18n import _
from deldokument.web.http.responses.rendering import render
from deldokument.web.pages.event_details import REASON_WORDS

_TENANT_FIELDS = ("organization_number", "number", "name", "telephone", "email", "hours")
_ONE_FIELDS = ("version", "signed_on", "signed_by", "copy", "reason")
_SHARE_FIELDS = ("share", "reason")
_SAVED = frozenset({"ny", "avtale", "stans", "opphevet"})
"""Values of ``lagret`` in the URL of a tenant's page: the action that has just been done."""


KIND_WORDS: dict[AgreementKind, str] = {
    AgreementKind.MAIN: _("Main agreement"),
    AgreementKind.SERVICE: _("Service agreement"),
    AgreementKind.ASSESSMENT: _("Template for the impact assessment (DPIA)"),
    AgreementKind.RISK: _("Template for the risk analysis (ROS)"),
}


@dataclass(frozen=True, slots=True)
class TextRow:
    """Kind of text: the current version, and the newest version that can be published (empty if none)."""

    kind: AgreementKind
    words: str
    current: str
    published_at: datetime | None
    newer: str


def tenants_page(call: RequestContext) -> Response:
    """Show all tenants with their progress, the current texts, and the form for freezing a share."""
    return render(
        call,
        "pages/operator/tenants.html",
        tenants=registration.list_tenants(call.deps),
        texts=[_text_row(call, listing) for listing in texts.list_texts(call.deps)],
        typed=call.typed(*_SHARE_FIELDS),
        faults=_faults(call, _SHARE_FIELDS),
        reasons=_reasons(call),
        published=call.query("lagret") == "tekst" and not call.errors,
    )


def _faults(call: RequestContext, names: tuple[str, ...]) -> dict[str, str]:
    return dict.fromkeys(names, "") | dict(call.errors)


def _text_row(call: RequestContext, listing: texts.TextListing) -> TextRow:
    current = listing.published[0][0] if listing.published else None
    return TextRow(
        listing.kind,
        call.translator.text(KIND_WORDS[listing.kind]),
        current.version if current else "",
        current.published_at if current else None,
        listing.publishable,
    )


def _reasons(call: RequestContext) -> list[tuple[str, str]]:
    return [(reason, call.translator.text(words)) for reason, words in REASON_WORDS.items()]


def publish_text(call: RequestContext) -> Response:
    """Publish a version, which is in force from now on."""
    try:
        kind = AgreementKind(call.fields.get("kind", ""))
        texts.publish_agreement(call.deps, kind, call.fields.get("version", ""), call.person.person)
    except ValueError:
        raise NotFound("no such text") from None
    return RedirectResponse("/drift?lagret=tekst", 303)


def stop_share(call: RequestContext) -> Response:
    """Freeze or unfreeze a share, found by its link or its id."""
    text = call.fields.get("share", "").strip()
    if not text:
        raise InvalidInput("share", "share_missing")
    try:
        share_id = require(share_id_in(text), "share")
        _freeze_or_thaw(call, freezing.set_share_freeze, share_id)
    except NotFound:
        raise InvalidInput("share", "share_unknown") from None
    return render(call, "pages/operator/freezing_done.html", frozen=call.fields.get("deed") == "freeze")


def _freeze_or_thaw(
    call: RequestContext, set_freeze: Callable[..., object], key: str, *, field: str = "reason"
) -> None:
    """Freeze or unfreeze, as the form says. ``field`` is the id of its reason.

    Raises: InvalidInput if the reason is missing, and the errors of the service function.
    """
    try:
        reason = None if call.fields.get("deed") == "thaw" else FreezeReason(call.fields.get("reason", ""))
    except ValueError:
        raise InvalidInput(field, "reason_missing") from None
    set_freeze(call.deps, key, call.person.person, reason)


def new_tenant_page(call: RequestContext) -> Response:
    """Show the form for a new tenant."""
    return render(
        call,
        "pages/operator/new_tenant.html",
        typed=call.typed(*_TENANT_FIELDS),
        faults=_faults(call, _TENANT_FIELDS),
    )


def create_tenant(call: RequestContext) -> Response:
    """Register the tenant."""
    typed = call.typed(*_TENANT_FIELDS)
    tenant = registration.register_tenant(
        call.deps,
        organization_number=typed["organization_number"],
        contact=Contact(typed["telephone"].strip(), typed["email"].strip(), typed["hours"].strip()),
        number=typed["number"],
        name=typed["name"],
        person=call.person.person,
    )
    return RedirectResponse(f"/drift/kunder/{tenant.id}?lagret=ny", 303)


def tenant_page(call: RequestContext) -> Response:
    """Show a tenant: its administrators, agreements and accounts, and the forms for freezing."""
    tenant_id, saved = call.path("tenant_id"), call.query("lagret")
    tenant = registration.show_tenant(call.deps, tenant_id)
    accounts = lifecycle.list_accounts(call.deps, tenant_id=tenant_id)
    # The browser's history may contain the message about a freeze that has since been lifted.
    is_so = saved != "stans" or tenant.frozen_at or any(view.account.frozen_at for view in accounts)
    listings = {listing.kind: listing for listing in texts.list_texts(call.deps)}
    return render(
        call,
        "pages/operator/tenant.html",
        tenant=tenant,
        administrators=administrators.list_administrators(call.deps, tenant_id=tenant_id),
        accounts=accounts,
        agreements=agreements_status.agreements_of(call.deps, tenant_id=tenant_id),
        versions=[(text.version, text.version) for text, _by in listings[AgreementKind.MAIN].published],
        typed=call.typed(*_ONE_FIELDS),
        faults=_faults(call, _ONE_FIELDS),
        reasons=_reasons(call),
        winding_up=saved == "ny" and registration.is_winding_up(call.deps, tenant),
        saved=saved if saved in _SAVED and not call.errors and is_so else "",
    )


def record_main(call: RequestContext) -> Response:
    """Record that the signed main agreement has arrived, with a copy of it."""
    tenant_id, copy = call.path("tenant_id"), call.files.get("copy")
    if copy is not None and copy.too_large:
        raise InvalidInput("copy", "copy_too_large")
    agreements_status.record_main_agreement(
        call.deps,
        tenant_id=tenant_id,
        version=call.fields.get("version", ""),
        signed_on=read_date(call.fields.get("signed_on", "")),
        signed_by=call.fields.get("signed_by", ""),
        copy=copy.content if copy else b"",
        person=call.person.person,
    )
    return RedirectResponse(f"/drift/kunder/{tenant_id}?lagret=avtale", 303)


def main_copy(call: RequestContext) -> Response:
    """Return the copy of a main agreement."""
    content = agreements_status.main_agreement_copy(
        call.deps, tenant_id=call.path("tenant_id"), agreement_id=call.path("agreement_id")
    )
    disposition = {"Content-Disposition": 'attachment; filename="hovedavtale.pdf"'}
    return Response(content, headers=disposition, media_type="application/pdf")


def stop_tenant(call: RequestContext) -> Response:
    """Freeze or unfreeze the tenant."""
    _freeze_or_thaw(call, freezing.set_tenant_freeze, call.path("tenant_id"))
    return _redirect_to_tenant(call)


def stop_account(call: RequestContext) -> Response:
    """Freeze or unfreeze one of the tenant's accounts."""
    account_id = call.path("account_id")
    lifecycle.show_account(call.deps, tenant_id=call.path("tenant_id"), account_id=account_id)
    field = f"reason-{account_id}"
    _freeze_or_thaw(call, freezing.set_account_freeze, account_id, field=field)
    return _redirect_to_tenant(call)


def _redirect_to_tenant(call: RequestContext) -> Response:
    saved = "opphevet" if call.fields.get("deed") == "thaw" else "stans"
    return RedirectResponse(f"/drift/kunder/{call.path('tenant_id')}?lagret={saved}", 303)


_endpoint = partial(endpoint_below, "/drift", RequiredRole.OPERATOR)
_ONE = "/kunder/{tenant_id}"
ENDPOINTS = (
    _endpoint("", tenants_page),
    _endpoint(
        "/tekster",
        publish_text,
        POST,
        again=tenants_page,
        needs_fresh_login=_("Publish a text for all organisations"),
    ),
    _endpoint("/delinger", stop_share, POST, again=tenants_page, needs_fresh_login=_("Stop a share, or lift its stop")),
    _endpoint("/ny", new_tenant_page),
    _endpoint("/ny", create_tenant, POST, again=new_tenant_page, needs_fresh_login=_("Register an organisation")),
    _endpoint(_ONE, tenant_page),
    _endpoint(f"{_ONE}/hovedavtale", record_main, POST, again=tenant_page, takes_file=MAX_COPY_LENGTH),
    _endpoint(f"{_ONE}/hovedavtale/{{agreement_id}}", main_copy),
    _endpoint(
        f"{_ONE}/stans",
        stop_tenant,
        POST,
        again=tenant_page,
        needs_fresh_login=_("Stop an organisation, or lift its stop"),
    ),
    _endpoint(
        f"{_ONE}/kontoer/{{account_id}}/stans",
        stop_account,
        POST,
        again=tenant_page,
        needs_fresh_login=_("Stop an account, or lift its stop"),
    ),
)
