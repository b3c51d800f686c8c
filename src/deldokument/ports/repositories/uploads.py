"""Repository contract: uploads and their parts."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from deldokument.domain.upload import Part, Upload


class Uploads(Protocol):
    """Uploads, their parts, and garbage: the objects to delete, each since the ``now`` that was given."""

    def add(self, upload: Upload) -> None: ...
    def get(self, upload_id: str) -> Upload | None: ...
    def by_token(self, token_hash: bytes) -> Upload | None: ...
    def of_documents(self, document_ids: Collection[str]) -> list[Upload]:
        """Return the uploads of the documents, partial ones too."""
        ...

    def count_unfinished(self, account_id: str, sharer_id: str, at_most: int) -> int:
        """Count a member's or an integration's unfinished uploads to shares of the account, up to ``at_most``.

        Partial uploads are not counted.
        """
        ...

    def renew_token(self, renewed: Upload) -> None:
        """Write the upload's ``token_hash``, ``deadline`` and owner; the old token is no longer valid.

        Its partial uploads get the same deadline and owner.
        """
        ...

    def advance(self, upload_id: str, old: int, new: int, parts: Sequence[Part]) -> bool:
        """Move the offset by compare-and-set, with the part rows; False, with no change, if it was not ``old``."""
        ...

    def partials(self, upload_id: str) -> list[Upload]:
        """Return the partial uploads, ordered by start as far as the starts are known."""
        ...

    def join(self, whole: Upload, partials: Sequence[Upload], now: datetime) -> None:
        """Complete ``whole`` with the parts of ``partials``, each placed at its ``start``.

        Its other partial uploads are discarded.

        Raises: NotFound if a partial upload lacks bytes or has been joined, or if ``whole`` has bytes of its own.
        """
        ...

    def discard_partials(self, upload_id: str, now: datetime) -> None:
        """Remove the partial uploads that were not joined; their parts become garbage."""
        ...

    def remove(self, upload_id: str, now: datetime) -> None:
        """Remove the upload; its parts become garbage."""
        ...

    def shorten(self, upload_id: str) -> None:
        """Set the length to the current offset. Raises: NotFound, also if the upload is finished."""
        ...

    def save_metadata(self, upload_id: str, sealed: bytes) -> None:
        """Replace the metadata, if the upload still exists."""
        ...

    def finish(self, upload_id: str, now: datetime) -> None: ...
    def parts(self, upload_id: str) -> list[Part]:
        """Return the parts in the order of their offsets."""
        ...

    def merge(self, upload_id: str, old: Sequence[Part], new: Part, now: datetime) -> bool:
        """Replace ``old`` by ``new``; the old parts become garbage.

        False, with no change, if one of them is gone or the upload is finished.
        """
        ...

    def known_blobs(self, names: Collection[str]) -> set[str]:
        """Return the names that are parts or garbage."""
        ...

    def garbage(self, limit: int, *, start: str = "") -> list[str]:
        """Return names of objects to delete, in order from ``start`` on, then from the beginning."""
        ...

    def forget_garbage(self, names: Collection[str]) -> None: ...
