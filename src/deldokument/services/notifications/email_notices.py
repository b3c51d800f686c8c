"""E-mail to members and administrators: the events that lead to it, and its sending.

    document_downloaded (whole)         the sharer, once a day for each share
    share_published, expiry_changed     the sharer, three days before the end, if a recipient has documents left
    share_proposed, change_proposed     the other members of the account who may approve it, and the sharer
    access_requested                    the sharer, once a day for each share; a former member's colleagues
    document_inspected (malware)        the sharer; cannot be switched off
    agreement_published                 the administrators of tenants that must sign it
    member_absent, member_present       the member; cannot be switched off
    draft_handed_over                   its former and its new author; cannot be switched off
    change_approved, giving access in   the sharer and the administrators; cannot be switched off
      place of an absent sharer

Guarantees:
- Every message is checked again before it is sent, so no e-mail reports an outdated event.
- Former members get no e-mail. Members can opt out, except where the list says otherwise.

Integrations get no e-mail; they have webhooks. The texts are in services.notifications.email_texts.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta

from deldokument.crypto.errors import IntegrityError
from deldokument.crypto.share_cards import SHARE_KIND
from deldokument.domain.audit import EventKind
from deldokument.domain.errors import existing
from deldokument.domain.messages.email_addresses import NoticeAddress
from deldokument.domain.messages.outbox import Channel, Outcome, OutgoingMessage, again, make_moot
from deldokument.domain.norwegian_time import day_of
from deldokument.domain.shares.share import Progress, Receipt, Share, Verdict, new_id, progress_of
from deldokument.domain.tenants.agreement import AgreementKind
from deldokument.domain.tenants.tenancy import Member
from deldokument.ports.channels import Email, EmailKind
from deldokument.ports.dependencies import Dependencies
from deldokument.services.agreements.status import agreement_status
from deldokument.services.encryption import EncryptedColumn, open_field
from deldokument.services.notifications.dispatch import EventPlanner
from deldokument.services.notifications.email_addresses import code_of, confirmed_address
from deldokument.services.notifications.email_texts import compose_email
from deldokument.services.people import directory_key
from deldokument.services.shares.approvals.proposals import Proposal, is_proposal_of, living_sharer, pending_proposal
from deldokument.services.shares.published.changes import IN_PLACE
from deldokument.store.audit.event_rows import StoredEvent
from deldokument.store.engine.integrity import DamagedRow
from deldokument.store.transaction import Transaction

SOON = timedelta(days=3)
"""How long before the end of a share its sharer gets an e-mail."""
_PAGE = 1000
_DONE = frozenset({Progress.SENT, Progress.RECEIVED})
_ALWAYS = {EmailKind.MALWARE, EmailKind.ABSENT, EmailKind.PRESENT, EmailKind.ENTRY, EmailKind.HANDOVER}


def plan_downloaded(deps: Dependencies, tx: Transaction, stored: StoredEvent) -> Iterator[OutgoingMessage]:
    """Plan an e-mail saying that a whole document was sent to a recipient."""
    if stored.event.is_download:
        share, day = _share_of(tx, stored), day_of(stored.event.at)
        yield from _to_member(deps, tx, EmailKind.DOWNLOADED, share, share.member_id, f"{day}")


def plan_ending(deps: Dependencies, tx: Transaction, stored: StoredEvent) -> Iterator[OutgoingMessage]:
    """Plan an e-mail that announces the end of a share three days before. It is moot if the end has been moved.

    None is planned if the end is nearer already: the sharer has just set it.
    """
    share = _share_of(tx, stored)
    if deps.mail is None or share.member_id is None or not share.intact:
        return
    due = _soon(share)
    if due > stored.event.at:
        ends = int(due.timestamp())
        yield _of_share(deps, EmailKind.ENDING, share, share.member_id, f"{ends}", due_at=due, ends=ends)


def plan_proposed(deps: Dependencies, tx: Transaction, stored: StoredEvent) -> Iterator[OutgoingMessage]:
    """Plan e-mails saying that a draft, or a change of a published share, waits for another member's approval."""
    share = _share_of(tx, stored)
    proposal = _proposal(deps, tx, share)
    if proposal is None:
        return
    kind = _kind_of(proposal)
    for member in _reachable_members(tx, share.account_id):
        if _concerns(proposal, share, member) and _wants(deps, tx, member, kind):
            yield _of_share(deps, kind, share, member.id, f"{stored.number}")


def _proposal(deps: Dependencies, tx: Transaction, share: Share) -> Proposal | None:
    """Return the pending proposal, or None.

    Returns None also if the share is over, or is damaged, which must not block the tenant's other messages.
    """
    if not share.intact or share.is_over_at(deps.clock.now()):
        return None
    try:
        return pending_proposal(deps, tx, share)
    except IntegrityError:
        deps.damage.report(DamagedRow(SHARE_KIND, share.id))
        return None


def _concerns(proposal: Proposal, share: Share, member: Member) -> bool:
    """Return whether the member may approve the proposal, or is the sharer."""
    if member.acts_from is None or is_proposal_of(proposal.proposer, member.lookup_hash):
        return False
    return member.id == share.member_id or proposal.approvers.include(member.id, member.acts_from)


def _kind_of(proposal: Proposal) -> EmailKind:
    return EmailKind.APPROVAL if proposal.change is None else EmailKind.CHANGE


def plan_malware(deps: Dependencies, tx: Transaction, stored: StoredEvent) -> Iterator[OutgoingMessage]:
    """Plan an e-mail saying that malware was found in a document of a share or a draft."""
    if (stored.event.details or {}).get("verdict") == Verdict.INFECTED:
        share = _share_of(tx, stored)
        yield from _to_member(deps, tx, EmailKind.MALWARE, share, share.member_id, f"{stored.number}")


def plan_request(deps: Dependencies, tx: Transaction, stored: StoredEvent) -> Iterator[OutgoingMessage]:
    """Plan e-mails saying that a recipient asks for more time or a new share.

    If the sharer is a system or has left, the members of the account get it, because a request needs an answer.
    """
    share = _share_of(tx, stored)
    sharer = living_sharer(tx, share.member_id)
    members = [sharer] if isinstance(sharer, Member) else _reachable_members(tx, share.account_id)
    for member in members:
        if share.intact and _wants(deps, tx, member, EmailKind.REQUEST):
            yield _of_share(deps, EmailKind.REQUEST, share, member.id, f"{day_of(stored.event.at)}")


def plan_published(deps: Dependencies, tx: Transaction, stored: StoredEvent) -> Iterator[OutgoingMessage]:
    """Plan e-mails saying that a tenant in use must sign a new service agreement."""
    details = stored.event.details or {}
    if deps.mail is None or details.get("agreement") != AgreementKind.SERVICE:
        return
    kind = EmailKind.SIGNATURE
    for tenant in tx.tenants.all():
        if not (tenant.intact and tenant.is_in_use and agreement_status(deps, tx, tenant.id).wants_signature):
            continue
        yield from _to_administrators(deps, tx, kind, tenant.id, stored)


def plan_entry(deps: Dependencies, tx: Transaction, stored: StoredEvent) -> Iterator[OutgoingMessage]:
    """Plan e-mails saying that another person gave access to persons or documents, in place of the sharer."""
    share, kind = _share_of(tx, stored), EmailKind.ENTRY
    if deps.mail is None or (stored.event.details or {}).get("cause") != IN_PLACE:
        return
    yield from _to_member(deps, tx, kind, share, share.member_id, f"{stored.number}")
    yield from _to_administrators(deps, tx, kind, share.tenant_id, stored)


def plan_handover(deps: Dependencies, tx: Transaction, stored: StoredEvent) -> Iterator[OutgoingMessage]:
    """Plan e-mails saying that a draft was handed over, to its former author and to the new one."""
    share, details = _share_of(tx, stored), stored.event.details or {}
    for name in ("author", "member"):
        yield from _to_member(deps, tx, EmailKind.HANDOVER, share, str(details[name]), f"{stored.number}")


def plan_absence(deps: Dependencies, tx: Transaction, stored: StoredEvent) -> Iterator[OutgoingMessage]:
    """Plan an e-mail saying that an administrator has marked the member as absent, or as present again."""
    member = tx.members.get(str((stored.event.details or {})["member"]))
    kind = EmailKind.ABSENT if stored.event.kind is EventKind.MEMBER_ABSENT else EmailKind.PRESENT
    if member is not None and _wants(deps, tx, member, kind):
        yield _of_person(deps, kind, stored.event.chain, member.id, stored)


LETTERS: Mapping[EventKind, EventPlanner] = {
    EventKind.DOCUMENT_DOWNLOADED: plan_downloaded,
    EventKind.SHARE_PUBLISHED: plan_ending,
    EventKind.EXPIRY_CHANGED: plan_ending,
    EventKind.SHARE_PROPOSED: plan_proposed,
    EventKind.CHANGE_PROPOSED: plan_proposed,
    EventKind.ACCESS_REQUESTED: plan_request,
    EventKind.DOCUMENT_INSPECTED: plan_malware,
    EventKind.AGREEMENT_PUBLISHED: plan_published,
    EventKind.MEMBER_ABSENT: plan_absence,
    EventKind.MEMBER_PRESENT: plan_absence,
    EventKind.CHANGE_APPROVED: plan_entry,
    EventKind.DRAFT_HANDED_OVER: plan_handover,
}
"""The events that lead to e-mail, each with its planner."""


def _share_of(tx: Transaction, stored: StoredEvent) -> Share:
    return existing(tx.shares.get(existing(stored.event.share_id)))


def _of_share(
    deps: Dependencies,
    kind: EmailKind,
    share: Share,
    member_id: str,
    dedup_key: str,
    due_at: datetime | None = None,
    **details: int,
) -> OutgoingMessage:
    now = deps.clock.now()
    return OutgoingMessage(
        id=new_id(),
        channel=Channel.EMAIL,
        kind=kind,
        tenant_id=share.tenant_id,
        share_id=share.id,
        target=member_id,
        created_at=now,
        due_at=due_at or now,
        details=details,
        dedup_key=f"{kind} {share.id} {member_id} {dedup_key}",
    )


def _to_member(
    deps: Dependencies, tx: Transaction, kind: EmailKind, share: Share, member_id: str | None, dedup_key: str
) -> Iterator[OutgoingMessage]:
    """Yield an e-mail about the share, unless it is damaged, to a member who wants it."""
    member = tx.members.get(member_id) if member_id else None
    if member is not None and share.intact and _wants(deps, tx, member, kind):
        yield _of_share(deps, kind, share, member.id, dedup_key)


def _to_administrators(
    deps: Dependencies, tx: Transaction, kind: EmailKind, tenant_id: str, stored: StoredEvent
) -> Iterator[OutgoingMessage]:
    for administrator in tx.staff.administrators(tenant_id):
        if administrator.acts_at(deps.clock.now()) and _find_address(tx, administrator.lookup_hash, kind):
            yield _of_person(deps, kind, tenant_id, administrator.id, stored)


def _of_person(
    deps: Dependencies, kind: EmailKind, tenant_id: str, target: str, stored: StoredEvent
) -> OutgoingMessage:
    now, key = deps.clock.now(), f"{kind} {target} {stored.number}"
    return OutgoingMessage(new_id(), Channel.EMAIL, kind, tenant_id, None, target, now, now, dedup_key=key)


def _reachable_members(tx: Transaction, account_id: str) -> Iterator[Member]:
    """Yield the account's members with an address, page by page, because there may be very many."""
    before = None
    while page := tx.members.of_account(account_id, before=before, limit=_PAGE):
        kept = tx.notification_addresses.of_persons({member.lookup_hash for member in page})
        reachable = {address.lookup_hash for address in kept}
        yield from (member for member in page if member.lookup_hash in reachable)
        before = (page[-1].added_at, page[-1].id)


def _wants(deps: Dependencies, tx: Transaction, member: Member, kind: EmailKind) -> bool:
    return deps.mail is not None and _address(tx, member, kind) is not None


def send_email(deps: Dependencies, message: OutgoingMessage) -> Outcome:
    """Compose the e-mail and submit it to the mail server; MOOT if it is outdated."""
    if deps.mail is None:
        return again("no_mail_server")
    with deps.database.read() as tx:
        letter = _WRITERS.get(message.kind, _share_email)(deps, tx, message)
    return make_moot("nobody_to_tell") if letter is None else deps.mail.send(letter)


def _code_email(deps: Dependencies, tx: Transaction, message: OutgoingMessage) -> Email | None:
    """Write the e-mail with the code to an unconfirmed address; None for an earlier code than the last."""
    kept = tx.notification_addresses.get(message.target)
    asked = str(message.details["challenge"])
    if kept is None or kept.challenge_id != asked or not kept.awaits_code_at(deps.clock.now()):
        return None
    key = directory_key(deps)
    to = open_field(key, kept.sealed_unconfirmed, EncryptedColumn.UNCONFIRMED_ADDRESS, kept.id)
    return _email_of(deps, message, EmailKind.CODE, kept, to, message.created_at, code=code_of(key, kept))


def _share_email(deps: Dependencies, tx: Transaction, message: OutgoingMessage) -> Email | None:
    kind, share = EmailKind(message.kind), existing(tx.shares.get(existing(message.share_id)))
    member = tx.members.get(message.target)
    # A message is not authenticated: its share and its member may be of different accounts.
    kept = _address(tx, member, kind) if member and member.account_id == share.account_id else None
    if member is None or kept is None or not share.intact or not _is_still_so(deps, tx, kind, share, member, message):
        return None
    at = _soon(share) if kind is EmailKind.ENDING else message.created_at
    to = confirmed_address(directory_key(deps), kept)
    where = "/godkjenning" if kind is EmailKind.APPROVAL else ""
    return _email_of(deps, message, kind, kept, to, at, path=f"/delinger/{share.id}{where}")


def _signature_email(deps: Dependencies, tx: Transaction, message: OutgoingMessage) -> Email | None:
    tenant = existing(tx.tenants.get(message.tenant_id))
    if not (tenant.is_in_use and agreement_status(deps, tx, tenant.id).wants_signature):
        return None
    return _administrator_email(deps, tx, message, "avtaler")


def _entry_email(deps: Dependencies, tx: Transaction, message: OutgoingMessage) -> Email | None:
    if message.share_id is not None:
        return _share_email(deps, tx, message)
    return _administrator_email(deps, tx, message, "hendelseslogg")


def _administrator_email(deps: Dependencies, tx: Transaction, message: OutgoingMessage, section: str) -> Email | None:
    kind, tenant_id, now = EmailKind(message.kind), message.tenant_id, deps.clock.now()
    administrators = {one.id: one.lookup_hash for one in tx.staff.administrators(tenant_id) if one.acts_at(now)}
    kept = _find_address(tx, administrators.get(message.target, b""), kind)
    if kept is None:
        return None
    to = confirmed_address(directory_key(deps), kept)
    return _email_of(deps, message, kind, kept, to, message.created_at, path=f"/konfigurasjon/{tenant_id}/{section}")


def _absence_email(deps: Dependencies, tx: Transaction, message: OutgoingMessage) -> Email | None:
    kind, member = EmailKind(message.kind), tx.members.get(message.target)
    kept = _address(tx, member, kind) if member else None
    if member is None or kept is None or member.is_present is not (kind is EmailKind.PRESENT):
        return None
    to = confirmed_address(directory_key(deps), kept)
    return _email_of(deps, message, kind, kept, to, message.created_at, path="/delinger")


_WRITERS: Mapping[str, Callable[[Dependencies, Transaction, OutgoingMessage], Email | None]] = {
    EmailKind.CODE: _code_email,
    EmailKind.SIGNATURE: _signature_email,
    EmailKind.ABSENT: _absence_email,
    EmailKind.PRESENT: _absence_email,
    EmailKind.ENTRY: _entry_email,
}
"""Writers of the e-mails that do not go to members about a share alone."""


def _email_of(
    deps: Dependencies,
    message: OutgoingMessage,
    kind: EmailKind,
    kept: NoticeAddress,
    to: str,
    at: datetime,
    **facts: str,
) -> Email:
    subject, text = compose_email(kind, kept.language, deps.config.public_url, days=SOON.days, **facts)
    return Email(message.id, to, subject, text, kept.language, at)


def _address(tx: Transaction, member: Member, kind: EmailKind) -> NoticeAddress | None:
    """Return the address for a member's e-mail of that kind, if the member wants it and still has access."""
    kept = _find_address(tx, member.lookup_hash, kind)
    if kept is None or member.acts_from is None:
        return None
    if member.id not in {living.id for living, _ in tx.members.of_person(member.lookup_hash)}:
        return None
    return kept


def _find_address(tx: Transaction, lookup_hash: bytes, kind: EmailKind) -> NoticeAddress | None:
    """Return the confirmed address of a person who wants e-mail of that kind."""
    kept = tx.notification_addresses.of_person(lookup_hash)
    if kept is None or kept.confirmed_at is None:
        return None
    chosen = {
        EmailKind.DOWNLOADED: kept.downloaded,
        EmailKind.ENDING: kept.ending,
        EmailKind.APPROVAL: kept.approval,
        EmailKind.CHANGE: kept.approval,
        EmailKind.REQUEST: kept.ending,
        EmailKind.SIGNATURE: kept.signature,
    }
    return kept if chosen.get(kind, kind in _ALWAYS) else None


def _is_still_so(
    deps: Dependencies, tx: Transaction, kind: EmailKind, share: Share, member: Member, message: OutgoingMessage
) -> bool:
    if kind in {EmailKind.APPROVAL, EmailKind.CHANGE}:
        proposal = _proposal(deps, tx, share)
        return proposal is not None and _kind_of(proposal) is kind and _concerns(proposal, share, member)
    if kind is EmailKind.REQUEST:
        return any(recipient.is_asking for recipient in tx.shares.recipients([share.id]))
    if kind is EmailKind.ENDING:
        is_that_end = int(_soon(share).timestamp()) == message.details["ends"]
        return is_that_end and share.is_open_at(deps.clock.now()) and not _has_all(tx, share)
    return share.erased_at is None


def _soon(share: Share) -> datetime:
    return existing(share.expires_at) - SOON


def _has_all(tx: Transaction, share: Share) -> bool:
    """Return whether every document is sent to every recipient. For an organisation, any person counts."""
    receipts: defaultdict[str, list[Receipt]] = defaultdict(list)
    for receipt in tx.receipts.of_shares([share.id]):
        receipts[receipt.recipient_id].append(receipt)
    documents = [document.id for document in tx.shares.documents([share.id])]
    recipients = tx.shares.recipients([share.id])
    return all(progress_of(receipts[one.id], documents) in _DONE for one in recipients)
