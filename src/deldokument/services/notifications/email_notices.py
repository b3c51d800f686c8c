"""Which e-mails those who share and administer get, of what, and how one of them is written when it is sent.

    document_downloaded (to the end)    the sharer, once a day for each share
    share_published, expiry_changed     the sharer, three days before the end, if a recipient has something left
    share_proposed                      the other members of the account
    agreement_published                 the administrators of tenants that must sign it

Promises that what a message is about is looked at once more at the moment of sending: who has left the account, has
turned such letters off, or would be told what is no longer so, gets none. Of systems that share nobody is told here;
they have webhooks. What letters say is in services.letters.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta

from deldokument.domain.addresses import NoticeAddress
from deldokument.domain.agreement import AgreementKind
from deldokument.domain.audit import EventKind
from deldokument.domain.errors import standing
from deldokument.domain.outbox import Channel, Outcome, OutgoingMessage, again, moot
from deldokument.domain.share import Progress, Receipt, Share, new_id, progress_of
from deldokument.domain.tenancy import Member
from deldokument.domain.tenure import day_of
from deldokument.ports.channels import Letter, LetterKind
from deldokument.ports.dependencies import World
from deldokument.ports.repositories.audit import StoredEvent
from deldokument.ports.repositories.transaction import Transaction
from deldokument.services.agreements.status import standing_of
from deldokument.services.encryption import Field, open_field
from deldokument.services.notifications.dispatch import EventPlanner
from deldokument.services.notifications.email_addresses import code_of, confirmed_address
from deldokument.services.notifications.email_texts import write_letter
from deldokument.services.people import directory_key
from deldokument.services.shares.proposals import is_proposal_of, waits_for_approval

SOON = timedelta(days=3)
"""So long before the end of a share its sharer is told."""
_PAGE = 1000


# --- planning --------------------------------------------------------------------------------------------------------


def tell_downloaded(world: World, tx: Transaction, told: StoredEvent) -> Iterator[OutgoingMessage]:
    """That a recipient has the whole of a document."""
    share = _share_of(tx, told)
    if not told.event.is_download or share.member_id is None:
        return
    member = standing(tx.tenancies.member(share.member_id))
    if _wants(world, tx, member, LetterKind.DOWNLOADED):
        yield _of_share(world, LetterKind.DOWNLOADED, share, member.id, f"{day_of(told.event.at)}")


def tell_ending(world: World, tx: Transaction, told: StoredEvent) -> Iterator[OutgoingMessage]:
    """That the end is near: due then, and moot by then if the end has been moved. Who moves it so near knows."""
    share = _share_of(tx, told)
    if world.mail is None or share.member_id is None:
        return
    due = _soon(share)
    if due > told.event.at:
        ends = int(due.timestamp())
        yield _of_share(world, LetterKind.ENDING, share, share.member_id, f"{ends}", due_at=due, ends=ends)


def tell_proposed(world: World, tx: Transaction, told: StoredEvent) -> Iterator[OutgoingMessage]:
    """That another member's approval is wanted."""
    share = _share_of(tx, told)
    proposer = waits_for_approval(tx, share)
    if proposer is None:
        return
    for member in _reachable_members(tx, share.account_id):
        if not is_proposal_of(proposer, member.lookup_hash) and _wants(world, tx, member, LetterKind.APPROVAL):
            yield _of_share(world, LetterKind.APPROVAL, share, member.id, f"{told.number}")


def tell_published(world: World, tx: Transaction, told: StoredEvent) -> Iterator[OutgoingMessage]:
    """That a tenant in use must sign another service agreement."""
    details = told.event.details or {}
    if world.mail is None or details.get("agreement") != AgreementKind.SERVICE:
        return
    kind, now = LetterKind.SIGNATURE, world.clock.now()
    for tenant in tx.tenancies.tenants():
        if not (tenant.is_in_use and standing_of(world, tx, tenant.id).wants_signature):
            continue
        for administrator in tx.tenancies.administrators(tenant.id):
            if _chosen(tx, administrator.lookup_hash, kind):
                occasion = f"{kind} {administrator.id} {told.number}"
                yield OutgoingMessage(
                    new_id(), Channel.EMAIL, kind, tenant.id, None, administrator.id, now, now, occasion=occasion
                )


LETTERS: Mapping[EventKind, EventPlanner] = {
    EventKind.DOCUMENT_DOWNLOADED: tell_downloaded,
    EventKind.SHARE_PUBLISHED: tell_ending,
    EventKind.EXPIRY_CHANGED: tell_ending,
    EventKind.SHARE_PROPOSED: tell_proposed,
    EventKind.AGREEMENT_PUBLISHED: tell_published,
}
"""What is told by e-mail, and by which planner."""


def _share_of(tx: Transaction, told: StoredEvent) -> Share:
    return standing(tx.shares.get(standing(told.event.share_id)))


def _of_share(
    world: World,
    kind: LetterKind,
    share: Share,
    member_id: str,
    occasion: str,
    due_at: datetime | None = None,
    **details: int,
) -> OutgoingMessage:
    now = world.clock.now()
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
        occasion=f"{kind} {share.id} {member_id} {occasion}",
    )


def _reachable_members(tx: Transaction, account_id: str) -> Iterator[Member]:
    """Those with an address, of an account that may have very many."""
    before = None
    while page := tx.tenancies.members_of_account(account_id, before=before, limit=_PAGE):
        reachable = {kept.lookup_hash for kept in tx.addresses.of_persons({member.lookup_hash for member in page})}
        yield from (member for member in page if member.lookup_hash in reachable)
        before = (page[-1].added_at, page[-1].id)


def _wants(world: World, tx: Transaction, member: Member, kind: LetterKind) -> bool:
    return world.mail is not None and _address(tx, member, kind) is not None


# --- sending ---------------------------------------------------------------------------------------------------------


def send_letter(world: World, message: OutgoingMessage) -> Outcome:
    """Write the letter and hand it over."""
    if world.mail is None:
        return again("no_mail_server")
    with world.database.read() as tx:
        letter = _WRITERS.get(message.kind, _share_letter)(world, tx, message)
    return moot("nobody_to_tell") if letter is None else world.mail.send(letter)


def _code_letter(world: World, tx: Transaction, message: OutgoingMessage) -> Letter | None:
    """To an address that nobody has confirmed yet; only the code that was asked for last."""
    kept = tx.addresses.get(message.target)
    asked = str(message.details["challenge"])
    if kept is None or kept.challenge_id != asked or not kept.awaits_code_at(world.clock.now()):
        return None
    key = directory_key(world)
    to = open_field(key, kept.sealed_unconfirmed, Field.UNCONFIRMED_ADDRESS, kept.id)
    return _letter(world, message, LetterKind.CODE, kept, to, message.created_at, code=code_of(key, kept))


def _share_letter(world: World, tx: Transaction, message: OutgoingMessage) -> Letter | None:
    kind, share = LetterKind(message.kind), standing(tx.shares.get(standing(message.share_id)))
    member = standing(tx.tenancies.member(message.target))
    kept = _address(tx, member, kind)
    if kept is None or not _is_still_so(world, tx, kind, share, member, message):
        return None
    at = _soon(share) if kind is LetterKind.ENDING else message.created_at
    to = confirmed_address(directory_key(world), kept)
    where = "/godkjenning" if kind is LetterKind.APPROVAL else ""
    return _letter(world, message, kind, kept, to, at, path=f"/delinger/{share.id}{where}")


def _signature_letter(world: World, tx: Transaction, message: OutgoingMessage) -> Letter | None:
    kind, tenant = LetterKind.SIGNATURE, standing(tx.tenancies.tenant(message.tenant_id))
    administrators = {one.id: one.lookup_hash for one in tx.tenancies.administrators(tenant.id)}
    kept = _chosen(tx, administrators.get(message.target, b""), kind)
    if kept is None or not (tenant.is_in_use and standing_of(world, tx, tenant.id).wants_signature):
        return None
    to = confirmed_address(directory_key(world), kept)
    return _letter(world, message, kind, kept, to, message.created_at, path=f"/konfigurasjon/{tenant.id}/avtaler")


_WRITERS: Mapping[str, Callable[[World, Transaction, OutgoingMessage], Letter | None]] = {
    LetterKind.CODE: _code_letter,
    LetterKind.SIGNATURE: _signature_letter,
}
"""Who writes letters that are of no share."""


def _letter(
    world: World, message: OutgoingMessage, kind: LetterKind, kept: NoticeAddress, to: str, at: datetime, **facts: str
) -> Letter:
    subject, text = write_letter(kind, kept.language, world.rules.public_url, days=SOON.days, **facts)
    return Letter(message.id, to, subject, text, kept.language, at)


def _address(tx: Transaction, member: Member, kind: LetterKind) -> NoticeAddress | None:
    """Where a member wants letters of that kind, as long as what they lead to is there for the member."""
    kept = _chosen(tx, member.lookup_hash, kind)
    if kept is None or member.id not in {living.id for living, _ in tx.tenancies.memberships(member.lookup_hash)}:
        return None
    return kept


def _chosen(tx: Transaction, lookup_hash: bytes, kind: LetterKind) -> NoticeAddress | None:
    """The confirmed address of a person who wants letters of that kind."""
    kept = tx.addresses.of_person(lookup_hash)
    if kept is None or kept.confirmed_at is None:
        return None
    chosen = {
        LetterKind.DOWNLOADED: kept.downloaded,
        LetterKind.ENDING: kept.ending,
        LetterKind.APPROVAL: kept.approval,
        LetterKind.SIGNATURE: kept.signature,
    }
    return kept if chosen[kind] else None


def _is_still_so(
    world: World, tx: Transaction, kind: LetterKind, share: Share, member: Member, message: OutgoingMessage
) -> bool:
    if kind is LetterKind.APPROVAL:
        proposer = waits_for_approval(tx, share)
        return proposer is not None and not is_proposal_of(proposer, member.lookup_hash)
    if kind is LetterKind.ENDING:
        is_that_end = int(_soon(share).timestamp()) == message.details["ends"]
        return is_that_end and share.is_open_at(world.clock.now()) and not _has_all(tx, share)
    return share.erased_at is None


def _soon(share: Share) -> datetime:
    return standing(share.expires_at) - SOON


def _has_all(tx: Transaction, share: Share) -> bool:
    """Whether every recipient has downloaded every document, whoever did so for an organisation."""
    receipts: defaultdict[str, list[Receipt]] = defaultdict(list)
    for receipt in tx.shares.receipts([share.id]):
        receipts[receipt.recipient_id].append(receipt)
    documents = [document.id for document in tx.shares.documents([share.id])]
    recipients = tx.shares.recipients([share.id])
    return all(progress_of(receipts[one.id], documents) is Progress.DOWNLOADED for one in recipients)
