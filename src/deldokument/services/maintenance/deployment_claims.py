"""Ownership of blob store and keyring by the deployment, checked at every start.

Guarantees:
- A deployment in use accepts neither an empty store nor an empty keyring: a volume may not be mounted.
- It accepts only the keyring whose directory key matches the stored fingerprint.
- Only `adopt_keyring` creates the directory key and the integrity key, and only before a worker has ever run.
- The fingerprint is a keyed hash of the deployment's id, and reveals nothing about the key.
"""

from hmac import compare_digest
from typing import Final

from deldokument.crypto.fields import lookup_hash
from deldokument.domain.errors import Conflict
from deldokument.ports.blobs import BlobStore
from deldokument.ports.keyring import Keyring
from deldokument.services.encryption import DIRECTORY, INTEGRITY
from deldokument.store.database import Database
from deldokument.store.maintenance.deployment import Deployment

_LOST: Final = "what to do when it is lost is in docs/operate/recovery.md"


def claim_store(database: Database, blobs: BlobStore) -> None:
    """Claim the store. Raises: Conflict if another deployment owns it, or if it is unexpectedly empty."""
    with database.read() as tx:
        deployment = tx.deployment.get()
    if blobs.deployment_id() is None and deployment.heartbeat_at is not None:
        why = "the blob store is empty though this deployment has worked before: is it the right one, and mounted?"
        raise Conflict("blob_store_empty", detail=why)
    blobs.claim(deployment.id)


def adopt_keyring(database: Database, keyring: Keyring, *, is_new: bool) -> None:
    """Check that the deployment owns the keyring, or claim it. ``is_new``: an empty one is accepted.

    Raises: Conflict if it is empty, or belongs to another deployment.
    """
    with database.read() as tx:
        deployment = tx.deployment.get()
    if deployment.keyring_fingerprint is None:
        _take_into_use(database, keyring, deployment, is_new=is_new)
        with database.read() as tx:
            deployment = tx.deployment.get()
    check_keyring(keyring, deployment)
    keyring.claim(deployment.id)


def check_keyring(keyring: Keyring, deployment: Deployment) -> None:
    """Raise Conflict unless the keyring has both keys, and the directory key matches the deployment's fingerprint."""
    keys = keyring.get([DIRECTORY, INTEGRITY])
    if keys.keys() != {DIRECTORY, INTEGRITY}:
        raise _empty()
    if not compare_digest(_fingerprint(keys[DIRECTORY], deployment), deployment.keyring_fingerprint or b""):
        raise Conflict("keyring_claimed", detail=f"this is not the keyring that this deployment works with; {_LOST}")


def _take_into_use(database: Database, keyring: Keyring, deployment: Deployment, *, is_new: bool) -> None:
    if not keyring.get([DIRECTORY]):
        if deployment.heartbeat_at is not None:
            raise _empty()
        if not is_new:
            raise Conflict("keyring_empty", detail="no keyring is in use yet: run `deldokument migrate`")
    # Claimed first, so that another deployment's keyring stays unchanged.
    keyring.claim(deployment.id)
    # Created before the directory key, so that an attempt after a crash does the same.
    keyring.create(INTEGRITY)
    key = keyring.create(DIRECTORY)
    with database.write() as tx:
        tx.deployment.note_keyring(_fingerprint(key, deployment))


def _empty() -> Conflict:
    why = "the keyring is empty or lacks a key, though this deployment has worked: is it the right one, and mounted?"
    return Conflict("keyring_empty", detail=f"{why} {_LOST}")


def _fingerprint(key: bytes, deployment: Deployment) -> bytes:
    return lookup_hash(key, "deployment", deployment.id)
