"""Access decisions: pure functions that return a decision and its reason.

Guarantees:
- Deny by default: each function grants for named reasons and refuses everything else.
- The person, Altinn's answer and the time are arguments; nothing is fetched here.

The reason is for the audit trail. A person without a right to the share does not see it.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from deldokument.domain.shares.share import Recipient, Share, ShareState
from deldokument.domain.tenants.tenancy import Account, Member, Tenant

POST_ARKIV = "a0236"
CONFIDENTIAL_MAIL = "post-til-virksomheten-med-taushetsbelagt-innhold"
ORDINARY_MAIL = "ordinaer-post-til-virksomheten"


class Reason(StrEnum):
    """Reason of a refusal."""

    UNKNOWN_SHARE = "unknown_share"
    NOT_NAMED = "not_named"
    INSUFFICIENT_RIGHTS = "insufficient_rights"
    RIGHTS_UNKNOWN = "rights_unknown"
    NOT_PUBLISHED = "not_published"
    OVER = "over"
    NOT_MEMBER = "not_member"
    NOT_SHARER = "not_sharer"
    FROZEN = "frozen"
    DELETED = "deleted"
    CLOSED = "closed"
    DAMAGED = "damaged"
    BEHIND = "behind"


@dataclass(frozen=True, slots=True)
class Allowed:
    """Access granted for these recipients of the share.

    Each recipient comes with the code that gave the right («named» for a person).
    """

    grounds: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Denied:
    """Access refused for this reason.

    ``lacking``: recipients of an open share for which the person has some right, each with the missing code.
    ``grounds``: as in ``Allowed``, if only the share's end prevents access.
    """

    reason: Reason
    lacking: tuple[tuple[str, str], ...] = ()
    grounds: tuple[tuple[str, str], ...] = ()


Decision = Allowed | Denied


NAMED = "named"
"""The ground of a person who is a recipient."""


@dataclass(frozen=True, slots=True)
class AccessRule:
    """Altinn roles and access packages that open shares to an organisation (case-folded, without URN prefix)."""

    confidential: frozenset[str] = frozenset({POST_ARKIV, CONFIDENTIAL_MAIL})
    ordinary: frozenset[str] = frozenset({POST_ARKIV, CONFIDENTIAL_MAIL, ORDINARY_MAIL})

    def sufficient(self, codes: Collection[str], *, confidential: bool) -> str | None:
        """Return the first sufficient code of ``codes``, in alphabetical order, or None."""
        return min(self._rights_for(confidential=confidential).intersection(codes), default=None)

    def choose_right(self, *, confidential: bool) -> str | None:
        """Return the right to ask for: the weakest that suffices.

        Prefers an access package to a role, because nobody can delegate a role.
        """
        accepted = self._rights_for(confidential=confidential)
        least = accepted - self.confidential or accepted
        return next((code for code in (ORDINARY_MAIL, CONFIDENTIAL_MAIL) if code in least), min(least, default=None))

    def accepts(self, code: str, *, confidential: bool) -> bool:
        """Return whether a ground from ``Claim.grounds`` is sufficient: being named, or a code."""
        return code == NAMED or code in self._rights_for(confidential=confidential)

    def _rights_for(self, *, confidential: bool) -> frozenset[str]:
        return self.confidential if confidential else self.ordinary


@dataclass(frozen=True, slots=True)
class Claim:
    """Relation of a person to the recipients of one share.

    ``named``: the recipients that are that person. ``represented``: recipient organisations for which the person has
    some right according to Altinn, with the codes. ``rights_known`` is False if Altinn did not answer.
    """

    named: tuple[Recipient, ...] = ()
    represented: tuple[tuple[Recipient, frozenset[str]], ...] = ()
    rights_known: bool = True
    rule: AccessRule = field(default_factory=AccessRule)

    def grounds(self, *, confidential: bool) -> tuple[tuple[str, str], ...]:
        """Return recipient ids with the code that gives the right to act for them."""
        own = [(recipient.id, NAMED) for recipient in self.named]
        for recipient, codes in self.represented:
            code = self.rule.sufficient(codes, confidential=confidential)
            if code is not None:
                own.append((recipient.id, code))
        return tuple(own)

    def lacking(self, *, confidential: bool) -> tuple[tuple[str, str], ...]:
        """Return ids of recipients for which the person's rights do not suffice, with the required code."""
        code = self.rule.choose_right(confidential=confidential)
        return tuple((recipient.id, code) for recipient, _ in self.represented) if code else ()


def hold_reason(tenant: Tenant | None, account: Account | None, share: Share | None = None) -> Reason | None:
    """Return why nothing may be opened or shared here at present, or None.

    Reasons: a damaged row, missing events, an ended tenant, a freeze by the operator, or a deleted account.
    """
    if tenant is None or account is None or not (tenant.intact and account.intact and (share is None or share.intact)):
        # A damaged share can refer to missing rows, so it is unknown whether those were stopped.
        return Reason.DAMAGED
    if tenant.behind:
        return Reason.BEHIND
    if tenant.ended_at is not None:
        return Reason.OVER
    if tenant.frozen_at is not None or account.frozen_at is not None or (share and share.frozen_at is not None):
        return Reason.FROZEN
    return Reason.DELETED if account.deleted_at is not None else None


def may_open(share: Share | None, claim: Claim, now: datetime, *, stop: Reason | None) -> Decision:
    """Decide whether the person may see the share and download its documents at ``now``.

    ``stop`` is the result of ``hold_reason``.

    Guarantees:
    - Only a person with a right to the share learns that it is over or stopped.
    - A share that is over is reported as over, even if it is also stopped.
    - The missing right is named only for an open share, and only to a person with another right for a recipient.
    - A damaged share looks to everybody as if it did not exist.
    """
    if share is None:
        return _stranger(claim, Reason.UNKNOWN_SHARE)
    if share.published_at is None or share.erased_at is not None:
        return _stranger(claim, Reason.NOT_PUBLISHED)
    if stop is Reason.DAMAGED:
        return _stranger(claim, Reason.DAMAGED)
    grounds = claim.grounds(confidential=share.confidential)
    if not grounds:
        reason = Reason.INSUFFICIENT_RIGHTS if claim.represented else Reason.NOT_NAMED
        is_open = share.is_open_at(now) and stop is None
        return _stranger(claim, reason, claim.lacking(confidential=share.confidential) if is_open else ())
    if not share.is_open_at(now) or stop is Reason.OVER:
        return Denied(Reason.OVER, grounds=grounds)
    return Denied(stop) if stop else Allowed(grounds)


def may_read_back(share: Share | None, integration_id: str | None, now: datetime, *, stop: Reason | None) -> Decision:
    """Decide whether a system may download the documents that it shared itself.

    ``integration_id`` is the system's living integration in the share's account; None if it has none. ``stop`` is the
    result of ``hold_reason``. To every other system the share looks as if it did not exist, and so does a damaged share
    to all.
    """
    if share is None:
        return Denied(Reason.UNKNOWN_SHARE)
    if stop is Reason.DAMAGED:
        return Denied(stop)
    if integration_id is None or not integration_id == share.exposed_to == share.integration_id:
        return Denied(Reason.NOT_NAMED)
    if share.published_at is None or share.erased_at is not None:
        return Denied(Reason.NOT_PUBLISHED)
    if not share.is_open_at(now):
        return Denied(Reason.OVER)
    return Denied(stop) if stop else Allowed()


def may_manage(share: Share | None, account_ids: Collection[str]) -> Decision:
    """Decide whether a member of the accounts may see and change the share as its sharer."""
    if share is None:
        return Denied(Reason.UNKNOWN_SHARE)
    if not share.intact:
        return Denied(Reason.DAMAGED)
    if share.account_id not in account_ids or share.erased_at is not None:
        return Denied(Reason.NOT_MEMBER)
    return Allowed()


def may_copy(
    share: Share | None, account_ids: Collection[str], sharer_id: str, now: datetime, *, stop: Reason | None
) -> Decision:
    """Decide whether a member of the accounts may copy the share's documents to a new share at ``now``.

    ``sharer_id`` is the id of the member or integration. Only the sharer may, because a copy gives others access, and
    only as long as recipients can open the share. ``stop`` is the result of ``hold_reason``.
    """
    decision = may_manage(share, account_ids)
    if share is None or isinstance(decision, Denied):
        return decision
    if sharer_id != share.sharer_id:
        return Denied(Reason.NOT_SHARER)
    if not share.is_open_at(now):
        return Denied(Reason.OVER if share.published_at else Reason.NOT_PUBLISHED)
    return Denied(stop) if stop else Allowed()


@dataclass(frozen=True, slots=True)
class Approvers:
    """The members who may approve a pending change, apart from its proposer.

    Every member; or ``only`` this one; or the members from ``before`` an instant.
    """

    only: str | None = None
    before: datetime | None = None

    def include(self, member_id: str, acts_from: datetime) -> bool:
        """Return whether it includes the member with that id, who can share since ``acts_from``."""
        if self.only is not None:
            return member_id == self.only
        return self.before is None or acts_from < self.before


EVERYBODY = Approvers()


def approvers_of(share: Share, publisher: Member | None, *, proposer_id: str, lets_in: bool) -> Approvers:
    """Decide who may approve a change of a published share: its sharer decides who gets access.

    ``publisher``: as for ``sharer_decides``. ``lets_in``: the change gives access to persons or adds documents. If that
    member does not decide, a member from before the publication must approve. Otherwise an administrator could add a
    member who approves.
    """
    if not lets_in or proposer_id == share.sharer_id:
        return EVERYBODY
    return Approvers(only=share.sharer_id) if sharer_decides(share, publisher) else Approvers(before=share.published_at)


def sharer_decides(share: Share, publisher: Member | None) -> bool:
    """Decide whether the sharer alone decides who gets access. True for a member who has not left and is not absent.

    ``publisher``: the member who shared it; None for a system, and if the row is damaged. A damaged row gives nobody
    else the decision.
    """
    return share.member_id is not None and (publisher is None or publisher.is_present)


def may_fill_in(draft: Share, sharer_id: str) -> Decision:
    """Decide whether the member or integration may change, propose, publish or hand over the draft.

    Only its author may: others could share its documents with other recipients.
    """
    return Allowed() if sharer_id == draft.sharer_id else Denied(Reason.NOT_SHARER)


def may_take_over(member: Member, draft: Share, now: datetime) -> Decision:
    """Decide whether the draft can be handed over to the member: not its author, and able to share now."""
    is_there = member.account_id == draft.account_id and member.is_present and member.acts_at(now)
    return Allowed() if is_there and member.id != draft.member_id else Denied(Reason.NOT_MEMBER)


def may_share(tenant: Tenant, account: Account, share: Share | None = None) -> Decision:
    """Decide whether members may begin, fill in or publish drafts in the account, or this draft only."""
    stop = hold_reason(tenant, account, share)
    if stop is not None:
        return Denied(stop)
    return Denied(Reason.CLOSED) if account.closed_at is not None else Allowed()


def may_upload(
    share: Share | None,
    accounts_of_member: Collection[str],
    now: datetime,
    *,
    stop: Reason | None,
    is_pending: bool,
) -> Decision:
    """Decide whether a member may still add bytes to the share's documents.

    A draft of one of the member's accounts accepts bytes. An open share does only for a pending document.
    """
    if share is None:
        return Denied(Reason.UNKNOWN_SHARE)
    if stop is Reason.DAMAGED:
        return Denied(stop)
    if share.account_id not in accounts_of_member:
        return Denied(Reason.NOT_MEMBER)
    if share.state is not ShareState.DRAFT and not (is_pending and share.is_open_at(now)):
        return Denied(Reason.OVER)
    return Denied(stop) if stop else Allowed()


def _stranger(claim: Claim, reason: Reason, lacking: tuple[tuple[str, str], ...] = ()) -> Denied:
    """Refuse a person without grounds.

    While Altinn is unreachable, the answer for every share is the same, unless the person is named.
    """
    return Denied(reason, lacking) if claim.rights_known else Denied(Reason.RIGHTS_UNKNOWN)
