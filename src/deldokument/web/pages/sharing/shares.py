"""«Delinger»: the list of shares of the person's accounts, one share with its timeline, and its actions.

Guarantees:
- Only members can see that these pages exist.
- After an error the form still has what was typed.
- Every action works without JavaScript.

The rules are in services.shares.queries and services.shares.publishing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode

from starlette.responses import RedirectResponse, Response

from deldokument.domain.audit import AuditEvent
from deldokument.domain.errors import Conflict, Frozen, InvalidInput, NotFound, ServiceError
from deldokument.domain.norwegian_time import OSLO
from deldokument.domain.share import DISCARD_UNDO, Progress, ShareState
from deldokument.domain.share_texts import REFERENCE_LENGTH
from deldokument.services.shares import extensions, publishing, queries, reminders
from deldokument.services.shares.change_records import ChangeView
from deldokument.services.shares.discarding import Discarded
from deldokument.services.shares.extensions import ExtensionView
from deldokument.services.shares.proposal_views import ProposalView
from deldokument.services.shares.views import DownloadView, RecipientView, ShareView
from deldokument.web.http.document_texts import common_verdict
from deldokument.web.http.errors import error_text, status_of
from deldokument.web.http.form_values import read_count
from deldokument.web.http.i18n import LANGUAGES, Translator
from deldokument.web.http.pagination import Place, read_place, write_place
from deldokument.web.http.rendering import render
from deldokument.web.http.request import Endpoint, Handler, RequestContext, RequiredRole
from deldokument.web.pages.sharing.drafts import can_be_filled_in, email_text, oslo_instant
from deldokument.web.pages.sharing.timeline import moments

SOON = timedelta(days=3)
UNDO_SECONDS = int(DISCARD_UNDO.total_seconds())
_ROWS = 25
"""Shares in the list at first; «Show more» appends as many."""
_MAX_ROWS = 200
"""Shares in the list at most; older ones are on the next page."""
_LISTED = (ShareState.DRAFT, ShareState.AVAILABLE, ShareState.ENDED, ShareState.WITHDRAWN)
_BY_URGENCY = ("approval", "extension", "change", "request", "unread", "unfinished")
_DATE, _TIME = "expires-date", "expires-time"
_SAVED = frozenset(
    {"paminnet", "slutt", "trukket", "godkjent", "beholdt", "retur"}
    | {"avslatt", "rettet", "fjernet", "dokument-fjernet", "lagt-til", "foreslatt", "endring-godkjent", "uendret"}
    | {"angret", "apnet", "dokumenter-lagt-til"}
)
"""Values of ``lagret`` in the URL of a share's page: the action that has just been done."""


@dataclass(frozen=True, slots=True)
class RecipientRow:
    """Recipient with its downloads, the latest first."""

    view: RecipientView
    downloads: tuple[DownloadView, ...]


@dataclass(frozen=True, slots=True)
class ShareRow:
    """Share in the list, with the number of recipients that have come how far.

    ``need`` is what awaits the person: ``approval``, ``extension``, ``change``, ``request``, ``unread``,
    ``unfinished`` or nothing.
    """

    view: ShareView
    need: str
    received: int
    sent: int
    started: int
    opened: int


@dataclass(frozen=True, slots=True)
class Filter:
    """Filter of the list, as it is in the URL."""

    account: str
    state: str
    reference: str

    @property
    def narrows(self) -> bool:
        """Whether anything is left out."""
        return bool(self.account or self.state or self.reference.strip())

    @property
    def states(self) -> tuple[ShareState, ...]:
        """States to query."""
        return (ShareState(self.state),) if self.state else _LISTED


def list_of(
    call: RequestContext,
    *,
    status: int = 200,
    errors: list[tuple[str, str]] | None = None,
    discarded: Discarded | None = None,
    restored: ShareView | None = None,
) -> Response:
    """Show the list: what awaits the person, then drafts of others, then the rest, newest first.

    ``discarded`` and ``restored`` are a draft for which that has just been done.

    Raises: NotFound if the person is a member of no account.
    """
    if not call.roles.memberships:
        raise NotFound("no account")
    wanted, before, count = _filter(call), read_place(call.query("before")), _count(call)
    first = not wanted.narrows and before is None
    found = queries.list_shares(
        call.deps,
        call.person.person,
        account_id=wanted.account or None,
        states=wanted.states,
        reference=wanted.reference,
        before=before,
        limit=count,
        soon=SOON if first else None,
        mine=call.roles.memberships,
        with_findings=False,
    )
    needing = _needing(call, found.needing)
    others = [_row(call, view) for view in found.needing if _is_draft_of_another(call, view)]
    shown = {row.view.share.id for row in (*needing, *others)}
    rows = [_row(call, view) for view in found.shares if view.share.id not in shown]
    return render(
        call,
        "pages/sharing/shares.html",
        status=status,
        errors=errors,
        wanted=wanted,
        accounts=[(member.account.id, member.account.name) for member in call.roles.memberships],
        needing=needing,
        others=others,
        rows=rows,
        damaged=found.damaged,
        more=_more(call, wanted, found.next, len(rows), count) if found.next else "",
        newest=_address(wanted) if before else "",
        undo_seconds=UNDO_SECONDS,
        discarded=discarded,
        restored=restored,
    )


def _is_draft_of_another(call: RequestContext, view: ShareView) -> bool:
    """Return whether a colleague or a system fills it in, and has not asked for approval yet."""
    return view.share.state is ShareState.DRAFT and view.proposal is None and view.sharer_id not in _own_ids(call)


def _filter(call: RequestContext) -> Filter:
    state = call.query("tilstand")
    return Filter(
        account=call.query("konto"),
        state=state if state in {listed.value for listed in _LISTED} else "",
        reference=call.query("saksnummer")[:REFERENCE_LENGTH],
    )


def _count(call: RequestContext) -> int:
    asked = read_count(call.query("antall"))
    return min(max(asked, _ROWS), _MAX_ROWS)


def _more(call: RequestContext, wanted: Filter, following: Place, shown: int, count: int) -> str:
    """Return the address of the list with more shares, at the first one after those shown.

    If the list has as many as it may have, return the address of the next page.
    """
    if count >= _MAX_ROWS:
        return _address(wanted, before=write_place(following))
    return f"{_address(wanted, before=call.query('before'), antall=str(count + _ROWS))}#rad-{shown + 1}"


def _address(wanted: Filter, **more: str) -> str:
    query = {"konto": wanted.account, "tilstand": wanted.state, "saksnummer": wanted.reference} | more
    filled = urlencode({name: value for name, value in query.items() if value})
    return f"/delinger?{filled}" if filled else "/delinger"


def _needing(call: RequestContext, views: Sequence[ShareView]) -> list[ShareRow]:
    """Return the shares that await the person, by kind of need, then the earliest end first."""
    rows = [row for row in (_row(call, view) for view in views) if row.need]
    return sorted(
        rows, key=lambda row: (_BY_URGENCY.index(row.need), row.view.share.expires_at or row.view.share.created_at)
    )


def _row(call: RequestContext, view: ShareView) -> ShareRow:
    come = Counter(recipient.progress for recipient in view.recipients)
    received, sent, started = come[Progress.RECEIVED], come[Progress.SENT], come[Progress.STARTED]
    opened = received + sent + started + come[Progress.OPENED]
    return ShareRow(view, _need(call, view), received, sent, started, opened)


def _need(call: RequestContext, view: ShareView) -> str:
    if view.stopped:
        return ""
    if view.proposal is not None:
        return "" if is_own(call, view.proposal) else "approval"
    if view.extension is not None and not is_own(call, view.extension):
        return "extension"
    if view.change is not None and not is_own(call, view.change):
        return "change"
    if view.share.state is ShareState.DRAFT:
        return "unfinished" if view.sharer_id in _own_ids(call) else ""
    if view.asking and view.extension is None:
        return "request"
    now = call.deps.clock.now()
    soon = view.share.expires_at is not None and view.share.expires_at - now <= SOON
    # Same condition as in the query: no document is sent to any recipient.
    downloaded = any(download.is_sent for recipient in view.recipients for download in recipient.downloads)
    return "unread" if view.share.state is ShareState.AVAILABLE and soon and not downloaded else ""


def is_own(call: RequestContext, proposal: ProposalView | ExtensionView | ChangeView) -> bool:
    """Return whether the logged-in person made the proposal, as a member of any account."""
    return proposal.proposer_id in _own_ids(call)


def _own_ids(call: RequestContext) -> set[str]:
    """Return the ids of the logged-in person's memberships, in all accounts."""
    return {membership.id for membership in call.roles.memberships}


def detail_page(call: RequestContext) -> Response:
    """Show one share: its facts, recipients, timeline, and actions."""
    return detail_of(call, call.path("id"))


def detail_of(
    call: RequestContext,
    share_id: str,
    *,
    status: int = 200,
    errors: list[tuple[str, str]] | None = None,
    typed: tuple[str, str] | None = None,
    refusal: str = "",
) -> Response:
    """Show one share, with the errors of the action that was just requested, and what was typed there."""
    view, events = queries.show_share(call.deps, call.person.person, share_id, call.roles.memberships)
    saved = call.query("lagret")
    date, time = typed or _local(view.share.expires_at)
    period = view.account.period(view.tenant)
    return render(
        call,
        "pages/sharing/share_detail.html",
        status=status,
        errors=errors,
        view=view,
        recipients=[_recipient_row(recipient) for recipient in view.recipients],
        removed=[_recipient_row(recipient) for recipient in view.removed_recipients],
        moments=moments(events, call.translator, call.deps.clock.now()),
        earlier_left_out=len(events) >= queries.MAX_EVENTS,
        open=view.share.state is ShareState.AVAILABLE,
        can_continue=can_be_filled_in(call, view),
        own_extension=view.extension is not None and is_own(call, view.extension),
        own_change=view.change is not None and is_own(call, view.change),
        own_proposal=view.proposal is not None and is_own(call, view.proposal),
        emails={code: email_text(view, Translator(code)) for code in LANGUAGES} if view.share.expires_at else {},
        expires_date=date,
        expires_time=time,
        suggested=_suggested_end(view, call.deps.clock.now()),
        refusal=refusal,
        earliest=_local(call.deps.clock.now() + period.shortest)[0],
        latest=_local(call.deps.clock.now() + period.longest)[0],
        longest=call.translator.period(period.longest),
        tells_recipients=call.deps.notices is not None,
        can_remind=_can_remind(call, view, [event for event, _ in events]),
        scans=call.deps.scanner is not None,
        common_verdict=common_verdict(document.finding for document in view.documents),
        undo_seconds=UNDO_SECONDS,
        own_draft=view.sharer_id in _own_ids(call),
        saved=saved if saved in _SAVED and not errors else "",
        retention_ends=view.share.closed_at + view.tenant.retention if view.share.closed_at else None,
    )


def _suggested_end(view: ShareView, now: datetime) -> tuple[datetime, str, str] | None:
    """Return the end to offer to those who ask, as an instant and as form fields; None if none is later."""
    period, end = view.account.period(view.tenant), view.share.expires_at
    if not view.asking or end is None or not view.share.is_open_at(now):
        return None
    later = min(end + period.standard, now + period.longest).replace(second=0, microsecond=0)
    return (later, *_local(later)) if later > end else None


def _can_remind(call: RequestContext, view: ShareView, events: Sequence[AuditEvent]) -> bool:
    now = call.deps.clock.now()
    notifies = call.deps.notices is not None and view.share.notify and not view.stopped
    left = any(one.progress not in (Progress.SENT, Progress.RECEIVED) for one in view.recipients)
    return notifies and view.share.is_open_at(now) and left and not reminders.had_notice(view.share, events, now)


def _recipient_row(recipient: RecipientView) -> RecipientRow:
    latest_first = tuple(sorted(recipient.downloads, key=lambda download: download.at, reverse=True))
    return RecipientRow(recipient, latest_first)


def _local(instant: datetime | None) -> tuple[str, str]:
    """Return the values of the two form fields: the date, and the time to the minute."""
    if instant is None:
        return "", ""
    local = instant.astimezone(OSLO)
    return local.strftime("%Y-%m-%d"), local.strftime("%H:%M")


def change_end(call: RequestContext) -> Response:
    """Change the end («Endre sluttidspunkt»)."""
    share_id, date, time = call.path("id"), call.fields.get("expires_date", ""), call.fields.get("expires_time", "")
    try:
        until = oslo_instant(f"{date}T{time}" if date and time else "")
        if until is None:
            raise InvalidInput("expires_at", "expiry_missing")
        extensions.change_expiry(call.deps, call.person.person, share_id, until)
    except InvalidInput as error:
        field = _TIME if date and not time else _DATE
        errors = [(field, error_text(error, call.translator))]
        return detail_of(call, share_id, status=422, errors=errors, typed=(date[:10], time[:8]))
    except (Conflict, Frozen) as error:
        return refused(call, share_id, error)
    return to_share(share_id, "slutt")


def to_share(share_id: str, saved: str) -> Response:
    """Return to the share's page, which says what has just been done."""
    return RedirectResponse(f"/delinger/{share_id}?lagret={saved}", 303)


def remind(call: RequestContext) -> Response:
    """Remind the recipients who have documents left («Send påminnelse»)."""
    try:
        reminders.request_reminder(call.deps, call.person.person, call.path("id"))
    except (Conflict, Frozen) as error:
        return refused(call, call.path("id"), error)
    return to_share(call.path("id"), "paminnet")


def withdrawal_page(call: RequestContext) -> Response:
    """Ask for confirmation, for browsers that cannot show a dialog."""
    view = queries.view_share(call.deps, call.person.person, call.path("id"))
    if view.share.state is not ShareState.AVAILABLE:
        return RedirectResponse(f"/delinger/{view.share.id}", 303)
    return render(call, "pages/sharing/share_withdrawal.html", view=view)


def withdraw(call: RequestContext) -> Response:
    """Withdraw the share («Trekk tilbake delingen»)."""
    try:
        publishing.withdraw_share(call.deps, call.person.person, call.path("id"))
    except Conflict as error:
        return refused(call, call.path("id"), error)
    return to_share(call.path("id"), "trukket")


def undo(call: RequestContext) -> Response:
    """Undo the publication («Angre»)."""
    try:
        share = publishing.undo_publication(call.deps, call.person.person, call.path("id"))
    except Conflict as error:
        return refused(call, call.path("id"), error)
    return to_share(share.id, "angret" if share.state is ShareState.DRAFT else "apnet")


def refused(call: RequestContext, share_id: str, error: ServiceError) -> Response:
    """Show the share with the reason why an action was refused."""
    return detail_of(call, share_id, status=status_of(error), errors=[("", error_text(error, call.translator))])


def copy(call: RequestContext) -> Response:
    """Start a new draft from this share («Lag ny deling fra denne»)."""
    draft = publishing.copy_share(call.deps, call.person.person, call.path("id"))
    return RedirectResponse(f"/del?utkast={draft.id}", 303)


def deed(path: str, handler: Handler) -> Endpoint:
    """Return the endpoint of an action on a share."""
    return Endpoint(f"/delinger/{{id}}/{path}", handler, RequiredRole.PERSON, ("POST",))


ENDPOINTS = (
    Endpoint("/delinger/{id}", detail_page, RequiredRole.PERSON),
    Endpoint("/delinger/{id}/tilbaketrekking", withdrawal_page, RequiredRole.PERSON),
    deed("sluttidspunkt", change_end),
    deed("paminnelse", remind),
    deed("tilbaketrekking", withdraw),
    deed("angring", undo),
    deed("kopi", copy),
)
