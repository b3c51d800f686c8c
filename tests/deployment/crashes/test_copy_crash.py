"""kill -9 of the worker while it copies a document: the next one completes it, once, with the same bytes."""

import hashlib
import os
from collections.abc import Iterator
from datetime import timedelta

import pytest

from deldokument.domain.audit import EventKind
from deldokument.services.downloads.copying import CLAIM, make_copies
from deldokument.services.shares.display import queries
from deldokument.services.shares.published import publishing
from tests.support.deployment.crash import die_at
from tests.support.deployment.deployment import Deployment
from tests.support.deployment.memory import folder_in_memory
from tests.support.stage.inspection import inspect_documents
from tests.support.stage.stage import KARI, OLA, person

CONTENT = os.urandom(9_000_000)
"""Two parts."""
UPLOADS = "deldokument.store.uploads.uploads:Uploads"
POINTS = [
    pytest.param("deldokument.store.uploads.copies:Copies.claim", True, id="claimed-not-committed"),
    pytest.param(f"{UPLOADS}.advance", False, id="part-stored-not-committed"),
    pytest.param("deldokument.services.uploads.append:complete", False, id="first-part-committed-last-one-not"),
]


@pytest.fixture(scope="module")
def mortal() -> Iterator[Deployment]:
    """A deployment whose workers the tests start, and kill."""
    with folder_in_memory() as folder, Deployment(folder, worker=False) as running:
        yield running


@pytest.mark.parametrize(("function", "after"), POINTS)
def test_a_copy_is_completed_once_wherever_the_worker_dies(mortal: Deployment, function: str, after: bool) -> None:
    deps, kari = mortal.node.deps, person(KARI)
    share_id = mortal.draft()
    mortal.add_recipients(share_id, [OLA])
    mortal.upload(share_id, "vedtak.pdf", CONTENT)
    mortal.publish_uninspected(share_id)
    inspect_documents(deps)
    draft_id = publishing.copy_share(deps, kari, share_id, with_documents=True).id
    die_at(mortal, function, after=after)
    [half] = queries.view_share(deps, kari, draft_id).documents
    assert (half.complete, half.is_copying) == (False, True)
    mortal.move_clock(CLAIM + timedelta(seconds=1))
    assert make_copies(deps) == 1
    inspect_documents(deps)
    [copied] = queries.view_share(deps, kari, draft_id).documents
    assert copied.finding is not None
    assert copied.finding.sha256 == hashlib.sha256(CONTENT).hexdigest()
    with deps.database.read() as tx:
        kinds = [event.kind for one in (share_id, draft_id) for _, event in tx.audit.events(share_id=one)]
    # One is of the upload that was copied.
    assert (kinds.count(EventKind.DOCUMENT_COPIED), kinds.count(EventKind.DOCUMENT_COMPLETED)) == (1, 2)
