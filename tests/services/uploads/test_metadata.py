"""What a tus client said of its upload: given back to it, sealed, and gone with the share's key."""

from dataclasses import replace

import pytest

from deldokument.domain.errors import NotFound
from deldokument.domain.shares.upload import Upload
from deldokument.services.encryption import share_key_id
from deldokument.services.uploads.append import find_upload
from deldokument.services.uploads.concatenation import create_partial
from deldokument.services.uploads.metadata import keep_metadata, upload_metadata
from deldokument.store.engine.integrity import DamagedRow
from tests.services.uploads.test_append import announce
from tests.support.stage.stage import Stage

METADATA = "filename aGVtbWVsaWctdmVkdGFrLnBkZg=="


def stored(stage: Stage, upload: Upload) -> Upload:
    with stage.deps.database.read() as tx:
        found = tx.uploads.get(upload.id)
    assert found is not None
    return found


def test_metadata_are_kept_sealed_and_the_last_ones_count(stage: Stage) -> None:
    upload = find_upload(stage.deps, announce(stage, 10).token)
    keep_metadata(stage.deps, upload, "filename YQ==")
    keep_metadata(stage.deps, upload, METADATA)
    keep_metadata(stage.deps, upload, "")
    found = stored(stage, upload)
    assert METADATA.encode() not in (found.sealed_metadata or b"")
    assert upload_metadata(stage.deps, found) == METADATA


def test_a_partial_upload_begins_without_those_of_the_whole(stage: Stage) -> None:
    ticket = announce(stage, 10)
    whole = find_upload(stage.deps, ticket.token)
    keep_metadata(stage.deps, whole, METADATA)
    partial = create_partial(stage.deps, ticket.token, length=5, start=0)
    assert upload_metadata(stage.deps, stored(stage, partial)) == ""


def test_metadata_end_with_the_key_of_the_share(stage: Stage) -> None:
    upload = find_upload(stage.deps, announce(stage, 10).token)
    keep_metadata(stage.deps, upload, METADATA)
    found = stored(stage, upload)
    stage.deps.keyring.destroy([share_key_id(upload.share_id)])
    assert upload_metadata(stage.deps, found) == ""
    keep_metadata(stage.deps, upload, "filename YQ==")
    assert stored(stage, upload) == found


def test_an_upload_with_forged_metadata_is_not_found_and_reported(stage: Stage) -> None:
    upload = replace(find_upload(stage.deps, announce(stage, 10).token), sealed_metadata=b"forged")
    with pytest.raises(NotFound):
        upload_metadata(stage.deps, upload)
    assert stage.deps.damage.take() == [DamagedRow("upload", upload.id)]
