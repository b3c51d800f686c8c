"""New recipients of a draft: checked, named, and put after those that are there.

Promises that the same recipient is there once however often it was given, that a share has no more recipients than it
may have, and that a list which is taken wholly or not at all names each entry that stands in the way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from deldokument.domain.errors import InvalidFields, InvalidInput
from deldokument.domain.identifiers import Identifier, PersonIdentifier, parse_identifier
from deldokument.domain.share import LABEL_LENGTH, MAX_RECIPIENTS, Recipient, Share, check_text, new_id
from deldokument.ports.dependencies import Dependencies
from deldokument.ports.repositories.transaction import Transaction
from deldokument.services.encryption import EncryptedColumn, existing_key, identifier_hash, identifier_kind, seal_field
from deldokument.services.shares.organization_names import OrganizationLookup, begin_lookup


@dataclass(frozen=True, slots=True, repr=False)
class RecipientInput:
    """A recipient as a system gives it. ``confirmed``: the number is from its own register.

    That goes without saying for a person, and is asked of an organisation only while Enhetsregisteret does not answer.
    """

    number: str
    label: str = ""
    confirmed: bool | None = None


@dataclass(frozen=True, slots=True)
class NewRecipient:
    """What is known of a recipient that is to be added; ``name`` is an organisation's."""

    name: str = ""
    label: str = ""
    confirmed: bool = False


def check_recipients(deps: Dependencies, inputs: Sequence[RecipientInput]) -> dict[Identifier, NewRecipient]:
    """The recipients, organisations named by the register. Outside any transaction: it may be slow.

    Raises InvalidInput, before any register is asked, for more than a share has room for, and InvalidFields with all
    that is wrong, each named ``recipients[i].number`` or ``recipients[i].label``.
    """
    check_recipient_count(len(inputs))
    inquiry = begin_lookup(deps)
    checked: dict[Identifier, NewRecipient] = {}
    errors: list[InvalidInput] = []
    for index, given in enumerate(inputs):
        try:
            identifier, recipient = _check(inquiry, given, f"recipients[{index}]")
            checked.setdefault(identifier, recipient)
        except InvalidInput as error:
            errors.append(error)
    if errors:
        raise InvalidFields(errors)
    return checked


def _check(inquiry: OrganizationLookup, given: RecipientInput, field: str) -> tuple[Identifier, NewRecipient]:
    label = check_text(given.label, LABEL_LENGTH, field=f"{field}.label")
    try:
        identifier = parse_identifier(given.number, allow_synthetic=inquiry.deps.rules.allow_synthetic)
        name = inquiry.registered_name(identifier)
    except InvalidInput as error:
        raise error.at(f"{field}.number") from None
    said = isinstance(identifier, PersonIdentifier) if given.confirmed is None else given.confirmed
    return identifier, NewRecipient(name, label, said or bool(name))


def check_recipient_count(recipients: int) -> None:
    """Raise InvalidInput when a share has no room for so many."""
    if recipients > MAX_RECIPIENTS:
        raise InvalidInput("recipients", "too_many_recipients", longest=MAX_RECIPIENTS)


def insert_recipients(
    deps: Dependencies, tx: Transaction, share: Share, accepted: Mapping[Identifier, NewRecipient]
) -> None:
    """Add those that are not there; those that are stay as they were. Raises InvalidInput when there is no room."""
    key = existing_key(deps.keyring, share.audit_key_id)
    present = tx.shares.recipients([share.id])
    known = {recipient.lookup_hash for recipient in present}
    fresh = {i: new for i, new in accepted.items() if identifier_hash(key, i) not in known}
    check_recipient_count(len(present) + len(fresh))
    last = max((recipient.position for recipient in present), default=0)
    for position, (identifier, new) in enumerate(fresh.items(), last + 1):
        recipient_id = new_id()
        tx.shares.add_recipient(
            Recipient(
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
        )
