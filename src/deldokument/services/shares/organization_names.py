"""Organisations among the recipients: named by Enhetsregisteret, or without a name while it does not answer.

Promises that an organisation that the register does not know, or has as deleted or bankrupt, is refused; that one which
the register could not be asked about is published only on the sharer's own word that its number was checked; and that
the register is asked once more before that, about all of them when the draft is more than a day old. Its silence never
refuses, and never names; nor is it waited for longer than seconds, however many there are to ask about (see `Inquiry`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from deldokument.domain.errors import InvalidInput, Unavailable
from deldokument.domain.identifiers import Identifier, OrganizationNumber, Sharer
from deldokument.domain.share import Recipient, Share, ShareState
from deldokument.ports.dependencies import Dependencies
from deldokument.ports.repositories.transaction import Transaction
from deldokument.services.encryption import EncryptedColumn, existing_key, open_field, seal_field
from deldokument.services.shares.authorization import share_for_reading

FRESH = timedelta(days=1)
"""How long what the register said of an organisation is good for in a draft."""
_PATIENCE = timedelta(seconds=10)
Answers = Mapping[str, str | InvalidInput]
"""Of recipients by id, the name that the register gave, or why it is refused. The unanswered are not there, nor those
that have their name and keep it."""


@dataclass(frozen=True, slots=True)
class OrganizationLookup:
    """All that one request asks the register; what it has not come to within seconds is as if that were silent."""

    deps: Dependencies
    began_at: datetime

    def registered_name(self, identifier: Identifier) -> str:
        """The name of an organisation that may receive; empty for a person, and while the register is silent.

        Raises InvalidInput.
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
    """One whose seconds begin now."""
    return OrganizationLookup(deps, deps.clock.now())


def is_unnamed(key: bytes, recipient: Recipient) -> bool:
    """Whether it is an organisation that the register has yet to name; ``key`` is the share's audit key."""
    return recipient.kind == "organization" and not open_field(
        key, recipient.sealed_name, EncryptedColumn.RECIPIENT_NAME, recipient.id
    )


def refresh_names(deps: Dependencies, sharer: Sharer, share_id: str) -> Answers:
    """What the register says now of the draft's organisations without a name, and of the others when the draft is old.

    Outside any transaction: it may be slow. Raises NotFound.
    """
    inquiry = begin_lookup(deps)
    with deps.database.read() as tx:
        share = share_for_reading(deps, tx, sharer, share_id)
        if share.state is not ShareState.DRAFT:
            return {}
        key, is_old = existing_key(deps.keyring, share.audit_key_id), inquiry.began_at - share.created_at > FRESH
        organizations = [r for r in tx.shares.recipients([share.id]) if r.kind == "organization"]
    answers: dict[str, str | InvalidInput] = {}
    for recipient in organizations:
        unnamed = is_unnamed(key, recipient)
        if not (unnamed or is_old):
            continue
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
    """Name the recipients that the register answered for, which needs no confirmation any more; returns refusals."""
    key, refusals = existing_key(deps.keyring, share.audit_key_id), []
    for recipient in tx.shares.recipients([share.id]):
        answer = answers.get(recipient.id)
        if isinstance(answer, InvalidInput):
            refusals.append(answer)
        elif answer:
            sealed = seal_field(key, answer, EncryptedColumn.RECIPIENT_NAME, recipient.id)
            tx.shares.save_recipient(replace(recipient, sealed_name=sealed, confirmed=True))
    return refusals
