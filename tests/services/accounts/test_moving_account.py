"""An upload under way while its draft moves, and inspection when one document is broken."""

import pytest

from deldokument.domain.errors import NotFound
from deldokument.services.shares.drafts import drafts
from deldokument.services.uploads import append as uploads_append
from tests.support.stage.inspection import inspect_documents
from tests.support.stage.stage import KARI, Stage, person


def test_an_upload_goes_on_when_its_draft_moves_to_another_account_of_the_member(stage: Stage) -> None:
    share = stage.draft()
    ticket = drafts.add_document(stage.deps, person(KARI), share.id, name="a.bin", length=6, modified_at=None)
    append = uploads_append.begin_append(stage.deps, ticket.token, ticket.upload_id, offset=0, announced=6)
    drafts.save_draft(stage.deps, person(KARI), share.id, stage.words(account_id=stage.avtaler.id))
    append.write([b"innhol"])
    assert append.finish() == 6


def test_an_upload_ends_when_the_member_is_removed_from_the_account(stage: Stage) -> None:
    share = stage.draft()
    ticket = drafts.add_document(stage.deps, person(KARI), share.id, name="a.bin", length=6, modified_at=None)
    append = uploads_append.begin_append(stage.deps, ticket.token, ticket.upload_id, offset=0, announced=6)
    stage.remove("kari")
    append.write([b"innhol"])
    with pytest.raises(NotFound):
        append.finish()


def test_a_document_without_its_blob_holds_back_no_other(stage: Stage) -> None:
    share = stage.draft()
    broken, _ = (stage.upload(share.id, name, b"innhold") for name in ("a.txt", "b.txt"))
    with stage.deps.database.read() as tx:
        [upload] = tx.uploads.of_documents([broken])
        names = [part.id for part in tx.uploads.parts(upload.id)]
    stage.deps.blobs.delete(names)
    assert inspect_documents(stage.deps) == 2
    with stage.deps.database.read() as tx:
        assert all(document.inspected_at for document in tx.shares.documents([share.id]))
