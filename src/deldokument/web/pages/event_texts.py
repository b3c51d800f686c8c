"""Display texts of audit events, by kind.

Guarantees:
- Each kind has a text (tests/web checks that the table is complete).

A share's timeline shortens some of these texts. The texts of details are in event_details.
"""

from deldokument.domain.audit import AuditEvent, EventKind
from deldokument.services.shares.drafts.discarding import UNCHANGED
from deldokument.services.shares.published.changes import ORDINARY
from deldokument.services.uploads.append import COPIED
from deldokument.web.http.responses.i18n import _

OF_ORGANIZATION: dict[EventKind, str] = {
    EventKind.TENANT_CREATED: _("The organisation was registered"),
    EventKind.TENANT_ACTIVATED: _("The service was taken into use"),
    EventKind.TENANT_RULES_CHANGED: _("The rules of the organisation were changed"),
    EventKind.TENANT_FROZEN: _("The service was stopped for the organisation"),
    EventKind.TENANT_UNFROZEN: _("The service was resumed for the organisation"),
    EventKind.TENANT_EXPORTED: _("Everything about the organisation was exported"),
    EventKind.TENANT_ENDED: _("The service was ended"),
    EventKind.DELETION_RECORDED: _("All content had been deleted, and this was recorded"),
    EventKind.TENANT_FORGOTTEN: _("The remaining names were erased"),
    EventKind.MAIN_AGREEMENT_RECORDED: _("The signed main agreement was recorded"),
    EventKind.SIGNING_BEGUN: _("Signing of the service agreement was begun"),
    EventKind.SIGNING_REFUSED: _("Signing of the service agreement did not succeed"),
    EventKind.SERVICE_AGREEMENT_SIGNED: _("The service agreement was signed"),
    EventKind.ASSESSMENT_RECORDED: _("An impact assessment (DPIA) was recorded"),
}
OF_ACCOUNTS: dict[EventKind, str] = {
    EventKind.ACCOUNT_CREATED: _("An account was created"),
    EventKind.ACCOUNT_RENAMED: _("An account got another name"),
    EventKind.ACCOUNT_RULES_CHANGED: _("The settings of an account were changed"),
    EventKind.ACCOUNT_CLOSED: _("An account was closed"),
    EventKind.ACCOUNT_REOPENED: _("An account was opened again"),
    EventKind.ACCOUNT_DELETED: _("An account was deleted"),
    EventKind.ACCOUNT_DELETION_UNDONE: _("The deletion of an account was undone"),
    EventKind.ACCOUNT_ENDED: _("The contents of a deleted account were ended"),
    EventKind.ACCOUNT_FROZEN: _("An account was stopped"),
    EventKind.ACCOUNT_UNFROZEN: _("An account was resumed"),
    EventKind.INTEGRATION_ADDED: _("An integration was given rights to an account"),
    EventKind.INTEGRATION_CHANGED: _("The rights of an integration in an account were changed"),
    EventKind.INTEGRATION_REMOVED: _("An integration lost its rights to an account"),
    EventKind.WEBHOOK_ADDED: _("An integration asked to be notified of events"),
    EventKind.WEBHOOK_REMOVED: _("An integration is no longer notified of events"),
    EventKind.WEBHOOK_DISABLED: _("Notifying an integration of events was given up"),
}
OF_PEOPLE: dict[EventKind, str] = {
    EventKind.MEMBER_ADDED: _("A user was registered on an account"),
    EventKind.MEMBER_CONFIRMED: _("A user who had been registered by command was confirmed"),
    EventKind.MEMBER_ABSENT: _("A user was marked as absent"),
    EventKind.MEMBER_PRESENT: _("A user was marked as present again"),
    EventKind.MEMBER_REMOVED: _("A user was removed from an account"),
    EventKind.MEMBER_ERASED: _("The name of a former user was erased"),
    EventKind.ADMINISTRATOR_ADDED: _("An administrator was added"),
    EventKind.ADMINISTRATOR_ANNOUNCED: _("The organisation was told about an administrator who could not be confirmed"),
    EventKind.ADMINISTRATOR_CONFIRMED: _("An administrator was confirmed"),
    EventKind.ADMINISTRATOR_REMOVED: _("An administrator was removed"),
}
OF_SHARES: dict[EventKind, str] = {
    EventKind.DRAFT_STARTED: _("The draft was created"),
    EventKind.DRAFT_CHANGED: _("Recipients, end or access of the draft were changed"),
    EventKind.DRAFT_HANDED_OVER: _("The draft was handed over to another member"),
    EventKind.DOCUMENT_COMPLETED: _("A document was uploaded"),
    EventKind.DOCUMENT_INSPECTED: _("A document was read through"),
    EventKind.DOCUMENT_RELEASED: _("A member released a document that was held"),
    EventKind.DOCUMENT_HELD: _("A member held a document back again"),
    EventKind.DOCUMENT_REMOVED: _("A document was removed"),
    EventKind.DOCUMENT_ADDED: _("A document was added"),
    EventKind.DOCUMENT_TAKEN_BACK: _("A document that was to be added was taken back"),
    EventKind.DRAFT_ABANDONED: _("The draft was discarded"),
    EventKind.DRAFT_RESTORED: _("The draft was brought back"),
    EventKind.SHARE_PROPOSED: _("Another member was asked to approve it"),
    EventKind.SHARE_APPROVED: _("Another member approved it"),
    EventKind.PROPOSAL_RETURNED: _("The request for approval was dropped"),
    EventKind.SHARE_PUBLISHED: _("The documents were shared"),
    EventKind.SHARE_UNPUBLISHED: _("The publication was undone. The share is a draft again"),
    EventKind.SHARE_OPENED: _("A recipient opened the share"),
    EventKind.DOCUMENT_DOWNLOADED: _("A recipient downloaded a whole document"),
    EventKind.WARNING_CONFIRMED: _("A recipient confirmed the warning about a document"),
    EventKind.DOCUMENTS_CONFIRMED: _("A recipient confirmed having received documents"),
    EventKind.DOCUMENT_READ_BACK: _("A system read a document back"),
    EventKind.READ_BACK_ENDED: _("A system can no longer read the documents back"),
    EventKind.DOCUMENT_COPIED: _("A document was copied to a new share"),
    EventKind.NUMBERS_DISCLOSED: _("A system got the recipients' full numbers"),
    EventKind.SHARE_DENIED: _("Somebody was refused at the share"),
    EventKind.RECIPIENT_ADDED: _("A recipient was added"),
    EventKind.CHANGE_PROPOSED: _("Another member was asked to approve a change"),
    EventKind.CHANGE_APPROVED: _("Another member approved a change"),
    EventKind.CHANGE_RETURNED: _("The request for a change was dropped"),
    EventKind.RECIPIENT_REMOVED: _("A recipient was removed"),
    EventKind.SHARE_CORRECTED: _("The texts of the share were corrected"),
    EventKind.CONFIDENTIALITY_CHANGED: _("The content was marked as confidential"),
    EventKind.EXPIRY_CHANGED: _("The end was changed"),
    EventKind.ACCESS_REQUESTED: _("A recipient asked for more time or a new share"),
    EventKind.ACCESS_REFUSED: _("A member refused a request for more time or a new share"),
    EventKind.REMINDER_REQUESTED: _("A member asked for a reminder to the recipients"),
    EventKind.RECIPIENT_NOTIFIED: _("A notice was sent to a recipient"),
    EventKind.MESSAGE_GIVEN_UP: _("A notice could not be delivered"),
    EventKind.SHARE_WITHDRAWN: _("The share was withdrawn"),
    EventKind.SHARE_FROZEN: _("The operator stopped the share"),
    EventKind.SHARE_UNFROZEN: _("The operator resumed the share"),
    EventKind.SHARE_ENDED: _("The period ended"),
    EventKind.SHARE_KEY_DESTROYED: _("The keys were destroyed. Nobody can read the documents any more"),
    EventKind.SHARE_ERASED: _("The names in the share were erased"),
}
OF_LOG: dict[EventKind, str] = {
    EventKind.DATABASE_RESTORED: _("The operator confirmed that an older database was restored"),
    EventKind.EVENT_LOG_OPENED: _("The event log was opened"),
    EventKind.EVENT_LOG_EXPORTED: _("The event log was exported"),
}
OF_SERVICE: dict[EventKind, str] = {
    EventKind.LOGGED_IN: _("Somebody logged in"),
    EventKind.LOGGED_OUT: _("Somebody logged out"),
    EventKind.ADDRESS_CONFIRMED: _("Somebody chose an e-mail address for notices"),
    EventKind.ADDRESS_REMOVED: _("Somebody removed an e-mail address for notices"),
    EventKind.AGREEMENT_PUBLISHED: _("A version of an agreement or a template was published"),
    EventKind.OPERATOR_ADDED: _("An operator was added"),
    EventKind.OPERATOR_REMOVED: _("An operator was removed"),
    EventKind.AUDIT_KEY_DESTROYED: _("Keys of the event log were destroyed because the retention period was over"),
    EventKind.REFUSALS_LIMITED: _("Somebody was refused at many links, and has to wait"),
    EventKind.CLOCK_CONFIRMED: _("The clock was confirmed to be right"),
    EventKind.EARLY_ENDS_HALTED: _("Unusually many shares were ended early, so their keys were kept"),
    EventKind.EARLY_ENDS_CONFIRMED: _("The early ends of unusually many shares were confirmed"),
    EventKind.ORPHANS_SWEPT: _("Stored objects without an owner were deleted"),
    EventKind.ROW_DAMAGED: _("A stored record had been changed outside the service"),
}
"""Kinds that concern no tenant, and so appear in no tenant's log."""

GROUPS: tuple[tuple[str, dict[EventKind, str]], ...] = (
    (_("Shares"), OF_SHARES),
    (_("Accounts"), OF_ACCOUNTS),
    (_("Users and administrators"), OF_PEOPLE),
    (_("The organisation"), OF_ORGANIZATION),
    (_("The event log"), OF_LOG),
)
"""Kinds in a tenant's log, grouped as the search form offers them."""

EVENT_WORDS: dict[EventKind, str] = {
    kind: words for _title, group in (*GROUPS, ("", OF_SERVICE)) for kind, words in group.items()
}

_WITH_LATER_END: dict[EventKind, str] = {
    EventKind.CHANGE_PROPOSED: _("Another member was asked to approve a change with a later end"),
    EventKind.CHANGE_APPROVED: _("Another member approved a change with a later end"),
    EventKind.CHANGE_RETURNED: _("The request for a change with a later end was dropped"),
}

_BY_SERVICE = frozenset(
    {
        EventKind.DELETION_RECORDED,
        EventKind.TENANT_FORGOTTEN,
        EventKind.ACCOUNT_ENDED,
        EventKind.WEBHOOK_DISABLED,
        EventKind.MEMBER_ERASED,
        EventKind.DOCUMENT_INSPECTED,
        EventKind.DRAFT_ABANDONED,
        EventKind.SHARE_WITHDRAWN,
        EventKind.SHARE_ENDED,
        EventKind.SHARE_KEY_DESTROYED,
        EventKind.SHARE_ERASED,
        EventKind.RECIPIENT_NOTIFIED,
        EventKind.MESSAGE_GIVEN_UP,
        EventKind.AUDIT_KEY_DESTROYED,
        EventKind.ORPHANS_SWEPT,
        EventKind.ROW_DAMAGED,
    }
)
_BY_UPLOAD = frozenset({EventKind.DOCUMENT_COMPLETED, EventKind.DOCUMENT_REMOVED, EventKind.DOCUMENT_TAKEN_BACK})


def words_for(event: AuditEvent) -> str:
    """Return the text of an event.

    A delivery counts as a download only if it completes a document for the first time.
    """
    if event.kind is EventKind.DRAFT_ABANDONED and (event.details or {}).get("cause") == UNCHANGED:
        return _("The draft was deleted because nobody changed it")
    if event.kind is EventKind.DOCUMENT_COMPLETED and (event.details or {}).get("how") == COPIED:
        return _("A document was copied from another share")
    if event.kind is EventKind.CONFIDENTIALITY_CHANGED and (event.details or {}).get("now") == ORDINARY:
        return _("The content is no longer marked as confidential")
    if event.kind is EventKind.NUMBERS_DISCLOSED and event.subject_id is not None:
        return _("A user could see recipients' full numbers, in order to check them")
    if event.kind is EventKind.DOCUMENT_DOWNLOADED and not event.is_download:
        return _("A recipient downloaded a document in part, or once more")
    if event.kind in _WITH_LATER_END and "until" in (event.details or {}):
        return _WITH_LATER_END[event.kind]
    return EVENT_WORDS[event.kind]


def by_nobody(kind: EventKind) -> str:
    """Return the text for the actor of an event without a recorded person."""
    if kind in _BY_UPLOAD:
        return _("Not recorded")
    return _("The service") if kind in _BY_SERVICE else _("The operator")
