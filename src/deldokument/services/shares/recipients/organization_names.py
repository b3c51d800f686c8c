"""Names of organisations among the recipients, from Enhetsregisteret; none while the register is unavailable.

Guarantees:
- An organisation that is unknown, deleted or bankrupt in the register is refused.
- If the register was unavailable, a share is published only after the sharer has confirmed the organisation's number.
- The register is asked again before publication; about all organisations if the draft is more than a day old.
- While the register is unavailable, organisations are neither refused nor named.
- A request spends at most some seconds on the register, even for many organisations (see ``OrganizationLookup``).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from deldokument.domain.errors import InvalidInput, Unavailable
from deldokument.domain.identifiers import Identifier, OrganizationNumber, Sharer
from deldokument.domain.shares.share import Recipient, Share, ShareState
from deldokument.ports.dependencies import Dependencies
from deldokument.services.encryption import EncryptedColumn, existing_key, open_field, seal_field
from deldokument.services.shares.rights.authorization import first_look, share_for_reading
from deldokument.services.shares.rights.grants import share_grants
from deldokument.services.shares.rights.limits import check_lookup_rate
from deldokument.store.transaction import Transaction

FRESH = timedelta(days=1)
"""Age of a draft from which the register is asked again about organisations with a name."""
_PATIENCE = timedelta(seconds=10)
Answers = Mapping[str, str | InvalidInput]
"""The register's name, or the reason of a refusal, by recipient id. Recipients without an answer are left out, and so
are those that have a name and keep it."""


@dataclass(frozen=True, slots=True)
class OrganizationLookup:
    """The lookups of one request. After some seconds, the remaining lookups count as unavailable."""

    deps: Dependencies
    began_at: datetime

    def registered_name(self, identifier: Identifier) -> str:
        """Return the name of an organisation that may be a recipient.

        Empty for a person, and if the register is unavailable. Raises: InvalidInput for a refused organisation.
        """
        if not isinstance(identifier, OrganizationNumber) or self.deps.clock.now() - self.began_at > _PATIENCE:
            return ""
        try:
            organization = self.deps.register.find(identifier)
        except Unavailable:
            return ""
        if organization is None:
            raise InvalidInput("recipients", "organization_unknown", number=identifier.grouped)
        if organization.status in {"deleted", "bankrupt"}:
            raise InvalidInput("recipients", f"organization_{organization.status}", name=organization.name)
        return organization.name


def begin_lookup(deps: Dependencies) -> OrganizationLookup:
    """Start the lookups of a request, and their time limit."""
    return OrganizationLookup(deps, deps.clock.now())


def is_unnamed(key: bytes, recipient: Recipient) -> bool:
    """Return whether it is an organisation without a name; ``key`` is the share's audit key."""
    return recipient.kind == "organization" and not open_field(
        key, recipient.sealed_name, EncryptedColumn.RECIPIENT_NAME, recipient.id
    )


def needs_confirmation(key: bytes, recipient: Recipient) -> bool:
    """Return whether a sharer must confirm the number: a person's, or that of an organisation without a name."""
    return recipient.kind == "person" or is_unnamed(key, recipient)


def refresh_names(deps: Dependencies, sharer: Sharer, share_id: str) -> Answers:
    """Look up the draft's organisations without a name; all of them if the draft is old.

    Not for use in a transaction: it may be slow. Raises: NotFound or RateLimited.
    """
    inquiry = begin_lookup(deps)
    with deps.database.read() as tx:
        if first_look(deps, tx, sharer, share_id) is not ShareState.DRAFT:
            return {}
        organizations = [r for r in tx.shares.recipients([share_id]) if r.kind == "organization"]
        if not organizations:
            return {}
        share = share_for_reading(deps, tx, sharer, share_id)
    key, is_old = existing_key(deps.keyring, share.audit_key_id), inquiry.began_at - share.created_at > FRESH
    asked = {r: is_unnamed(key, r) for r in organizations if is_old or is_unnamed(key, r)}
    check_lookup_rate(deps, sharer, len(asked))
    answers: dict[str, str | InvalidInput] = {}
    for recipient, unnamed in asked.items():
        number = open_field(key, recipient.sealed_identifier, EncryptedColumn.RECIPIENT_NUMBER, recipient.id)
        answer = _answer(inquiry, OrganizationNumber(number))
        if isinstance(answer, InvalidInput) or (answer and unnamed):
            answers[recipient.id] = answer
    return answers


def _answer(inquiry: OrganizationLookup, number: OrganizationNumber) -> str | InvalidInput:
    try:
        return inquiry.registered_name(number)
    except InvalidInput as refusal:
        return refusal


def take_answers(deps: Dependencies, tx: Transaction, share: Share, answers: Answers) -> list[InvalidInput]:
    """Store the looked-up names of recipients, which then need no confirmation; return the refusals."""
    if not answers:
        return []
    grants, refusals = share_grants(deps, share), []
    for recipient in tx.shares.recipients([share.id]):
        answer = answers.get(recipient.id)
        if isinstance(answer, InvalidInput):
            refusals.append(answer)
        elif answer:
            sealed = seal_field(grants.audit_key, answer, EncryptedColumn.RECIPIENT_NAME, recipient.id)
            named = replace(recipient, sealed_name=sealed, confirmed=True)
            tx.shares.save_recipient(grants.renew(recipient, named))
    return refusals
