"""Forms that wait for a fresh login: format and encryption, bound to the session that keeps them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from deldokument.services.encryption import EncryptedColumn, open_json, seal_json


@dataclass(frozen=True, slots=True)
class KeptForm:
    """A form that a person has sent.

    ``action`` is the path that it was sent to, ``page`` the path of its page. ``act`` describes the action in English.
    """

    action: str
    page: str
    act: str
    fields: Mapping[str, str] = field(repr=False)


def seal_form(key: bytes, form: KeptForm, token_hash: bytes) -> bytes:
    """Encrypt the form for one session."""
    return seal_json(key, asdict(form), EncryptedColumn.KEPT_FORM, token_hash.hex())


def open_form(key: bytes, sealed: bytes, token_hash: bytes) -> KeptForm:
    """Decrypt the form."""
    return KeptForm(**open_json(key, sealed, EncryptedColumn.KEPT_FORM, token_hash.hex()))
