"""Layouts of zips: computed once, for exactly the documents that the share has."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from deldokument.domain.errors import Gone, NotFound, NotReady
from deldokument.domain.shares.share import Document
from deldokument.services.downloads.content import Content, open_archive
from deldokument.services.downloads.layout_cache import Layout, LayoutCache
from deldokument.services.downloads.zip_archive import Archive, Entry
from deldokument.services.encryption import EncryptedColumn, existing_key, seal_field
from deldokument.services.maintenance import share_keys
from deldokument.services.shares.published import publishing
from tests.services.downloads.test_content import published
from tests.support.bulk.many_documents import fill
from tests.support.stage.recorded_changes import recording
from tests.support.stage.stage import KARI, OLA, PER, SIV, Stage, person

FILES = {"a.txt": b"first", "b.txt": b"second"}


def opened(stage: Stage, share_id: str, reader: str = OLA) -> Content:
    return open_archive(stage.deps, person(reader), share_id)


def change(stage: Stage, share_id: str, changed: Callable[[Document], Document]) -> None:
    with recording(stage.deps.database) as tx:
        tx.shares.save_document(changed(tx.shares.documents([share_id])[0]))


def test_the_layout_of_a_share_is_computed_once_for_all_its_readers(stage: Stage) -> None:
    share_id = published(stage, FILES, OLA, PER)
    first = opened(stage, share_id)
    for reader in (OLA, PER):
        again = opened(stage, share_id, reader)
        assert again.archive is first.archive
        assert (again.etag, again.length) == (first.etag, first.length)
        assert list(again.sources.lengths) == [5, 6]


def test_a_document_with_another_name_gives_another_layout(stage: Stage) -> None:
    share_id = published(stage, FILES)
    before = opened(stage, share_id)
    with stage.deps.database.read() as tx:
        share = tx.shares.get(share_id)
    assert share
    key = existing_key(stage.deps.keyring, share.audit_key_id)
    change(stage, share_id, lambda d: replace(d, sealed_name=seal_field(key, "c", EncryptedColumn.FILE_NAME, d.id)))
    after = opened(stage, share_id)
    assert after.etag != before.etag
    assert after.length == before.length - 2 * len(".txt")


def test_another_document_gives_another_layout(stage: Stage) -> None:
    share_id = published(stage, FILES)
    before = opened(stage, share_id)
    fill(stage.deps, share_id, 1, size=100)
    after = opened(stage, share_id)
    assert after.etag != before.etag
    assert len(after.sources.lengths) == 3


def test_a_document_that_is_no_longer_released_is_refused_despite_a_cached_layout(stage: Stage) -> None:
    share_id = published(stage, FILES)
    opened(stage, share_id)
    change(stage, share_id, lambda d: replace(d, sealed_inspection=b""))
    with pytest.raises(NotReady):
        opened(stage, share_id)


def test_a_layout_gives_no_access_to_a_stranger_or_after_the_end(stage: Stage) -> None:
    share_id = published(stage, FILES)
    opened(stage, share_id)
    with pytest.raises(NotFound):
        opened(stage, share_id, SIV)
    publishing.withdraw_share(stage.deps, person(KARI), share_id)
    share_keys.destroy_share_keys(stage.deps)
    with pytest.raises(Gone):
        opened(stage, share_id)


def test_the_layout_used_longest_ago_is_dropped_at_the_limit() -> None:
    layouts = {name: Layout(Archive([Entry(name, 1, 1)]), name) for name in "abc"}
    cache = LayoutCache(2)
    for name in "ab":
        cache.put(name, b"digest", layouts[name])
    assert cache.get("a", b"digest") is layouts["a"]
    cache.put("c", b"digest", layouts["c"])
    assert [cache.get(name, b"digest") for name in "abc"] == [layouts["a"], None, layouts["c"]]
    assert cache.get("a", b"another") is None
    cache.put("a", b"another", layouts["b"])
    assert [cache.get("a", digest) for digest in (b"digest", b"another")] == [None, layouts["b"]]
