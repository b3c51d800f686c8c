"""Access control: decides at every request who may open a share, and what a refused person learns.

The order is fixed. So neither a response's content nor the time that Altinn takes reveals a share to a stranger:

0. A node whose clock is wrong refuses everybody. 1. The person's rights are fetched from Altinn, before any share is
looked up. 2. The share is looked up. Hashes find the person's recipients; only their grants prove that they are the
person's. 3. domain.shares.policy decides. A refusal for lack of rights needs rights of the last half minute, for
unknown ids too. 4. A refusal goes to the audit trail with its reason. The person gets NotFound, Unavailable if Altinn
did not answer, or RateLimited after many refusals, for unknown ids too.

Only a rightful recipient learns that a share is over or temporarily stopped. Only a person with some right for a named
organisation learns which right an open share requires.

An unknown id costs the same work as another share, and refusals are sent at steps of time
(web.http.limits.refusal_time).
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from deldokument.domain.errors import Frozen, Gone, NotFound, RightMissing, ServiceError, Unavailable, existing
from deldokument.domain.identifiers import Identifier, OrganizationNumber, PersonIdentifier
from deldokument.domain.shares.policy import Allowed, Claim, Decision, Denied, Reason, may_open
from deldokument.domain.shares.share import Recipient, Share, ShareState
from deldokument.ports.dependencies import Dependencies
from deldokument.ports.registers import MAX_DENIAL_AGE, MAX_RIGHTS_AGE, OrganizationGrant
from deldokument.services.downloads.refusals import SHOWN_TO_RECIPIENTS, record_refusal
from deldokument.services.encryption import (
    EncryptedColumn,
    existing_key,
    identifier_hashes,
    open_field,
    share_key_id,
)
from deldokument.services.shares.display.views import display_number
from deldokument.services.shares.recipients.access_requests import request_status
from deldokument.services.shares.rights.authorization import stop_error, stop_of
from deldokument.services.shares.rights.grants import RECIPIENT_KIND, ShareGrants, grants_with
from deldokument.store.engine.integrity import DamagedRow
from deldokument.store.transaction import Transaction

GRANT_LIFETIME = timedelta(minutes=15)
"""How long a running response may continue while Altinn cannot confirm the rights."""


@dataclass(frozen=True, slots=True)
class Access:
    """A person's right to the bytes of a share, as decided at ``decided_at``, with the recipients concerned."""

    person: PersonIdentifier
    share: Share
    recipient_ids: tuple[str, ...]
    codes: tuple[str, ...]
    decided_at: datetime


@dataclass(frozen=True, slots=True, repr=False)
class AuthorizedRead:
    """An access with the read transaction of its decision, and the rows that were read for it."""

    tx: Transaction
    access: Access
    grants: ShareGrants
    recipients: Sequence[Recipient]


@dataclass(frozen=True, slots=True, repr=False)
class _Decided:
    """A decision about a share at an instant, with its read transaction."""

    share: Share | None
    decision: Decision
    at: datetime
    tx: Transaction
    grants: ShareGrants | None
    recipients: Sequence[Recipient]


def authorize(deps: Dependencies, person: PersonIdentifier, share_id: str) -> Access:
    """Decide whether the person may open the share.

    Raises: NotFound, RightMissing, RateLimited or Unavailable; Gone or Frozen, with the contact to ask.
    """
    with authorized(deps, person, share_id) as read:
        return read.access


@contextmanager
def authorized(deps: Dependencies, person: PersonIdentifier, share_id: str) -> Iterator[AuthorizedRead]:
    """Decide as ``authorize``, and keep the transaction of the decision open. Raises: as ``authorize``."""
    check_clock(deps)
    with _deciding(deps, person, share_id) as decided:
        if isinstance(decided.decision, Allowed):
            ids, codes = zip(*decided.decision.grounds, strict=True)
            access = Access(person, existing(decided.share), tuple(ids), tuple(codes), decided.at)
            yield AuthorizedRead(decided.tx, access, existing(decided.grants), decided.recipients)
            return
    raise _refusal(deps, person, decided.share, decided.decision)


def identify(deps: Dependencies, person: PersonIdentifier, share_id: str) -> tuple[Share, frozenset[str]]:
    """Return the share, open or over, and the ids of the recipients on whose behalf the person acts.

    Raises: as ``authorize``, but not Gone.
    """
    check_clock(deps)
    share, decision = _decide(deps, person, share_id)
    if isinstance(decision, Denied) and not decision.grounds:
        raise _refusal(deps, person, share, decision)
    return existing(share), frozenset(recipient_id for recipient_id, _ in decision.grounds)


def still_authorized(deps: Dependencies, access: Access) -> bool:
    """Return whether a running response may continue. Called every few seconds; only a refusal is recorded."""
    if _is_untrusted(deps):
        return False
    try:
        share, decision = _decide(deps, access.person, access.share.id)
    except Unavailable:
        return _is_granted_still(deps, access)
    if isinstance(decision, Allowed):
        return True
    if decision.reason is Reason.RIGHTS_UNKNOWN and _is_granted_still(deps, access):
        return True
    _refusal(deps, access.person, share, decision)
    return False


def _is_granted_still(deps: Dependencies, access: Access) -> bool:
    """Return whether an earlier decision still holds while the rights cannot be fetched.

    It holds for GRANT_LIFETIME, if the share is neither over nor stopped. The share must still name a recipient for
    which the earlier right is sufficient now.
    """
    with deps.database.read() as tx:
        share = existing(tx.shares.get(access.share.id))
        stop = stop_of(tx, share)
        present = {recipient.id for recipient in tx.shares.recipients([share.id])}
    now, rule = deps.clock.now(), deps.config.access
    grounds = zip(access.recipient_ids, access.codes, strict=True)
    is_named = any(one in present and rule.accepts(code, confidential=share.confidential) for one, code in grounds)
    return is_named and stop is None and share.is_open_at(now) and now - access.decided_at < GRANT_LIFETIME


def check_clock(deps: Dependencies) -> None:
    if _is_untrusted(deps):
        raise Unavailable("clock_untrusted")


def _is_untrusted(deps: Dependencies) -> bool:
    return deps.clock.skew() > deps.config.max_skew


def _decide(deps: Dependencies, person: PersonIdentifier, share_id: str) -> tuple[Share | None, Decision]:
    """Return the share and the decision about it; see ``_deciding``."""
    with _deciding(deps, person, share_id) as decided:
        return decided.share, decided.decision


@contextmanager
def _deciding(deps: Dependencies, person: PersonIdentifier, share_id: str) -> Iterator[_Decided]:
    """Yield a decision in its read transaction, which stays open.

    A refusal for lack of rights is decided again with rights younger than MAX_DENIAL_AGE.
    """
    with _deciding_with(deps, person, share_id, MAX_RIGHTS_AGE) as decided:
        denied = decided.decision
        if not isinstance(denied, Denied) or denied.reason in SHOWN_TO_RECIPIENTS | {Reason.RIGHTS_UNKNOWN}:
            yield decided
            return
    with _deciding_with(deps, person, share_id, MAX_DENIAL_AGE) as decided:
        yield decided


@contextmanager
def _deciding_with(
    deps: Dependencies, person: PersonIdentifier, share_id: str, oldest: timedelta
) -> Iterator[_Decided]:
    """Yield a decision as ``_deciding``, with rights younger than ``oldest``, fetched first."""
    grants = grants_of(deps, person, oldest)
    now = deps.clock.now()
    with deps.database.read() as tx:
        share = tx.share_lookup.share_at_or_after(share_id)
        keys = deps.keyring.get([share.audit_key_id, share_key_id(share.id)]) if share else {}
        proof = grants_with(share, keys) if share else None
        recipients = tx.shares.recipients([proof.share.id]) if proof else ()
        keys = {proof.share.audit_key_id: proof.audit_key} if proof else {}
        hashes = next(iter(identifier_hashes(keys, identifiers_of(person, grants)).values()), {})
        claim = claim_of(deps, proof, hashes, recipients, person, grants)
        decision = may_open(share, claim, now, stop=stop_of(tx, share) if share else None)
        if share is None or share.id != share_id:
            # The code above has read another share, so that an unknown id takes as long as a share of others.
            share, decision = None, may_open(None, Claim(rights_known=grants is not None), now, stop=None)
        yield _Decided(share, decision, now, tx, proof, recipients)


def grants_of(deps: Dependencies, person: PersonIdentifier, oldest: timedelta) -> tuple[OrganizationGrant, ...] | None:
    try:
        return deps.rights.grants(person, oldest)
    except Unavailable:
        return None


def identifiers_of(person: PersonIdentifier, grants: Sequence[OrganizationGrant] | None) -> list[Identifier]:
    """Return the identifiers of the person and of the organisations that the person may represent."""
    return [person, *(OrganizationNumber(grant.organization_number) for grant in grants or ())]


def claim_of(
    deps: Dependencies,
    proof: ShareGrants | None,
    hashes: Mapping[Identifier, bytes],
    recipients: Sequence[Recipient],
    person: PersonIdentifier,
    grants: Sequence[OrganizationGrant] | None,
) -> Claim:
    """Return the person's relation to a share's recipients: a hash finds a recipient, its grant proves it.

    If a hash of an intact share finds a recipient without a matching grant, its row is reported as damaged. ``proof``
    is None if the share's audit key is gone. Then the person matches no recipient.
    """
    known, rule = grants is not None, deps.config.access
    if proof is None:
        return Claim(rights_known=known, rule=rule)
    by_hash = {recipient.lookup_hash: recipient for recipient in recipients}

    def find_named(identifier: Identifier) -> Recipient | None:
        found = by_hash.get(hashes[identifier])
        if found is None or proof.holder(found) == identifier:
            return found
        if proof.share.intact:
            deps.damage.report(DamagedRow(RECIPIENT_KIND, found.id))
        return None

    own = find_named(person)
    represented: list[tuple[Recipient, frozenset[str]]] = []
    for grant in grants or ():
        recipient = find_named(OrganizationNumber(grant.organization_number))
        if recipient is not None:
            represented.append((recipient, grant.codes))
    return Claim((own,) if own else (), tuple(represented), known, rule)


def _refusal(deps: Dependencies, person: PersonIdentifier, share: Share | None, denied: Denied) -> ServiceError:
    """Record a refusal with its reason; return the error for the person."""
    reason = denied.reason
    if reason is Reason.DAMAGED:
        # Treated like an unknown share: tenant and audit key of a damaged one cannot be trusted.
        share = None
    with deps.database.write() as tx:
        limited = record_refusal(deps, tx, person, share, reason)
        if reason is Reason.OVER:
            return over_error(deps, tx, existing(share), dict(denied.grounds))
        if reason in SHOWN_TO_RECIPIENTS:
            return gone_error(tx, existing(share), reason)
        if limited:
            return limited
        if denied.lacking:
            return missing_right_error(deps, tx, existing(share), dict(denied.lacking))
    return Unavailable("rights_unknown") if reason is Reason.RIGHTS_UNKNOWN else NotFound(reason.value)


def over_error(deps: Dependencies, tx: Transaction, share: Share, recipient_ids: Collection[str]) -> ServiceError:
    """Return the error for these recipients of a share that is over, with the state of their request for a new one."""
    own = [one for one in tx.shares.recipients([share.id]) if one.id in recipient_ids]
    status = request_status(tx, existing_key(deps.keyring, share.audit_key_id), share, own, deps.clock.now())
    asked_at = status.at.isoformat() if status.at else ""
    error = gone_error(tx, share, Reason.OVER)
    error.params.update(share=share.id, request=status.state, asked_at=asked_at, refusal=status.reason)
    return error


def missing_right_error(deps: Dependencies, tx: Transaction, share: Share, lacking: Mapping[str, str]) -> RightMissing:
    """Return an error that names the person's organisation and the missing right, and nothing else about the share."""
    key = existing_key(deps.keyring, share.audit_key_id)
    names = [
        open_field(key, recipient.sealed_name, EncryptedColumn.RECIPIENT_NAME, recipient.id)
        or display_number(key, recipient)
        for recipient in tx.shares.recipients([share.id])
        if recipient.id in lacking
    ]
    return RightMissing("right_missing", organizations=", ".join(names), right=min(lacking.values()))


def gone_error(tx: Transaction, share: Share, reason: Reason) -> Gone | Frozen | Unavailable:
    """Return the error for a rightful recipient: the share is over or stopped, and whom to contact."""
    if reason is Reason.BEHIND:
        return stop_error(reason)
    account, tenant = existing(tx.accounts.get(share.account_id)), existing(tx.tenants.get(share.tenant_id))
    contact = account.contact(tenant)
    ask = {
        "tenant": tenant.name,
        "account": account.name,
        "telephone": contact.telephone,
        "email": contact.email,
        "hours": contact.hours,
    }
    if reason is not Reason.OVER:
        return Frozen("share_stopped", **ask)
    withdrawn = share.state is ShareState.WITHDRAWN
    at = existing(share.closed_at if withdrawn else share.expires_at).isoformat()
    return Gone("share_withdrawn" if withdrawn else "share_ended", at=at, **ask)
