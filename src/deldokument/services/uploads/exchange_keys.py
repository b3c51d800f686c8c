"""Key pairs to which systems encrypt documents before they upload them.

    offered_certificate    the newest certificate; makes a key pair if there is none, or it is RENEWED_AFTER old
    exchange_pairs         all pairs that a certificate of the last LIFETIME may have been used of

Guarantees:
- A private key is stored sealed only, and bound to its record.
- A certificate can be used for at least LIFETIME minus RENEWED_AFTER after it was offered.
- A private key is deleted when its certificate has expired and another one is offered.
"""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlsplit

from deldokument.crypto.exchange import ExchangePair, new_pair, read_pair
from deldokument.domain.share import new_id
from deldokument.ports.dependencies import Dependencies
from deldokument.ports.repositories.exchange_keys import ExchangeKey
from deldokument.services.encryption import EncryptedColumn, open_file, seal_file
from deldokument.services.people import directory_key

LIFETIME = timedelta(days=730)
RENEWED_AFTER = timedelta(days=365)


def offered_certificate(deps: Dependencies) -> str:
    """Return the certificate to encrypt to (PEM).

    Of two nodes that make a pair at once both keep theirs; later callers get one of them.
    """
    now = deps.clock.now()
    with deps.database.read() as tx:
        newest = next(iter(tx.exchange_keys.all()), None)
    if newest is not None and now - newest.created_at < RENEWED_AFTER:
        return _opened(deps, newest).certificate_pem()
    # Before the transaction, because it takes up to a second.
    made, key_id = new_pair(urlsplit(deps.config.public_url).hostname or "deldokument", now, LIFETIME), new_id()
    sealed = seal_file(directory_key(deps), made.to_pem(), EncryptedColumn.EXCHANGE_PAIR, key_id)
    with deps.database.write() as tx:
        tx.exchange_keys.add(ExchangeKey(key_id, now, sealed))
        tx.exchange_keys.remove_before(now - LIFETIME)
    return made.certificate_pem()


def exchange_pairs(deps: Dependencies) -> dict[int, ExchangePair]:
    """Return the key pairs by the serial numbers of their certificates."""
    with deps.database.read() as tx:
        keys = tx.exchange_keys.all()
    pairs = [_opened(deps, key) for key in keys]
    return {pair.serial: pair for pair in pairs}


def _opened(deps: Dependencies, key: ExchangeKey) -> ExchangePair:
    return read_pair(open_file(directory_key(deps), key.sealed_pair, EncryptedColumn.EXCHANGE_PAIR, key.id))
