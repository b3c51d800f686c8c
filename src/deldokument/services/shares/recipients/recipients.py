"""New recipients of a draft: checked, named, and added after the present ones.

Guarantees:
- A recipient is added once, even if given several times.
- A share has at most MAX_RECIPIENTS recipients.
- In a draft that was undone or returned, numbers confirmed only by the author are unconfirmed again.
- ``check_recipients`` accepts a list as a whole or not at all, and reports every invalid entry.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from deldokument.domain.errors import Faults, InvalidInput
from deldokument.domain.identifiers import Identifier, PersonIdentifier, parse_identifier
from deldokument.domain.shares.share import MAX_RECIPIENTS, Recipient, Share, new_id
from deldokument.domain.shares.typed_texts import LABEL_LENGTH, check_text
from deldokument.ports.dependencies import Dependencies
from deldokument.services.encryption import EncryptedColumn, identifier_hash, identifier_kind, seal_field
from deldokument.services.shares.recipients.organization_names import (
    OrganizationLookup,
    begin_lookup,
    needs_confirmation,
)
from deldokument.services.shares.rights.grants import share_grants
from deldokument.store.transaction import Transaction


@dataclass(frozen=True, slots=True, repr=False)
class RecipientInput:
    """A recipient in a system's request. ``confirmed``: the number is from the system's own register.

    By default it is true for a person and false for an organisation. For an organisation it matters only while
    Enhetsregisteret is unavailable.
    """

    number: str
    label: str = ""
    confirmed: bool | None = None


@dataclass(frozen=True, slots=True)
class CheckedRecipient:
    """A recipient to be added; ``name`` is an organisation's."""

    name: str = ""
    label: str = ""
    confirmed: bool = False


def check_recipients(deps: Dependencies, inputs: Sequence[RecipientInput]) -> dict[Identifier, CheckedRecipient]:
    """Return the checked recipients, with the registered names of organisations.

    Not for use in a transaction: it may be slow.

    Raises:
    - InvalidInput for too many recipients, before the register is asked
    - InvalidFields with every error, each named ``recipients[i].number`` or ``recipients[i].label``
    """
    check_recipient_count(len(inputs))
    inquiry = begin_lookup(deps)
    checked: dict[Identifier, CheckedRecipient] = {}
    faults = Faults()
    for index, given in enumerate(inputs):
        if found := faults.unless(partial(_check, inquiry, given, f"recipients[{index}]"), None):
            checked.setdefault(*found)
    faults.raise_any()
    return checked


def _check(inquiry: OrganizationLookup, given: RecipientInput, field: str) -> tuple[Identifier, CheckedRecipient]:
    label = check_text(given.label, LABEL_LENGTH, field=f"{field}.label")
    try:
        identifier = parse_identifier(given.number, allow_synthetic=inquiry.deps.config.allow_synthetic)
        name = inquiry.registered_name(identifier)
    except InvalidInput as error:
        raise error.at(f"{field}.number") from None
    said = isinstance(identifier, PersonIdentifier) if given.confirmed is None else given.confirmed
    return identifier, CheckedRecipient(name, label, said or bool(name))


def check_recipient_count(recipients: int) -> None:
    """Raise InvalidInput if a share may not have that many recipients."""
    if recipients > MAX_RECIPIENTS:
        raise InvalidInput("recipients", "too_many_recipients", longest=MAX_RECIPIENTS)


def insert_recipients(
    deps: Dependencies, tx: Transaction, share: Share, accepted: Mapping[Identifier, CheckedRecipient]
) -> None:
    """Add the new recipients; present ones stay unchanged. Raises: InvalidInput if there are too many."""
    grants = share_grants(deps, share)
    key = grants.audit_key
    present = tx.shares.recipients([share.id])
    known = {recipient.lookup_hash for recipient in present}
    fresh = {i: new for i, new in accepted.items() if identifier_hash(key, i) not in known}
    check_recipient_count(len(present) + len(fresh))
    last = max((recipient.position for recipient in present), default=0)
    for position, (identifier, new) in enumerate(fresh.items(), last + 1):
        recipient_id = new_id()
        recipient = Recipient(
            id=recipient_id,
            share_id=share.id,
            kind=identifier_kind(identifier),
            lookup_hash=identifier_hash(key, identifier),
            sealed_identifier=seal_field(key, identifier.value, EncryptedColumn.RECIPIENT_NUMBER, recipient_id),
            sealed_name=seal_field(key, new.name, EncryptedColumn.RECIPIENT_NAME, recipient_id),
            sealed_label=seal_field(key, new.label, EncryptedColumn.RECIPIENT_LABEL, recipient_id),
            confirmed=new.confirmed,
            position=position,
        )
        tx.shares.add_recipient(grants.sealed(recipient, identifier))


def unconfirm_numbers(deps: Dependencies, tx: Transaction, share: Share) -> None:
    """Require that the author of a draft that was undone or returned confirms the numbers again, and sees them in full.

    Does nothing to a system's share, whose numbers no person has typed.
    """
    if share.member_id is None:
        return
    grants = share_grants(deps, share)
    for recipient in tx.shares.recipients([share.id]):
        if recipient.confirmed and needs_confirmation(grants.audit_key, recipient):
            tx.shares.save_recipient(grants.renew(recipient, replace(recipient, confirmed=False)))
