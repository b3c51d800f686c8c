"""«Del dokumenter»: the form of a share, and the JSON calls that save it step by step.

Guarantees:
- An error never loses the input.
- The response names the invalid field and the reason.
- The page of a draft shows exactly the saved values.

The rules are in services.shares: `rights.authorization`, `drafts.drafts` and `published.publishing`.
"""

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.responses import JSONResponse, RedirectResponse, Response

from deldokument.domain.errors import InvalidInput, NotFound
from deldokument.domain.norwegian_time import OSLO
from deldokument.domain.shares.policy import Allowed, may_fill_in, may_share
from deldokument.domain.shares.share import Share, ShareState
from deldokument.domain.shares.text_fields import TEXT_FIELDS, ShareTexts
from deldokument.domain.shares.upload import MAX_LENGTH
from deldokument.domain.tenants.tenancy import PeriodRule
from deldokument.services.accounts.members import Membership
from deldokument.services.notifications.email_addresses import show_address
from deldokument.services.shares.display import queries
from deldokument.services.shares.display.disclosure import view_with_numbers
from deldokument.services.shares.display.views import DocumentView, RecipientView, ShareView
from deldokument.services.shares.drafts import drafts
from deldokument.services.shares.drafts.draft_form import DraftForm, draft_form
from deldokument.services.shares.drafts.drafts import DraftFields
from deldokument.services.shares.drafts.recent_recipients import recent_number, recent_recipients
from deldokument.services.shares.drafts.remarks import recipient_remarks
from deldokument.services.shares.published import publishing
from deldokument.services.shares.rights.authorization import check_may_share
from deldokument.services.shares.scans.verdicts import foreseen_verdict
from deldokument.web.http.request import POST, Endpoint, RequestContext, RequiredRole, json_endpoint
from deldokument.web.http.requests.json_fields import json_flag, json_ids, json_text
from deldokument.web.http.responses.errors import error_text
from deldokument.web.http.responses.i18n import LANGUAGES, Translator
from deldokument.web.http.responses.rendering import account_name, has_several_bodies, render
from deldokument.web.pages.sharing.upload_json import announced_json, document_json, file_facts, is_infected

_TO_FILL_IN = timedelta(minutes=30)
_END_OF_DAY = {"hour": 15, "minute": 30, "second": 0, "microsecond": 0}


def share_page(call: RequestContext) -> Response:
    """Show the form, empty or with a draft.

    Raises: Unregistered; Frozen or InvalidInput if no account accepts drafts.
    """
    _must_be_registered(call)
    accounts, draft, refused, return_note = _sharing_accounts(call), None, list[DocumentView](), None
    deleted_at = None
    if draft_id := call.query("utkast"):
        form = draft_form(call.deps, call.person.person, draft_id)
        view = form.view
        if view.share.state is not ShareState.DRAFT or not can_be_filled_in(call, view):
            return RedirectResponse(f"/delinger/{view.share.id}", 303)
        draft = _with_numbers(form) | {"remarks": recipient_remarks(call.deps, call.person.person, form.named)}
        refused = [one for one in view.documents if is_infected(one)]
        return_note = view.return_note
        deleted_at = view.share.stale_at if view.share.is_stale_soon(call.deps.clock.now()) else None
        # If the draft's account has been closed since, the form still offers it, so that the draft can be moved out of
        # it.
        accounts = [m for m in call.roles.memberships if m in accounts or m.account.id == view.account.id]
    elif not accounts:
        check_may_share(call.roles.memberships[0])
    settings = _form_settings(call, accounts)
    chosen = draft["account_id"] if draft else _last_account(accounts)
    recent = recent_recipients(call.deps, call.roles.memberships)
    return render(
        call,
        "pages/sharing/share_form.html",
        draft=draft,
        refused=refused,
        return_note=return_note,
        deleted_at=deleted_at,
        settings=settings,
        recent=recent,
        last_account=chosen,
        about=next((m.tenant for m in accounts if m.account.id == chosen), accounts[0].tenant),
        tells_recipients=call.deps.sends_notices,
        foreseen_verdict=foreseen_verdict(call.deps),
    )


class Unregistered(NotFound):
    """The person is not a member of any account. The page explains what to do."""

    def __init__(self) -> None:
        super().__init__("no account")
        self.code = "unregistered"


def _must_be_registered(call: RequestContext) -> None:
    if not call.roles.memberships:
        raise Unregistered


def _sharing_accounts(call: RequestContext) -> list[Membership]:
    return [m for m in call.roles.memberships if isinstance(may_share(m.tenant, m.account), Allowed)]


def _last_account(accounts: list[Membership]) -> str:
    """Return the account from which the person last shared; empty if there is none."""
    used = [(m.used_at, m.account.id) for m in accounts if m.used_at is not None]
    return max(used)[1] if used else ""


def can_be_filled_in(call: RequestContext, draft: ShareView) -> bool:
    """Return whether it is the person's own draft, and can be continued, in its account or another of the tenant."""
    if not any(isinstance(may_fill_in(draft.share, mine.id), Allowed) for mine in call.roles.memberships):
        return False
    return not draft.stopped and draft.tenant.id in {m.tenant.id for m in _sharing_accounts(call)}


def _form_settings(call: RequestContext, accounts: list[Membership]) -> dict[str, Any]:
    return {
        "accounts": [_account_settings(call, membership) for membership in accounts],
        "today": f"{call.deps.clock.now().astimezone(OSLO):%Y-%m-%d}",
        "max_document_length": MAX_LENGTH,
    }


def _account_settings(call: RequestContext, membership: Membership) -> dict[str, Any]:
    """Return the settings of an account for the form; each account has its own rules."""
    account, period = membership.account, membership.account.period(membership.tenant)
    several = has_several_bodies(call)
    name = account_name(account, membership.tenant, has_several_bodies=several)
    return {
        "id": account.id,
        "name": call.translator.text("%(name)s (closed)", name=name) if account.closed_at else name,
        "body": membership.tenant.name if several else "",
        "archive_question": membership.tenant.ask_archived,
        "confidential": account.rules.confidential,
        "four_eyes": account.rules.four_eyes,
        "notify": account.rules.notify,
        "default_expires_at": _default_expiry(call.deps.clock.now(), period),
        "earliest": _local(call.deps.clock.now() + period.shortest),
        "latest": _local(call.deps.clock.now() + period.longest),
    }


def _default_expiry(now: datetime, period: PeriodRule) -> str:
    """Return the end of the working day on the last whole day of the usual period.

    If the period is too short for that, return the period's own end. It leaves time to fill in the form: an end that is
    too near by then would be refused.
    """
    end = (now + period.standard).astimezone(OSLO)
    at_half_past_three = end.replace(**_END_OF_DAY)  # type: ignore[arg-type]
    proposed = at_half_past_three if at_half_past_three <= end else at_half_past_three - timedelta(days=1)
    soonest = now + period.shortest + _TO_FILL_IN
    return _local(proposed if proposed >= soonest else max(end, soonest))


def fresh_csrf(call: RequestContext) -> Response:
    """Return the token of the current session, for a page that was loaded in an earlier one."""
    return JSONResponse({"csrf_token": call.person.csrf_token})


def start(call: RequestContext) -> Response:
    """Start a draft. Raises: as ``drafts.start_draft``, and Unregistered."""
    try:
        share = drafts.start_draft(call.deps, call.person.person, account_id=json_text(call, "account_id"))
    except NotFound:
        _must_be_registered(call)
        raise
    return JSONResponse({"draft": _draft(share)}, 201)


def save(call: RequestContext) -> Response:
    """Save the form's fields."""
    words = DraftFields(
        account_id=json_text(call, "account_id"),
        texts=ShareTexts(**{name: json_text(call, name) for name in TEXT_FIELDS}),
        confidential=json_flag(call, "confidential", otherwise=True),
        archived=json_flag(call, "archived", otherwise=False),
        notify=json_flag(call, "notify", otherwise=False),
        expires_at=oslo_instant(json_text(call, "expires_at")),
    )
    return _answer(drafts.save_draft(call.deps, call.person.person, call.path("id"), words))


def add_recipients(call: RequestContext) -> Response:
    """Add a pasted list; refused entries come back with reasons."""
    return _add_recipients(call, json_text(call, "text"))


def add_recent_recipient(call: RequestContext) -> Response:
    """Add one of the recently used recipients («Nylig brukt»); its number is unconfirmed, like a typed one."""
    return _add_recipients(
        call, recent_number(call.deps, call.person.person, call.path("id"), json_text(call, "recent"))
    )


def _add_recipients(call: RequestContext, pasted: str) -> Response:
    deps, person, share_id = call.deps, call.person.person, call.path("id")
    added = drafts.add_recipients(deps, person, share_id, pasted)
    reasons = [{"text": r.text, "message": error_text(r.error, call.translator)} for r in added.refused]
    remarks = recipient_remarks(deps, person, added.form.named)
    return JSONResponse({"draft": _with_numbers(added.form), "refused": reasons, "remarks": remarks})


def change_recipient(call: RequestContext) -> Response:
    """Label or confirm a recipient."""
    view = drafts.change_recipient(
        call.deps,
        call.person.person,
        call.path("id"),
        call.path("recipient_id"),
        label=json_text(call, "label") if "label" in call.body else None,
        confirmed=json_flag(call, "confirmed", otherwise=False) if "confirmed" in call.body else None,
    )
    return _answer(view)


def remove_recipient(call: RequestContext) -> Response:
    """Remove a recipient."""
    return _answer(drafts.remove_recipient(call.deps, call.person.person, call.path("id"), call.path("recipient_id")))


def add_document(call: RequestContext) -> Response:
    """Announce a document; return the data for its upload."""
    ticket = drafts.add_document(call.deps, call.person.person, call.path("id"), **file_facts(call))
    return JSONResponse(announced_json(ticket), 201)


def copied_documents(call: RequestContext) -> Response:
    """Return the documents of a draft, for the page that shows the progress of copying."""
    view = queries.view_share(call.deps, call.person.person, call.path("id"))
    return JSONResponse({"documents": [document_json(document) for document in view.documents]})


def remove_document(call: RequestContext) -> Response:
    """Remove a document."""
    return _answer(drafts.remove_document(call.deps, call.person.person, call.path("id"), call.path("document_id")))


def publish(call: RequestContext) -> Response:
    """Publish the share («Del dokument»), or send it for approval («Send til godkjenning»).

    It publishes only documents and recipients that the page shows, not those that another page has added since.
    """
    documents, recipients = json_ids(call, "documents"), json_ids(call, "recipients")
    share = publishing.publish_share(call.deps, call.person.person, call.path("id"), documents, recipients)
    done = "delt" if share.state is ShareState.AVAILABLE else "godkjenning"
    return JSONResponse({"location": f"/delinger/{share.id}/{done}"})


def published_page(call: RequestContext) -> Response:
    """Show the link and the e-mail text."""
    view, numbers = view_with_numbers(call.deps, call.person.person, call.path("id"))
    if view.share.state is not ShareState.AVAILABLE:
        return RedirectResponse(f"/delinger/{view.share.id}", 303)
    emails = {code: email_text(view, Translator(code)) for code in LANGUAGES}
    notifies = view.share.notify and call.deps.sends_notices
    is_own = view.sharer_id in {membership.id for membership in call.roles.memberships}
    return render(
        call,
        "pages/sharing/published.html",
        own_share=is_own,
        view=view,
        numbers=numbers,
        emails=emails,
        tells_recipients=notifies,
        own_notices=show_address(call.deps, call.person.person) if is_own and call.deps.mail is not None else None,
        foreseen_verdict=foreseen_verdict(call.deps),
    )


def email_text(view: ShareView, translator: Translator) -> str:
    """Return a text to paste into an e-mail: sender, how to log in, contact, the end.

    It contains no content of the share, and no person's name.
    """
    contact = view.account.contact(view.tenant)
    ask = ", ".join(part for part in (contact.telephone, contact.email, contact.hours) if part)
    lines = [
        translator.text("Hello,"),
        "",
        translator.text("%(tenant)s has shared documents with you.", tenant=view.tenant.name),
        "",
        translator.text("Open this address and log in with ID-porten (BankID or another login at level high):"),
        view.link,
        "",
        translator.text(
            "The documents are available until %(end)s.",
            end=translator.when(view.share.expires_at) if view.share.expires_at else "",
        ),
        translator.text("Only those who are named as recipients can open them."),
        *([translator.text("Questions? Contact %(tenant)s: %(ask)s", tenant=view.tenant.name, ask=ask)] if ask else []),
        "",
        translator.text("Kind regards"),
        f"{view.tenant.name}, {view.account.name}",
    ]
    return "\n".join(lines)


def oslo_instant(text: str) -> datetime | None:
    """Return the instant of a local time from a form («2026-12-24T15:30»); None if empty.

    Of an hour that occurs twice in autumn, the first occurrence is meant. The hour that is skipped in spring is
    refused.

    Raises: InvalidInput if the time is malformed or skipped.
    """
    if not text:
        return None
    try:
        local = datetime.fromisoformat(text).replace(tzinfo=OSLO, fold=0)
        instant = datetime.fromtimestamp(local.timestamp(), tz=local.tzinfo)
    except (ValueError, OverflowError):
        raise InvalidInput("expires_at", "expiry_missing") from None
    if instant.replace(tzinfo=None) != local.replace(tzinfo=None):
        raise InvalidInput("expires_at", "expiry_missing")
    return instant.astimezone(UTC)


def _answer(view: ShareView) -> Response:
    return JSONResponse({"draft": _filled_in(view)})


def _filled_in(view: ShareView) -> dict[str, Any]:
    return _draft(view.share) | {
        **asdict(view.texts),
        "proposed": view.is_proposed,
        "recipients": [_recipient(recipient) for recipient in view.recipients],
        "documents": [document_json(one) for one in view.documents],
    }


def _draft(share: Share) -> dict[str, Any]:
    """Return an empty draft as JSON, for this share."""
    return {
        "id": share.id,
        "account_id": share.account_id,
        **asdict(ShareTexts()),
        "confidential": share.confidential,
        "archived": share.archived,
        "notify": share.notify,
        "expires_at": _local(share.expires_at) if share.expires_at else "",
        "proposed": False,
        "recipients": [],
        "documents": [],
    }


def _recipient(view: RecipientView) -> dict[str, Any]:
    return {
        "id": view.id,
        "kind": view.kind,
        "display": view.display,
        "name": view.name or None,
        "label": view.label,
        "confirmed": view.confirmed,
    }


def _with_numbers(form: DraftForm) -> dict[str, Any]:
    """Return the draft for its author's page, with the numbers to confirm."""
    numbered = [_recipient(one) | {"number": form.numbers.get(one.id)} for one in form.view.recipients]
    return _filled_in(form.view) | {"recipients": numbered}


def _local(instant: datetime) -> str:
    return instant.astimezone(OSLO).strftime("%Y-%m-%dT%H:%M")


_DRAFT = "/del/utkast/{id}"
ENDPOINTS = (
    Endpoint("/del", share_page, RequiredRole.PERSON),
    json_endpoint("/del/csrf", fresh_csrf),
    json_endpoint("/del/utkast", start, POST),
    json_endpoint(_DRAFT, save, ("PUT",)),
    json_endpoint(f"{_DRAFT}/mottakere", add_recipients, POST),
    json_endpoint(f"{_DRAFT}/nylig-brukt", add_recent_recipient, POST),
    json_endpoint(f"{_DRAFT}/mottakere/{{recipient_id}}", change_recipient, ("PUT",)),
    json_endpoint(f"{_DRAFT}/mottakere/{{recipient_id}}", remove_recipient, ("DELETE",)),
    json_endpoint(f"{_DRAFT}/dokumenter", add_document, POST),
    json_endpoint(f"{_DRAFT}/dokumenter", copied_documents),
    json_endpoint(f"{_DRAFT}/dokumenter/{{document_id}}", remove_document, ("DELETE",)),
    json_endpoint(f"{_DRAFT}/publisering", publish, POST),
    Endpoint("/delinger/{id}/delt", published_page, RequiredRole.PERSON),
)
