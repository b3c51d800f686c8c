"""Upload metadata of a tus client, to be returned to it as sent.

It contains file names, so it is encrypted under the share key and becomes unreadable with it. The service itself does
not use it.
"""

from deldokument.crypto.errors import IntegrityError
from deldokument.domain.errors import NotFound
from deldokument.domain.shares.upload import Upload
from deldokument.ports.dependencies import Dependencies
from deldokument.services.encryption import EncryptedColumn, find_key, open_field, seal_field, share_key_id
from deldokument.store.engine.integrity import DamagedRow


def keep_metadata(deps: Dependencies, upload: Upload, metadata: str) -> None:
    """Store the metadata in place of earlier metadata; do nothing if it is empty or the share has ended."""
    key = find_key(deps.keyring, share_key_id(upload.share_id))
    if not metadata or key is None:
        return
    sealed = seal_field(key, metadata, EncryptedColumn.UPLOAD_METADATA, upload.id)
    with deps.database.write() as tx:
        tx.uploads.save_metadata(upload.id, sealed)


def upload_metadata(deps: Dependencies, upload: Upload) -> str:
    """Return the metadata; empty if there is none or the share has ended. Raises: NotFound if it is damaged."""
    if upload.sealed_metadata is None:
        return ""
    key = find_key(deps.keyring, share_key_id(upload.share_id))
    if key is None:
        return ""
    try:
        return open_field(key, upload.sealed_metadata, EncryptedColumn.UPLOAD_METADATA, upload.id)
    except IntegrityError:
        deps.damage.report(DamagedRow("upload", upload.id))
        raise NotFound("damaged upload") from None
