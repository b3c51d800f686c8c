"""The reason of a member who returns a colleague's proposal, for its author to read.

Guarantees:
- A reason opens only for its share. It becomes unreadable with the share key.
"""

from dataclasses import dataclass
from datetime import datetime

from deldokument.domain.shares.access_requests import REASON_LENGTH
from deldokument.domain.shares.share import Share
from deldokument.domain.shares.typed_texts import check_text
from deldokument.ports.dependencies import Dependencies
from deldokument.services.encryption import (
    EncryptedColumn,
    existing_key,
    message_key,
    open_json,
    seal_json,
    share_key_id,
)


@dataclass(frozen=True, slots=True, repr=False)
class ReturnNote:
    """Note that a proposal was returned: the member, the time, and the reason, which may be empty."""

    name: str
    at: datetime
    reason: str


def check_reason(reason: str) -> str:
    """Return the reason without surrounding white space. Raises: InvalidInput as ``check_text``."""
    return check_text(reason, REASON_LENGTH, field="reason", lines=True)


def seal_return_note(deps: Dependencies, share: Share, name: str, reason: str) -> bytes:
    """Return the note sealed for its share."""
    content = {"name": name, "at": deps.clock.now().isoformat(), "reason": reason}
    key = message_key(existing_key(deps.keyring, share_key_id(share.id)), share.id)
    return seal_json(key, content, EncryptedColumn.RETURN_NOTE, share.id)


def open_return_note(share_key: bytes | None, share: Share) -> ReturnNote | None:
    """Return the note; None if there is none, or the key is destroyed. Raises: IntegrityError."""
    if share_key is None or not share.sealed_return_note:
        return None
    key = message_key(share_key, share.id)
    content = open_json(key, share.sealed_return_note, EncryptedColumn.RETURN_NOTE, share.id)
    return ReturnNote(content["name"], datetime.fromisoformat(content["at"]), content["reason"])
