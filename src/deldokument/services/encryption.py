"""Choice of key for each encrypted field: the only place that forms keyring ids and encrypts fields of records.

    share:<share id>               share key: content, message and grants; destroyed when the share ends
    audit:<tenant id>:<YYYY-MM>    audit key: data for the audit afterwards; destroyed after retention
    papers:<tenant id>             tenant key: documents of the tenant itself; destroyed when it has left and its
                                   retention is over
    directory                      members, administrators, operators, logins, sessions, programs, addresses for notices
                                   with the codes that confirm them, URLs and secrets of webhooks, and, together with
                                   a request's idempotency key, its stored response; lives as long as the deployment
    integrity                      tags of the rows that decide about access; lives as long as the deployment

Hashes by which recipients and subjects are found are keyed under the audit key. Destroying it also prevents lookups in
old copies of the database.

Guarantees:
- No identifier is stored unencrypted.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from enum import StrEnum
from typing import Any

from deldokument.crypto.errors import IntegrityError
from deldokument.crypto.fields import lookup_hash, lookup_hashes, open_bytes, open_text, seal_bytes, seal_text
from deldokument.crypto.keys import Purpose, derive
from deldokument.crypto.row_tags import row_key
from deldokument.domain.errors import Broken
from deldokument.domain.identifiers import (
    ORGANIZATION_DIGITS,
    PERSON_DIGITS,
    Identifier,
    OrganizationNumber,
    PersonIdentifier,
)
from deldokument.domain.shares.share import RecipientKind
from deldokument.ports.keyring import Keyring

DIRECTORY = "directory"
INTEGRITY = "integrity"
SHARE_PREFIX = "share:"
AUDIT_PREFIX = "audit:"
TENANT_KEY_PREFIX = "papers:"
NO_TENANT = "-"
_MARK_BYTES = 8


class EncryptedColumn(StrEnum):
    """The encrypted columns. A value can be decrypted only for its column and record."""

    AUDIT_TEXTS = "share.audit_texts"
    SHARE_TEXTS = "share.share_texts"
    PROPOSED_CHANGE = "share.change"
    RETURN_NOTE = "share.return_note"
    RECIPIENT_NUMBER = "recipient.identifier"
    RECIPIENT_NAME = "recipient.name"
    RECIPIENT_LABEL = "recipient.label"
    REFUSAL = "recipient.refusal"
    FILE_NAME = "document.name"
    FILE_SHA256 = "document.sha256"
    SCAN = "document.scan"
    RELEASE = "document.release"
    UPLOAD_METADATA = "upload.metadata"
    COPY_SOURCE = "upload.source"
    SUBJECT = "subject.identifier"
    MEMBER_NUMBER = "member.identifier"
    MEMBER_NAME = "member.name"
    ADMINISTRATOR_NUMBER = "administrator.identifier"
    ADMINISTRATOR_NAME = "administrator.name"
    OPERATOR_NUMBER = "operator.identifier"
    OPERATOR_NAME = "operator.name"
    SESSION = "session.identity"
    KEPT_FORM = "session.form"
    PENDING_LOGIN = "pending_login.login"
    PROGRAM_GRANT = "program.grant"
    EVENT_SEARCH = "event_log.search"
    PUBLISHER = "published_text.publisher"
    MAIN_SIGNER = "main_agreement.signer"
    MAIN_COPY = "main_agreement.copy"
    SIGNER = "service_agreement.signer"
    SIGNER_ROLE = "signing_intent.role"
    SIGNING_EVIDENCE = "service_agreement.evidence"
    SIGNED_DOCUMENT = "service_agreement.document"
    SIGNED_PDF = "service_agreement.pdf"
    ASSESSOR = "assessment.assessor"
    ASSESSOR_ROLE = "assessment.role"
    ASSESSMENT_RECORDER = "assessment.recorder"
    ASSESSMENT_FILE_NAME = "assessment.file_name"
    ASSESSMENT_FILE = "assessment.file"
    ACTIVATED_BY = "tenure.activated_by"
    ENDED_BY = "tenure.ended_by"
    ANSWER = "answered_request.answer"
    NOTICE_ADDRESS = "notice_address.confirmed"
    UNCONFIRMED_ADDRESS = "notice_address.unconfirmed"
    EXCHANGE_PAIR = "exchange_key.pair"
    SEAL_CONTENT = "seal_request.content"
    SEAL_ANSWER = "seal_request.answer"
    WEBHOOK_URL = "webhook.url"
    WEBHOOK_SECRET = "webhook.secret"  # noqa: S105


def share_key_id(share_id: str) -> str:
    """Return the keyring id of a share's key."""
    return SHARE_PREFIX + share_id


def audit_key_id(tenant_id: str | None, now: datetime) -> str:
    """Return the keyring id of the audit key of a tenant (or of no tenant) for the month of ``now``."""
    return f"{AUDIT_PREFIX}{tenant_id or NO_TENANT}:{now:%Y-%m}"


def tenant_key_id(tenant_id: str) -> str:
    """Return the keyring id of a tenant key, which encrypts the tenant's own documents."""
    return TENANT_KEY_PREFIX + tenant_id


def find_key(keyring: Keyring, entry_id: str) -> bytes | None:
    """Return the key; None if it does not exist (any more)."""
    return keyring.get([entry_id]).get(entry_id)


def existing_key(keyring: Keyring, entry_id: str) -> bytes:
    """Return the key. Raises: Broken if it does not exist (any more)."""
    key = find_key(keyring, entry_id)
    if key is None:
        raise Broken(f"no key {entry_id.split(':', 1)[0]}")
    return key


def readable_keys(keyring: Keyring, entry_ids: Collection[str]) -> dict[str, bytes]:
    """Return the keys that exist and open, for work that a broken entry must not stop."""
    try:
        return keyring.get(entry_ids)
    except Broken:
        found = dict[str, bytes]()
    for entry_id in entry_ids:
        with suppress(Broken):
            found |= keyring.get([entry_id])
    return found


def message_key(share_key: bytes, share_id: str) -> bytes:
    """Return the key of the texts that are encrypted under the share key."""
    return derive(share_key, Purpose.MESSAGE, share_id.encode())


def reference_hash(key: bytes, reference: str) -> bytes:
    """Return the hash for finding shares by reference (saksnummer), without regard to spaces and case.

    Empty for no reference.
    """
    tidy = "".join(reference.split()).casefold()
    return lookup_hash(key, "reference", tidy) if tidy else b""


def identifier_kind(identifier: Identifier) -> RecipientKind:
    """Return whether the identifier is a person's or an organisation's."""
    return "person" if isinstance(identifier, PersonIdentifier) else "organization"


def identifier_hash(key: bytes, identifier: Identifier) -> bytes:
    """Return the hash for finding records about the identifier, under ``key``."""
    return lookup_hash(key, identifier_kind(identifier), identifier.value)


def role_hash(key: bytes, role: str, person: PersonIdentifier) -> bytes:
    """Return the hash that proves a record about the person in this role under ``key``."""
    return lookup_hash(key, role, person.value)


def identifier_hashes(
    keys: Mapping[str, bytes], identifiers: Sequence[Identifier]
) -> dict[str, dict[Identifier, bytes]]:
    """Return the ``identifier_hash`` of each identifier under each key, by key id."""
    hashes = lookup_hashes(keys.values(), [(identifier_kind(one), one.value) for one in identifiers])
    return {key_id: dict(zip(identifiers, own, strict=True)) for key_id, own in zip(keys, hashes, strict=True)}


def subject_hash(key: bytes, person: PersonIdentifier) -> bytes:
    """Return the hash for finding a person's events. It is of its own kind, so that it matches no recipient's hash."""
    return lookup_hash(key, "subject", person.value)


def csrf_owner_tag(key: bytes, person: PersonIdentifier) -> str:
    """Return a tag that distinguishes one person's forms from another's. Without the key it reveals nothing else."""
    return lookup_hash(key, "form", person.value)[:_MARK_BYTES].hex()


def session_owner_hash(key: bytes, person: PersonIdentifier) -> bytes:
    """Return the hash for finding a person's sessions. It is of its own kind, so that it matches no other record."""
    return lookup_hash(key, "session", person.value)


def seal_field(key: bytes, text: str, field: EncryptedColumn, record_id: str) -> bytes:
    """Encrypt a text for one column of one record; an empty text stays empty bytes."""
    return seal_text(key, text, field, record_id.encode()) if text else b""


def open_field(key: bytes, sealed: bytes, field: EncryptedColumn, record_id: str) -> str:
    """Decrypt a text that ``seal_field`` encrypted."""
    return open_text(key, sealed, field, record_id.encode()) if sealed else ""


def seal_json(key: bytes, content: Mapping[str, Any], field: EncryptedColumn, record_id: str) -> bytes:
    """Encrypt values for one column of one record."""
    return seal_field(key, json.dumps(content), field, record_id)


def open_json(key: bytes, sealed: bytes, field: EncryptedColumn, record_id: str) -> dict[str, Any]:
    """Decrypt values that ``seal_json`` encrypted; none if the column is empty."""
    content: dict[str, Any] = json.loads(open_field(key, sealed, field, record_id) or "{}")
    return content


def seal_file(key: bytes, content: bytes, field: EncryptedColumn, record_id: str) -> bytes:
    """Encrypt a small file for one column of one record; an empty one stays empty bytes."""
    return seal_bytes(key, content, field, record_id.encode()) if content else b""


def open_file(key: bytes, sealed: bytes, field: EncryptedColumn, record_id: str) -> bytes:
    """Decrypt a file that ``seal_file`` encrypted."""
    return open_bytes(key, sealed, field, record_id.encode()) if sealed else b""


def stored_identifier(kind: RecipientKind, value: str) -> Identifier:
    """Return a stored identifier, which was checked before it was encrypted.

    Raises: IntegrityError if it is not of that kind. A changed row must not make a person's number pass for an
    organisation's, which is shown whole.
    """
    if len(value) != (ORGANIZATION_DIGITS if kind == "organization" else PERSON_DIGITS):
        raise IntegrityError
    if kind == "organization":
        return OrganizationNumber(value)
    return PersonIdentifier(value, "d_nummer" if value[0] > "3" else "foedselsnummer")


class CachedDeploymentKeys:
    """The keys of the rows' tags and of the directory, from the keyring; satisfies `DeploymentKeys`.

    Thread-safe. A process caches the keys while it runs, because they never change. Readiness checks that the keyring
    is still this deployment's.
    """

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring
        self._keys: dict[str, bytes] = {}
        self._directory: bytes | None = None

    def row_key(self, kind: str) -> bytes:
        """Return the key of the tags of one kind of rows, cached."""
        key = self._keys.get(kind)
        if key is None:
            key = self._keys[kind] = row_key(existing_key(self._keyring, INTEGRITY), kind)
        return key

    def directory_key(self) -> bytes:
        """Return the directory key."""
        if self._directory is None:
            self._directory = existing_key(self._keyring, DIRECTORY)
        return self._directory
