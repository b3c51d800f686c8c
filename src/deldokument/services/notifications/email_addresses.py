"""«Varsler til meg»: the e-mail addresses and notice choices of members and administrators.

    enter_address ──a code is mailed to it──> confirm_address ──> in use
    (an address confirmed before is used until another is confirmed)

Guarantees:
- An address is used only after the logged-in person has entered the code from the e-mail.
- A code is valid for half an hour and a few attempts. Few codes are sent in a day.
- Addresses are stored sealed and shown only to the person.
- They are deleted when the person is no longer a member or administrator anywhere.
- Two persons may have the same address, so the page does not reveal which addresses are known.
"""

import hmac
from dataclasses import asdict, dataclass, replace

from deldokument.crypto.fields import lookup_hash
from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Conflict, InvalidInput, NotFound
from deldokument.domain.identifiers import PersonIdentifier
from deldokument.domain.messages.email_addresses import (
    CODE_DIGITS,
    CODE_LIFETIME,
    CODE_TRIES,
    CODES_A_DAY,
    Language,
    NoticeAddress,
    NoticeChoices,
    check_address,
)
from deldokument.domain.messages.outbox import Channel, OutgoingMessage
from deldokument.domain.shares.share import new_id
from deldokument.ports.channels import EmailKind
from deldokument.ports.dependencies import Dependencies
from deldokument.services.audit.recording import record_event
from deldokument.services.encryption import EncryptedColumn, identifier_hash, open_field, seal_field
from deldokument.services.people import administrations_of, directory_key, members_of
from deldokument.store.transaction import Transaction


@dataclass(frozen=True, slots=True)
class AddressView:
    """A person's own address and choices. ``address`` and ``unconfirmed`` are empty if there is none.

    ``unconfirmed`` waits for the code that was mailed to it. ``refused``: sending the e-mail with the code has failed
    for good.
    """

    address: str
    unconfirmed: str
    choices: NoticeChoices
    refused: bool = False


def show_address(deps: Dependencies, person: PersonIdentifier, language: Language = Language.BOKMAAL) -> AddressView:
    """Return the person's address and choices; ``language`` is the default until the person chooses one.

    Raises: NotFound if the person is neither member nor administrator, or if the service sends no e-mail.
    """
    key = directory_key(deps)
    with deps.database.read() as tx:
        _tenant_of(deps, tx, person)
        kept = tx.notification_addresses.of_person(identifier_hash(key, person))
        codes = tx.outbox.of_target(Channel.EMAIL, kept.id, before=None, limit=CODES_A_DAY) if kept else []
    if kept is None:
        return AddressView("", "", NoticeChoices(language=language))
    waits = kept.awaits_code_at(deps.clock.now())
    unconfirmed = (
        open_field(key, kept.sealed_unconfirmed, EncryptedColumn.UNCONFIRMED_ADDRESS, kept.id) if waits else ""
    )
    given_up = {code.details["challenge"] for code in codes if code.given_up_at is not None}
    refused = waits and kept.challenge_id in given_up
    return AddressView(confirmed_address(key, kept), unconfirmed, kept.choices, refused)


def confirmed_address(key: bytes, kept: NoticeAddress) -> str:
    """Return the confirmed address, empty if there is none."""
    return open_field(key, kept.sealed_address, EncryptedColumn.NOTICE_ADDRESS, kept.id)


def enter_address(
    deps: Dependencies, person: PersonIdentifier, text: str, language: Language = Language.BOKMAAL
) -> None:
    """Mail a code to an address, unless it is confirmed already. ``language`` as for ``show_address``.

    Raises: NotFound as ``show_address``; InvalidInput; Conflict after too many codes.
    """
    address = check_address(text)
    key, now = directory_key(deps), deps.clock.now()
    with deps.database.write() as tx:
        tenant_id = _tenant_of(deps, tx, person)
        kept = _lock_or_create(deps, tx, key, person, language)
        if confirmed_address(key, kept) == address:
            tx.notification_addresses.save(kept.end_challenge())
            return
        if not kept.may_be_challenged_at(now):
            raise Conflict("codes_spent", most=CODES_A_DAY)
        sealed = seal_field(key, address, EncryptedColumn.UNCONFIRMED_ADDRESS, kept.id)
        challenged = kept.start_challenge(new_id(), sealed, now)
        tx.notification_addresses.save(challenged)
        tx.outbox.add(_code_message(tenant_id, challenged, deps))


def _code_message(tenant_id: str, challenged: NoticeAddress, deps: Dependencies) -> OutgoingMessage:
    now = deps.clock.now()
    details = {"challenge": challenged.challenge_id}
    return OutgoingMessage(
        new_id(), Channel.EMAIL, EmailKind.CODE, tenant_id, None, challenged.id, now, now, details=details
    )


def code_of(key: bytes, kept: NoticeAddress) -> str:
    """Return the last code that was mailed. It is not stored, but derived from the record and the directory key."""
    digest = lookup_hash(key, "address-code", f"{kept.id} {kept.challenge_id}")
    return f"{int.from_bytes(digest) % 10**CODE_DIGITS:0{CODE_DIGITS}d}"


def confirm_address(deps: Dependencies, person: PersonIdentifier, code: str) -> None:
    """Confirm the address that the code was mailed to.

    Raises: NotFound as ``show_address``; InvalidInput for a wrong code; Conflict for an expired one or after too many
    attempts.
    """
    key = directory_key(deps)
    typed = "".join(code.split())
    with deps.database.write() as tx:
        kept = _lock_or_create(deps, tx, key, person)
        if not kept.awaits_code_at(deps.clock.now()):
            raise Conflict("code_expired")
        right = hmac.compare_digest(typed.encode(), code_of(key, kept).encode())
        # A wrong attempt is counted before it is refused, so the transaction must be committed.
        tx.notification_addresses.save(_confirm(deps, key, kept) if right else replace(kept, tries=kept.tries + 1))
        if right:
            record_event(deps, tx, EventKind.ADDRESS_CONFIRMED, person=person)
    if not right:
        left = CODE_TRIES - kept.tries - 1
        raise InvalidInput("code", "code_wrong", left=left) if left else Conflict("code_expired")


def _confirm(deps: Dependencies, key: bytes, kept: NoticeAddress) -> NoticeAddress:
    address = open_field(key, kept.sealed_unconfirmed, EncryptedColumn.UNCONFIRMED_ADDRESS, kept.id)
    sealed = seal_field(key, address, EncryptedColumn.NOTICE_ADDRESS, kept.id)
    return replace(kept.end_challenge(), sealed_address=sealed, confirmed_at=deps.clock.now())


def choose_notices(deps: Dependencies, person: PersonIdentifier, choices: NoticeChoices) -> None:
    """Store which notices the person wants, and in which language. Raises: NotFound as ``show_address``."""
    key = directory_key(deps)
    with deps.database.write() as tx:
        chosen = replace(_lock_or_create(deps, tx, key, person), **asdict(choices))
        tx.notification_addresses.save(chosen)


def remove_address(deps: Dependencies, person: PersonIdentifier) -> None:
    """Delete the address, and an unconfirmed one. The choices and the number of today's codes stay.

    Raises: NotFound as ``show_address``.
    """
    key = directory_key(deps)
    with deps.database.write() as tx:
        kept = _lock_or_create(deps, tx, key, person)
        tx.notification_addresses.save(replace(kept.end_challenge(), sealed_address=b"", confirmed_at=None))
        if kept.confirmed_at is not None:
            record_event(deps, tx, EventKind.ADDRESS_REMOVED, person=person)


def forget_addresses(deps: Dependencies) -> int:
    """Delete addresses not confirmed in time, and all records of persons who are no longer members or administrators.

    Returns their number. One round of retention.
    """
    with deps.database.write() as tx:
        stale = tx.notification_addresses.drop_unconfirmed(deps.clock.now() - CODE_LIFETIME)
        return stale + tx.notification_addresses.forget_strangers()


def _tenant_of(deps: Dependencies, tx: Transaction, person: PersonIdentifier) -> str:
    """Return a tenant for which the person shares or is administrator. Raises: NotFound as ``show_address``."""
    tenants = [account.tenant_id for _, account in members_of(deps, tx, person)]
    tenants += [administrator.tenant_id for administrator in administrations_of(deps, tx, person)]
    if deps.mail is None or not tenants:
        raise NotFound("nobody to be told, or no mail")
    return tenants[0]


def _lock_or_create(
    deps: Dependencies,
    tx: Transaction,
    key: bytes,
    person: PersonIdentifier,
    language: Language = Language.BOKMAAL,
) -> NoticeAddress:
    _tenant_of(deps, tx, person)
    mine = identifier_hash(key, person)
    return tx.notification_addresses.lock_of_person(mine) or NoticeAddress(new_id(), mine, language=language)
