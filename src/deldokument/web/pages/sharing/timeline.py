"""Timeline of a share, in words, for its sharers.

Guarantees:
- Colleagues are named and recipients masked; other persons are not shown.
- Entries are in the order of the events. Consecutive events of the same kind and day are one entry with a count.

Events without meaning for a sharer are left out.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from deldokument.domain.audit import BY_OPERATORS, BY_RECIPIENTS, AuditEvent, EventKind
from deldokument.domain.messages.outbox import is_about_other_message
from deldokument.domain.norwegian_time import OSLO
from deldokument.domain.shares.policy import Reason
from deldokument.services.audit.actors import Actor, acting_integration
from deldokument.services.shares.approvals.proposals import ReturnReason
from deldokument.web.http.responses.i18n import Translator, _
from deldokument.web.http.responses.rendering import plain
from deldokument.web.pages.event_texts import EVENT_WORDS, words_for


@dataclass(frozen=True, slots=True)
class Moment:
    """Entry of the timeline: time of its first event, text, actor, and number of events."""

    at: datetime
    icon: str
    words: str
    who: str
    times: int


_ICONS: dict[EventKind, str] = {
    EventKind.DRAFT_STARTED: "pencil",
    EventKind.DRAFT_HANDED_OVER: "people",
    EventKind.DOCUMENT_COMPLETED: "upload",
    EventKind.DOCUMENT_REMOVED: "trash",
    EventKind.DOCUMENT_ADDED: "plus",
    EventKind.DOCUMENT_TAKEN_BACK: "trash",
    EventKind.DRAFT_ABANDONED: "trash",
    EventKind.DRAFT_RESTORED: "pencil",
    EventKind.SHARE_PROPOSED: "people",
    EventKind.SHARE_APPROVED: "check",
    EventKind.SHARE_PUBLISHED: "link",
    EventKind.ACCESS_REQUESTED: "clock",
    EventKind.ACCESS_REFUSED: "cross",
    EventKind.SHARE_UNPUBLISHED: "refresh",
    EventKind.REMINDER_REQUESTED: "envelope",
    EventKind.RECIPIENT_NOTIFIED: "envelope",
    EventKind.MESSAGE_GIVEN_UP: "warning",
    EventKind.SHARE_OPENED: "eye",
    EventKind.DOCUMENT_DOWNLOADED: "download",
    EventKind.DOCUMENTS_CONFIRMED: "check",
    EventKind.WARNING_CONFIRMED: "warning",
    EventKind.DOCUMENT_RELEASED: "check",
    EventKind.DOCUMENT_HELD: "lock",
    EventKind.DOCUMENT_READ_BACK: "download",
    EventKind.DOCUMENT_COPIED: "copy",
    EventKind.NUMBERS_DISCLOSED: "eye",
    EventKind.RECIPIENT_ADDED: "person",
    EventKind.RECIPIENT_REMOVED: "cross",
    EventKind.CHANGE_PROPOSED: "people",
    EventKind.CHANGE_APPROVED: "check",
    EventKind.CHANGE_RETURNED: "refresh",
    EventKind.SHARE_CORRECTED: "pencil",
    EventKind.CONFIDENTIALITY_CHANGED: "lock",
    EventKind.EXPIRY_CHANGED: "calendar",
    EventKind.SHARE_WITHDRAWN: "cross",
    EventKind.SHARE_FROZEN: "lock",
    EventKind.SHARE_UNFROZEN: "play",
    EventKind.SHARE_ENDED: "clock",
    EventKind.SHARE_KEY_DESTROYED: "shield",
}
"""Kinds that are shown, with the texts of event_texts."""


_REFUSED: dict[str, str] = {
    Reason.NOT_NAMED: _("Somebody without access opened the link. They saw nothing"),
    Reason.INSUFFICIENT_RIGHTS: _(
        "Somebody opened the link for an organisation, but lacks the right in Altinn. They saw nothing"
    ),
}


_TAKEN_BACK: dict[str, tuple[str, str]] = {
    ReturnReason.CHANGED: ("pencil", _("The draft was changed, so that approval must be asked for again")),
    ReturnReason.RETURNED: ("refresh", _("Another member sent the draft back")),
    ReturnReason.RETRACTED: ("refresh", _("The request for approval was withdrawn")),
}


_WITH_END: dict[EventKind, str] = {
    EventKind.EXPIRY_CHANGED: _("The end was changed to %(until)s"),
    EventKind.CHANGE_PROPOSED: _("A change with a later end was proposed: %(until)s"),
}


def moments(events: Iterable[tuple[AuditEvent, Actor | None]], translator: Translator, now: datetime) -> list[Moment]:
    """Return the timeline, oldest first."""
    shown = list[Moment]()
    for event, actor in events:
        icon_and_words = _icon_and_words(event)
        if icon_and_words is None:
            continue
        icon, msgid = icon_and_words
        system = actor.name if actor and acting_integration(event) else ""
        moment = Moment(
            event.at, icon, _by(system, _words(event, msgid, translator, now), translator), _who(event, actor), 1
        )
        if shown and _says_the_same(shown[-1], moment):
            shown[-1] = replace(shown[-1], times=shown[-1].times + 1)
        else:
            shown.append(moment)
    return [_sum_up(moment, translator) for moment in shown]


def _who(event: AuditEvent, actor: Actor | None) -> str:
    """Return the actor: a colleague's name, a recipient's masked number, or empty."""
    if actor is None or event.subject_id is None or event.kind in BY_OPERATORS:
        return ""
    return actor.masked if event.kind in BY_RECIPIENTS else plain(actor.name or actor.masked)


def _says_the_same(one: Moment, other: Moment) -> bool:
    days = {moment.at.astimezone(OSLO).date() for moment in (one, other)}
    return len(days) == 1 and (one.words, one.who) == (other.words, other.who)


def _sum_up(moment: Moment, translator: Translator) -> Moment:
    """Return the entry for several uploads or notices with a text in the plural."""
    if moment.times == 1:
        return moment
    if moment.words == translator.text(EVENT_WORDS[EventKind.DOCUMENT_COMPLETED]):
        words = translator.ngettext("%(num)s document was uploaded", "%(num)s documents were uploaded", moment.times)
    elif moment.words == translator.text(EVENT_WORDS[EventKind.RECIPIENT_NOTIFIED]):
        words = translator.ngettext(
            "%(num)s notice was sent to recipients", "%(num)s notices were sent to recipients", moment.times
        )
    else:
        return moment
    return replace(moment, words=words, times=1)


def _by(system: str, words: str, translator: Translator) -> str:
    return (
        translator.text(_("%(what)s, by the system of %(name)s"), what=words, name=plain(system)) if system else words
    )


def _icon_and_words(event: AuditEvent) -> tuple[str, str] | None:
    """Return icon and text; None for events that are not shown, such as the refusal of a recipient after the end."""
    if event.kind is EventKind.SHARE_DENIED:
        msgid = _REFUSED.get(str((event.details or {}).get("reason")))
        return ("lock", msgid) if msgid else None
    if event.kind is EventKind.PROPOSAL_RETURNED:
        return _TAKEN_BACK.get(str((event.details or {}).get("cause")))
    if is_about_other_message(event):
        return None
    icon = _ICONS.get(event.kind)
    return (icon, words_for(event)) if icon else None


def _words(event: AuditEvent, msgid: str, translator: Translator, now: datetime) -> str:
    until = (event.details or {}).get("until")
    if isinstance(until, str):
        msgid = _WITH_END.get(event.kind, msgid)
        return translator.text(msgid, until=translator.when(datetime.fromisoformat(until), now))
    return translator.text(msgid)
