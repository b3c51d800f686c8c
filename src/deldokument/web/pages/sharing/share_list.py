"""«Delinger»: the list of shares of the person's accounts, with those that need the person first.

Guarantees:
- Only members can see that the list exists.

The rules are in services.shares.display.queries.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode

from starlette.responses import Response

from deldokument.domain.errors import NotFound
from deldokument.domain.shares.share import Progress, ShareState
from deldokument.domain.shares.text_fields import TEXT_FIELDS
from deldokument.services.shares.display import queries
from deldokument.services.shares.display.views import ShareView
from deldokument.services.shares.drafts.discarding import Discarded
from deldokument.web.http.request import RequestContext
from deldokument.web.http.requests.form_values import read_count
from deldokument.web.http.requests.pagination import Place, read_place, write_place
from deldokument.web.http.responses.rendering import account_name, has_several_bodies, render
from deldokument.web.pages.sharing.shares import UNDO_SECONDS, may_approve, own_ids

SOON = timedelta(days=3)
_ROWS = 25
"""Shares in the list at first; «Show more» appends as many."""
_MAX_ROWS = 200
"""Shares in the list at most; older ones are on the next page."""
_LISTED = (ShareState.DRAFT, ShareState.AVAILABLE, ShareState.ENDED, ShareState.WITHDRAWN)
_BY_URGENCY = ("returned", "approval", "change", "request", "unread", "unfinished")


@dataclass(frozen=True, slots=True)
class ShareRow:
    """Share in the list, with the numbers of recipients by progress.

    ``need`` is the action that the person must take: ``returned``, ``approval``, ``change``, ``request``, ``unread``,
    ``unfinished`` or none.
    """

    view: ShareView
    need: str
    received: int
    sent: int
    started: int
    opened: int


@dataclass(frozen=True, slots=True)
class Filter:
    """Filter of the list, as in the URL."""

    account: str
    state: str
    reference: str

    @property
    def narrows(self) -> bool:
        """Whether the filter leaves any shares out."""
        return bool(self.account or self.state or self.reference.strip())

    @property
    def states(self) -> tuple[ShareState, ...]:
        """States to query."""
        return (ShareState(self.state),) if self.state else _LISTED


def list_of(call: RequestContext, discarded: Discarded | None, restored: ShareView | None) -> Response:
    """Show the list: shares that need the person, then drafts of others, then the rest, newest first.

    ``discarded`` and ``restored``: a draft that has just been discarded or restored.

    Raises: NotFound if the person is a member of no account.
    """
    if not call.roles.memberships:
        raise NotFound("no account")
    members, several = call.roles.memberships, has_several_bodies(call)
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
        with_content=False,
    )
    needing = _needing(call, found.needing)
    others = [_row(call, view) for view in found.needing if _is_draft_of_another(call, view)]
    shown = {row.view.share.id for row in (*needing, *others)}
    rows = [_row(call, view) for view in found.shares if view.share.id not in shown]
    return render(
        call,
        "pages/sharing/shares.html",
        wanted=wanted,
        accounts=[
            (one.account.id, account_name(one.account, one.tenant, has_several_bodies=several)) for one in members
        ],
        absent_from=[
            account_name(one.account, one.tenant, has_several_bodies=several) for one in members if one.is_absent
        ],
        about=next((one.tenant for one in members if one.account.id == wanted.account), None),
        needing=needing,
        others=others,
        rows=rows,
        damaged=found.damaged,
        more=_more(call, wanted, found.next, len(rows), count) if found.next else "",
        newest=_address(wanted) if before else "",
        undo_seconds=UNDO_SECONDS,
        discarded=discarded,
        restored=restored,
        own_restored=restored is not None and restored.sharer_id in own_ids(call),
    )


def _is_draft_of_another(call: RequestContext, view: ShareView) -> bool:
    """Return whether it is a draft of a colleague or a system that has not been proposed yet."""
    return view.share.state is ShareState.DRAFT and not view.is_proposed and view.sharer_id not in own_ids(call)


def _filter(call: RequestContext) -> Filter:
    state = call.query("tilstand")
    return Filter(
        account=call.query("konto"),
        state=state if state in {listed.value for listed in _LISTED} else "",
        reference=call.query("saksnummer")[: TEXT_FIELDS["reference"].longest],
    )


def _count(call: RequestContext) -> int:
    asked = read_count(call.query("antall"))
    return min(max(asked, _ROWS), _MAX_ROWS)


def _more(call: RequestContext, wanted: Filter, following: Place, shown: int, count: int) -> str:
    """Return the address of the list with more shares, at the first of the added ones.

    If the list has its maximum length, return the address of the next page.
    """
    if count >= _MAX_ROWS:
        return _address(wanted, before=write_place(following))
    return f"{_address(wanted, before=call.query('before'), antall=str(count + _ROWS))}#rad-{shown + 1}"


def _address(wanted: Filter, **more: str) -> str:
    query = {"konto": wanted.account, "tilstand": wanted.state, "saksnummer": wanted.reference} | more
    filled = urlencode({name: value for name, value in query.items() if value})
    return f"/delinger?{filled}" if filled else "/delinger"


def _needing(call: RequestContext, views: Sequence[ShareView]) -> list[ShareRow]:
    """Return the shares that need the person, by kind of need, then the earliest end first."""
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
    if may_approve(call, view):
        return "approval" if view.is_proposed else "change"
    if view.is_proposed:
        return ""
    if view.share.state is ShareState.DRAFT:
        if view.sharer_id not in own_ids(call):
            return ""
        return "returned" if view.return_note else "unfinished"
    if view.unanswered and not (view.change and view.change.expires_at):
        return "request"
    return "unread" if _is_endangered(call, view) else ""


def _is_endangered(call: RequestContext, view: ShareView) -> bool:
    """Return whether nobody has downloaded the share although its end is near, and the person should act.

    That is the sharer. If a system shared it, or the sharer has left, it is any member of the account.
    """
    now, end = call.deps.clock.now(), view.share.expires_at
    if view.share.state is not ShareState.AVAILABLE or end is None or end - now > SOON:
        return False
    is_persons = bool(view.system) or view.sharer_has_left or view.sharer_id in own_ids(call)
    # Same condition as in the query: no document is sent to any recipient.
    downloaded = any(download.is_sent for recipient in view.recipients for download in recipient.downloads)
    return is_persons and view.share.is_past_half(now) and not downloaded
