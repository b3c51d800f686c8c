"""Comparison of a row that decides about access with the events about it.

For rows that a version before 0.3.0 has written, and that therefore prove nothing themselves. An event log that
verifies is harder to change than a row. The comparison looks for rows that give more than the events say; a row that
gives less is no reason for doubt.

Does not: prove values that events do not contain, for example the organisation number of an integration.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from deldokument.domain.audit import NO_TENANT, AuditEvent, EventKind
from deldokument.domain.share import ShareState
from deldokument.domain.tenancy import NoticeChannel, PeriodRule

Values = Mapping[str, Any]
"""The columns of a row."""


class Doubt(StrEnum):
    """Why the events do not support a row."""

    NOT_ADDED = "not_added"
    """No event says that it was added, or not in this tenant or account."""
    OVER = "over"
    """The events say that it has been removed, ended, closed or frozen; the row does not."""
    CHANGED = "changed"
    """The row has a value that no event explains."""
    PERSON = "person"
    """The number in the row does not open, or is another person's than the row is found by."""
    RECIPIENT = "recipient"
    """The same for a recipient of the share; or a published share has none."""
    SHARER = "sharer"
    """The person who shared it was never a member of its account."""


_Pair = tuple[str, frozenset[EventKind], frozenset[EventKind]]


def _pair(column: str, begins: EventKind, *ends: EventKind) -> _Pair:
    return column, frozenset({begins}), frozenset(ends)


_TENANT_STOPS = (
    _pair("frozen_at", EventKind.TENANT_FROZEN, EventKind.TENANT_UNFROZEN),
    _pair("ended_at", EventKind.TENANT_ENDED),
)
_ACCOUNT_STOPS = (
    _pair("closed_at", EventKind.ACCOUNT_CLOSED, EventKind.ACCOUNT_REOPENED),
    _pair("deleted_at", EventKind.ACCOUNT_DELETED, EventKind.ACCOUNT_DELETION_UNDONE),
    _pair("ended_at", EventKind.ACCOUNT_ENDED),
    _pair("frozen_at", EventKind.ACCOUNT_FROZEN, EventKind.ACCOUNT_UNFROZEN),
)
_MEMBER_STOPS = (_pair("removed_at", EventKind.MEMBER_REMOVED), _pair("erased_at", EventKind.MEMBER_ERASED))
_INTEGRATION_STOPS = (_pair("removed_at", EventKind.INTEGRATION_REMOVED),)
_SHARE_STOPS = (_pair("frozen_at", EventKind.SHARE_FROZEN, EventKind.SHARE_UNFROZEN),)

_TOGGLES = {"confidential": True, "four_eyes": False, "notify": False, "full_numbers": False, "name_tenant": False}
_PLAIN = {
    "contact": ("contact_telephone", "contact_email", "contact_hours"),
    "standard": ("period_standard",),
    "longest": ("period_longest",),
    "quota": ("quota",),
    "sms_sender": ("sms_sender",),
    "sms_cost_code": ("sms_cost_code",),
    "notice_channel": ("notice_channel",),
    "undo_window": ("undo_window",),
}
"""Rules of an account, with their columns. A new account has empty values, or the first of a choice."""
_EMPTY = frozenset({None, "", NoticeChannel.EMAIL_FIRST})

_STATES: Mapping[EventKind, frozenset[ShareState]] = {
    EventKind.DRAFT_STARTED: frozenset({ShareState.DRAFT, ShareState.ABANDONED}),
    EventKind.DRAFT_ABANDONED: frozenset({ShareState.ABANDONED}),
    EventKind.SHARE_PUBLISHED: frozenset({ShareState.AVAILABLE, ShareState.WITHDRAWN, ShareState.ENDED}),
    EventKind.SHARE_UNPUBLISHED: frozenset({ShareState.DRAFT, ShareState.ABANDONED}),
    EventKind.SHARE_WITHDRAWN: frozenset({ShareState.WITHDRAWN, ShareState.ENDED}),
    EventKind.SHARE_ENDED: frozenset({ShareState.WITHDRAWN, ShareState.ENDED}),
}
"""The states that a share may have after each event. Offboarding and the end of an account end many at once."""

TENANT_EVENTS = (
    EventKind.TENANT_CREATED,
    EventKind.TENANT_FROZEN,
    EventKind.TENANT_UNFROZEN,
    EventKind.TENANT_ENDED,
)
"""The events that say what a tenant's row should contain."""
SHARE_EVENTS = (
    *_STATES,
    EventKind.SHARE_PROPOSED,
    EventKind.PROPOSAL_RETURNED,
    EventKind.EXPIRY_CHANGED,
    EventKind.EXTENSION_PROPOSED,
    EventKind.EXTENSION_RETURNED,
    EventKind.SHARE_FROZEN,
    EventKind.SHARE_UNFROZEN,
)
"""The same for a share."""

_EXTENSIONS = {EventKind.EXTENSION_PROPOSED, EventKind.EXTENSION_RETURNED, EventKind.EXPIRY_CHANGED}


def doubt_about(kind: str, values: Values, events: Sequence[AuditEvent]) -> Doubt | None:
    """Return why the events, in their order, do not support the row; None if they do."""
    return _RULES[kind](values, events)


def _tenant(values: Values, events: Sequence[AuditEvent]) -> Doubt | None:
    if not _of(events, EventKind.TENANT_CREATED):
        return Doubt.NOT_ADDED
    return _stopped(values, events, _TENANT_STOPS)


def _account(values: Values, events: Sequence[AuditEvent]) -> Doubt | None:
    if not any(one.tenant_id == values["tenant_id"] for one in _of(events, EventKind.ACCOUNT_CREATED)):
        return Doubt.NOT_ADDED
    changed = [str(_detail(one, "changed") or "").split(",") for one in _of(events, EventKind.ACCOUNT_RULES_CHANGED)]
    for rule, default in _TOGGLES.items():
        times = sum(rule in names for names in changed)
        if values[rule] != (default ^ (times % 2 == 1)):
            return Doubt.CHANGED
    for rule, columns in _PLAIN.items():
        if not _EMPTY.issuperset(values[column] for column in columns) and not any(rule in names for names in changed):
            return Doubt.CHANGED
    return _stopped(values, events, _ACCOUNT_STOPS)


def _member(values: Values, events: Sequence[AuditEvent]) -> Doubt | None:
    return _added(events, EventKind.MEMBER_ADDED, "account", values["account_id"]) or _stopped(
        values, events, _MEMBER_STOPS
    )


def _administrator(values: Values, events: Sequence[AuditEvent]) -> Doubt | None:
    added = [one for one in _of(events, EventKind.ADMINISTRATOR_ADDED) if one.tenant_id == values["tenant_id"]]
    if not added:
        return Doubt.NOT_ADDED
    return Doubt.OVER if _of(events, EventKind.ADMINISTRATOR_REMOVED) else None


def _operator(_: Values, events: Sequence[AuditEvent]) -> Doubt | None:
    if not [one for one in _of(events, EventKind.OPERATOR_ADDED) if one.chain == NO_TENANT]:
        return Doubt.NOT_ADDED
    return Doubt.OVER if _of(events, EventKind.OPERATOR_REMOVED) else None


def _integration(values: Values, events: Sequence[AuditEvent]) -> Doubt | None:
    not_added = _added(events, EventKind.INTEGRATION_ADDED, "account", values["account_id"])
    if not_added:
        return not_added
    rights = [_detail(one, "rights") for one in events if _detail(one, "rights")]
    archive = [_detail(one, "archive") for one in events if _detail(one, "archive")]
    has_password = any(_detail(one, "changed") == "password" for one in events)
    if (
        (rights and rights[-1] != values["rights"])
        or (values["archive_confirmed_at"] is not None and archive[-1:] != ["confirmed"])
        or (values["password_hash"] is not None and not has_password)
    ):
        return Doubt.CHANGED
    return _stopped(values, events, _INTEGRATION_STOPS)


def _webhook(values: Values, events: Sequence[AuditEvent]) -> Doubt | None:
    return _added(events, EventKind.WEBHOOK_ADDED, "integration", values["integration_id"]) or (
        Doubt.OVER if _of(events, EventKind.WEBHOOK_REMOVED) else None
    )


def _share(values: Values, events: Sequence[AuditEvent]) -> Doubt | None:
    if not any(one.tenant_id == values["tenant_id"] for one in _of(events, EventKind.DRAFT_STARTED)):
        return Doubt.NOT_ADDED
    last = [one.kind for one in events if one.kind in _STATES][-1]
    state = ShareState(values["state"])
    if state not in _STATES[last]:
        return Doubt.NOT_ADDED if last is EventKind.DRAFT_STARTED else Doubt.OVER
    started = _of(events, EventKind.DRAFT_STARTED)[0]
    if (
        _detail(started, "integration") != values["integration_id"]
        or not _is_end_explained(values, events)
        or (values["proposed_by"] is not None and not _is_proposed(state, events))
        or (values["extension_until"] is not None and values["extension_until"] != _asked_for(events))
    ):
        return Doubt.CHANGED
    return _stopped(values, events, _SHARE_STOPS)


def _is_end_explained(values: Values, events: Sequence[AuditEvent]) -> bool:
    """Return whether the end is the one that an event names, or else is possible for a share of that age."""
    published, moved = _of(events, EventKind.SHARE_PUBLISHED), _of(events, EventKind.EXPIRY_CHANGED)
    if moved:
        return bool(_time(moved[-1]) == values["expires_at"])
    return not published or bool(values["expires_at"] <= published[-1].at + PeriodRule().longest)


def _is_proposed(state: ShareState, events: Sequence[AuditEvent]) -> bool:
    """Return whether a draft waits for approval by the events, or a published share was proposed at any time."""
    kinds = [one.kind for one in events if one.kind in {EventKind.SHARE_PROPOSED, EventKind.PROPOSAL_RETURNED}]
    return EventKind.SHARE_PROPOSED in (kinds[-1:] if state is ShareState.DRAFT else kinds)


def _asked_for(events: Sequence[AuditEvent]) -> datetime | None:
    """Return the later end that waits for approval by the events."""
    asked = [one for one in events if one.kind in _EXTENSIONS][-1:]
    return _time(asked[0]) if asked and asked[0].kind is EventKind.EXTENSION_PROPOSED else None


def _document(values: Values, events: Sequence[AuditEvent]) -> Doubt | None:
    """Compare with the event of its completion in the share that the row names; there is none before."""
    return None if values["completed_at"] is None or events else Doubt.NOT_ADDED


def _without_events(_: Values, __: Sequence[AuditEvent]) -> Doubt | None:
    """Return no doubt: an upload is compared with its share, and an address with its encrypted columns."""
    return None


_RULES: Mapping[str, Callable[[Values, Sequence[AuditEvent]], Doubt | None]] = {
    "tenant": _tenant,
    "account": _account,
    "member": _member,
    "administrator": _administrator,
    "operator": _operator,
    "integration": _integration,
    "upload": _without_events,
    "document": _document,
    "notice_address": _without_events,
    "webhook": _webhook,
    "share": _share,
}


def _of(events: Sequence[AuditEvent], kind: EventKind) -> list[AuditEvent]:
    return [one for one in events if one.kind is kind]


def _detail(event: AuditEvent, name: str) -> str | int | None:
    return (event.details or {}).get(name)


def _time(event: AuditEvent) -> datetime:
    return datetime.fromisoformat(str(_detail(event, "until")))


def _added(events: Sequence[AuditEvent], kind: EventKind, place: str, wanted: str) -> Doubt | None:
    is_added = any(_detail(one, place) == wanted for one in _of(events, kind))
    return None if is_added else Doubt.NOT_ADDED


def _stopped(values: Values, events: Sequence[AuditEvent], pairs: Sequence[_Pair]) -> Doubt | None:
    for column, begins, ends in pairs:
        last = [one.kind for one in events if one.kind in begins | ends][-1:]
        if last and last[0] in begins and values[column] is None:
            return Doubt.OVER
    return None
