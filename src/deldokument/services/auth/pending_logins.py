"""Pending logins: format and encryption, bound to the ``state`` of the login at the provider."""

from dataclasses import asdict, dataclass

from deldokument.services.encryption import EncryptedColumn, open_json, seal_json


@dataclass(frozen=True, slots=True)
class PendingLogin:
    """A login until the browser returns. ``browser_hash`` binds it to one browser; the other fields complete it."""

    browser_hash: str
    nonce: str
    code_verifier: str
    return_to: str
    on_behalf_of: str


def seal_login(key: bytes, login: PendingLogin, state: str) -> bytes:
    """Encrypt the login for its state."""
    return seal_json(key, asdict(login), EncryptedColumn.PENDING_LOGIN, state)


def open_login(key: bytes, sealed: bytes, state: str) -> PendingLogin:
    """Decrypt the login."""
    return PendingLogin(**open_json(key, sealed, EncryptedColumn.PENDING_LOGIN, state))
