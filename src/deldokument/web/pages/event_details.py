"""Display texts of the details of audit events.

Guarantees:
- A code without a text is shown unchanged.
- A random id is replaced by the name of its object, or left out.

The texts of the kinds of events are in event_texts.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from deldokument.domain.audit import AuditEvent
from deldokument.domain.messages.outbox import Channel
from deldokument.domain.messages.webhook import DisabledFor
from deldokument.domain.shares.policy import Reason
from deldokument.domain.tenants.impact_assessment import ResidualRisk
from deldokument.domain.tenants.tenancy import IntegrationRights
from deldokument.ports.channels import EmailKind
from deldokument.services.audit.actors import acting_integration
from deldokument.services.shares.approvals.proposals import ReturnReason
from deldokument.services.shares.drafts.discarding import UNCHANGED
from deldokument.services.shares.published.changes import IN_PLACE
from deldokument.services.tenants.freezing import FreezeReason
from deldokument.services.uploads.append import COPIED
from deldokument.web.http.responses.error_texts import WORDS
from deldokument.web.http.responses.i18n import Translator, _
from deldokument.web.http.responses.rendering import plain


@dataclass(frozen=True, slots=True)
class Detail:
    """One detail of an event, in words."""

    label: str
    value: str


LABELS: dict[str, str] = {
    "account": _("Account"),
    "member": _("User"),
    "administrator": _("Administrator"),
    "holder": _("Fødselsnummer or D-nummer"),
    "integration": _("System"),
    "supplier": _("The system is run by"),
    "rights": _("Access"),
    "archive": _("Archiving"),
    "agreement": _("Agreement"),
    "version": _("Version"),
    "reason": _("Why"),
    "cause": _("Why"),
    "risk": _("Remaining risk"),
    "changed": _("Changed"),
    "until": _("Available until"),
    "verdict": _("Outcome"),
    "ground": _("Right"),
    "level": _("Level of the login"),
    "how": _("How"),
    "filters": _("Narrowed by"),
    "format": _("Format"),
    "length": _("Size"),
    "bytes": _("Size"),
    "stored_bytes": _("Stored"),
    "whole": _("Whole documents, for the first time"),
    "count": _("How many"),
    "accounts": _("Accounts"),
    "members": _("Users"),
    "drafts": _("Drafts"),
    "open_shares": _("Shares open to recipients"),
    "documents": _("Documents"),
    "destroyed_keys": _("Destroyed keys"),
    "about": _("Notice"),
    "channel": _("Sent through"),
    "messages": _("Text messages, at most"),
    "code": _("Why"),
}
UNTOLD = frozenset(
    {
        "kept",
        "found",
        "document",
        "copy",
        "assessment",
        "intent",
        "operator",
        "message",
        "webhook",
        "revision",
        "versions",
        "row",
        "id",
        "recipient",
        "author",
        "now",
    }
)
"""Details that are random ids of things without a name in a log, serve only to detect changes, or are in the text."""

_ID = re.compile(r"[A-Za-z0-9_-]{22}")
_NAMED = frozenset({"account", "member", "administrator", "holder", "integration"})
_SIZES = frozenset({"length", "bytes", "stored_bytes"})
_LISTS = frozenset({"filters", "changed", "ground"})
REASON_WORDS: dict[str, str] = {
    FreezeReason.SECURITY: _("Suspected breach of security"),
    FreezeReason.AGREEMENT: _("The agreement is not kept"),
    FreezeReason.AUTHORITY: _("Ordered by an authority"),
    FreezeReason.REQUEST: _("At the organisation's own request"),
}
RISK_WORDS: dict[str, str] = {
    ResidualRisk.LOW: _("Low"),
    ResidualRisk.MEDIUM: _("Medium"),
    ResidualRisk.HIGH: _("High"),
}
_CODES: dict[str, str] = {
    Reason.NOT_NAMED: _("was not named as a recipient"),
    Reason.INSUFFICIENT_RIGHTS: _("lacks the right in Altinn"),
    Reason.RIGHTS_UNKNOWN: _("Altinn did not answer"),
    Reason.NOT_PUBLISHED: _("the share was not published"),
    Reason.OVER: _("the share had ended"),
    Reason.FROZEN: _("the share was stopped"),
    Reason.DELETED: _("the account was deleted"),
    Reason.CLOSED: _("the account was closed"),
    Reason.DAMAGED: _("the account or the organisation was damaged"),
    Reason.BEHIND: _("an older database was restored"),
    **REASON_WORDS,
    ReturnReason.CHANGED: _("the draft was changed"),
    ReturnReason.RETURNED: _("another member sent it back"),
    ReturnReason.RETRACTED: _("it was withdrawn"),
    ReturnReason.MOVED: _("another end was set"),
    ReturnReason.REPLACED: _("another change was proposed"),
    IN_PLACE: _("the one who shared is absent, has left or is a system"),
    DisabledFor.GONE: _("it answered that the address is gone"),
    DisabledFor.FAILING: _("it could not be reached for days"),
    **RISK_WORDS,
    "clean": _("nothing was found"),
    "infected": _("a virus was found"),
    "not_scanned": _("not checked for viruses"),
    "too_large": _("too large to be checked for viruses"),
    "encrypted": _("has a password, so it can't be checked for viruses"),
    "archive_limits": _("packed too much or too deep to be checked for viruses"),
    "unreadable": _("damaged, so it can't be checked for viruses"),
    "stale": _("checked for viruses that were known some time ago, nothing was found"),
    "error": _("the check failed"),
    "named": _("named as a recipient"),
    "none": "",
    UNCHANGED: "",
    COPIED: "",
    "time": _("time"),
    "kind": _("kind of event"),
    "share": _("share"),
    "person": _("person"),
    "here": _("here"),
    "elsewhere": _("from the list of logins"),
    "program": _("a program compared the checksums"),
    "front_channel": _("at ID-porten, in the browser"),
    "back_channel": _("at ID-porten"),
    "contact": _("contact information"),
    "standard": _("usual period"),
    **dict.fromkeys(("longest", "period"), _("longest period")),
    "confidential": _("confidential by default"),
    "title": _("title"),
    "message": _("message"),
    "reference": _("case number"),
    "label": _("label of a recipient"),
    "quota": _("quota"),
    "four_eyes": _("approval by another member"),
    "scan_policy": _("rules for the virus check"),
    "breach_contact": _("privacy contact"),
    "ask_archived": _("whether archiving is asked about"),
    "on_behalf_of": _("name at ID-porten"),
    "sms_sender": _("sender of text messages"),
    "sms_cost_code": _("cost code"),
    "full_numbers": _("full numbers for systems"),
    "name_tenant": _("the organisation's name in notices"),
    "notice_channel": _("e-mail or text message"),
    "undo_window": _("time to undo a publication"),
    "notify": _("notices to recipients"),
    "password": _("password"),
    "confirmed": _("confirmed"),
    "taken_back": _("the confirmation was withdrawn"),
    Channel.ALTINN: "Altinn",
    Channel.EMAIL: _("e-mail"),
    Channel.WEBHOOK: "webhook",
    "unreachable": _("Altinn doesn't know where to reach the recipient"),
    "altinn_refused": _("Altinn refused it"),
    "shared": _("that something is shared"),
    "week_left": _("reminder a week before the end"),
    "day_left": _("reminder a day before the end"),
    "reminded": _("reminder that a member asked for"),
    "added": _("of new documents"),
    "withdrawn": _("that the share was withdrawn"),
    EmailKind.CODE: _("code to an e-mail address"),
    EmailKind.DOWNLOADED: _("that a recipient has downloaded"),
    EmailKind.ENDING: _("that a share ends soon"),
    EmailKind.APPROVAL: _("that approval is needed"),
    EmailKind.CHANGE: _("that approval of a change is needed"),
    EmailKind.REQUEST: _("that a recipient asks for more time or a new share"),
    EmailKind.SIGNATURE: _("that an agreement must be signed"),
    EmailKind.MALWARE: _("that a virus was found"),
    EmailKind.ABSENT: _("that the user is marked as absent"),
    EmailKind.PRESENT: _("that the user is marked as present again"),
    EmailKind.ENTRY: _("that others let somebody or something in"),
    EmailKind.HANDOVER: _("that a draft was handed over"),
    "too_long": _("nobody accepted it for three days"),
    "csv": "CSV",
    "json": "JSON",
}

RIGHTS: dict[IntegrationRights, str] = {
    IntegrationRights.SHARE: _("May share"),
    IntegrationRights.READ: _("May only read"),
}


def details_of(event: AuditEvent, names: Mapping[str, str], translator: Translator, now: datetime) -> list[Detail]:
    """Return the details of an event, without its actor.

    ``names`` maps ids to the names that replace them.
    """
    acting = acting_integration(event)
    details = [(name, value) for name, value in (event.details or {}).items() if value != acting]
    shown = ((name, _value(name, value, names, translator, now)) for name, value in details)
    return [Detail(translator.text(LABELS[name]) if name in LABELS else name, value) for name, value in shown if value]


def _value(name: str, value: str | int, names: Mapping[str, str], translator: Translator, now: datetime) -> str:
    if name in UNTOLD or name in _NAMED or _ID.fullmatch(str(value)):
        return plain(names.get(str(value), ""))
    if name in _SIZES:
        return translator.size(int(value))
    if name == "rights":
        return translator.text(RIGHTS[IntegrationRights(str(value))])
    if name == "until":
        return translator.when(datetime.fromisoformat(str(value)), now)
    if name == "whole" and not value:
        return ""
    return _codes(str(value), translator) if name in _LISTS else _code(str(value), translator)


def _codes(values: str, translator: Translator) -> str:
    return ", ".join(_code(value, translator) for value in values.split(",") if value)


def _code(value: str, translator: Translator) -> str:
    words = _CODES.get(value, WORDS.get(value, value))
    return translator.text(words) if words else ""
