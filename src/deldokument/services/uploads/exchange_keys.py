"""Key pairs to which systems encrypt documents before they upload them.

    offered_certificate    the newest certificate; creates a key pair if there is none, or it is RENEWED_AFTER old
    exchange_pairs         all pairs whose certificates may still be in use (LIFETIME)

Both are for one sharer. Each organisation's systems have their own pairs; all persons use the same ones.

Guarantees:
- A private key is stored only sealed, and bound to its record and organisation.
- An organisation's pair cannot decrypt uploads of other organisations' systems.
- A certificate can be used for at least LIFETIME minus RENEWED_AFTER after it was offered.
- A private key is deleted when its certificate has expired and another one is offered.
"""

from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlsplit

from deldokument.crypto.exchange import ExchangePair, new_pair, read_pair
from deldokument.domain.identifiers import Consumer, Sharer
from deldokument.domain.shares.share import new_id
from deldokument.ports.dependencies import Dependencies
from deldokument.services.encryption import EncryptedColumn, open_file, seal_file
from deldokument.services.people import directory_key
from deldokument.store.uploads.exchange_keys import ExchangeKey

LIFETIME = timedelta(days=730)
RENEWED_AFTER = timedelta(days=365)


def offered_certificate(deps: Dependencies, sharer: Sharer) -> str:
    """Return the certificate for encryption (PEM).

    If two nodes create pairs at once, both pairs are kept; later callers get one of them.
    """
    now, owner = deps.clock.now(), _owner(sharer)
    with deps.database.read() as tx:
        newest = next(iter(tx.exchange_keys.of(owner)), None)
    if newest is not None and now - newest.created_at < RENEWED_AFTER:
        return _open_pair(deps, newest).certificate_pem()
    # Before the transaction, because it takes up to a second.
    pair = new_pair(urlsplit(deps.config.public_url).hostname or "deldokument", now, LIFETIME)
    key = ExchangeKey(new_id(), owner, now, b"")
    sealed = seal_file(directory_key(deps), pair.to_pem(), EncryptedColumn.EXCHANGE_PAIR, _record(key))
    with deps.database.write() as tx:
        tx.exchange_keys.add(replace(key, sealed_pair=sealed))
        tx.exchange_keys.remove_before(now - LIFETIME)
    return pair.certificate_pem()


def exchange_pairs(deps: Dependencies, sharer: Sharer) -> dict[int, ExchangePair]:
    """Return the sharer's key pairs, by the serial numbers of their certificates."""
    with deps.database.read() as tx:
        keys = tx.exchange_keys.of(_owner(sharer))
    pairs = [_open_pair(deps, key) for key in keys]
    return {pair.serial: pair for pair in pairs}


def _open_pair(deps: Dependencies, key: ExchangeKey) -> ExchangePair:
    return read_pair(open_file(directory_key(deps), key.sealed_pair, EncryptedColumn.EXCHANGE_PAIR, _record(key)))


def _owner(sharer: Sharer) -> str:
    return sharer.organization.value if isinstance(sharer, Consumer) else ""


def _record(key: ExchangeKey) -> str:
    return f"{key.id} {key.organization_number}"
