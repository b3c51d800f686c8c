"""Partial uploads of one document, sent in parallel and then joined (tus concatenation).

Guarantees:
- A partial upload is an upload like any other, with its own id and offset, under the document's token.
- Joining copies no bytes and is one transaction. Afterwards the document is complete, as if its bytes had come in that
  order.
- Joining is idempotent.
- The stored bytes of a document never exceed the declared length.
"""

from collections.abc import Sequence
from dataclasses import replace

from deldokument.domain.errors import require
from deldokument.domain.shares.share import new_id
from deldokument.domain.shares.upload import Upload, check_new_partial, join
from deldokument.ports.dependencies import Dependencies
from deldokument.services.shares.approvals.proposals import touch_draft
from deldokument.services.uploads.append import complete, find_upload, locked_share
from deldokument.store.transaction import Transaction


def create_partial(deps: Dependencies, token: str, *, length: int, start: int | None) -> Upload:
    """Return a new partial upload of the token's document, or the existing one with that ``start`` and length.

    Raises: NotFound; Conflict if the document is finished, has bytes of its own or too many partial uploads; TooLarge.
    """
    whole = find_upload(deps, token)
    with deps.database.write() as tx:
        share = locked_share(deps, tx, whole)
        current, partials = require(tx.uploads.get(whole.id), "upload"), tx.uploads.partials(whole.id)
        same = [partial for partial in partials if (partial.start, partial.length) == (start, length)]
        if same and start is not None and not current.is_finished:
            return same[0]
        check_new_partial(current, partials, length, start)
        partial = replace(
            current,
            id=new_id(),
            length=length,
            token_hash=None,
            finished_at=None,
            partial_of=whole.id,
            start=start,
            sealed_metadata=None,
        )
        tx.uploads.add(partial)
        touch_draft(deps, tx, share)
    return partial


def join_partials(deps: Dependencies, token: str, partial_ids: Sequence[str]) -> Upload:
    """Join these partial uploads, in that order, to the token's document; discard the others.

    Raises: NotFound, or Conflict if they are not the whole document, or it was finished in another way.
    """
    whole = find_upload(deps, token)
    if whole.is_finished:
        with deps.database.read() as tx:
            join(whole, _find_partials(tx, whole, partial_ids))
        return whole
    with deps.database.write() as tx:
        share, current = locked_share(deps, tx, whole), require(tx.uploads.get(whole.id), "upload")
        joined = join(current, _find_partials(tx, whole, partial_ids))
        if not current.is_finished:
            tx.uploads.join(whole, joined, deps.clock.now())
            complete(deps, tx, share, whole)
    return whole


def _find_partials(tx: Transaction, whole: Upload, partial_ids: Sequence[str]) -> list[Upload]:
    known = {partial.id: partial for partial in tx.uploads.partials(whole.id)}
    return [require(known.get(partial_id), "partial upload") for partial_id in partial_ids]


def joined_partials(deps: Dependencies, upload: Upload) -> list[Upload]:
    """Return the partial uploads from which a finished upload was joined, in order; none if it was sent whole."""
    if upload.is_partial or not upload.is_finished:
        return []
    with deps.database.read() as tx:
        return [partial for partial in tx.uploads.partials(upload.id) if partial.is_finished]
