"""Repository contract: uploads and their parts."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from deldokument.domain.upload import Part, Upload


class Uploads(Protocol):
    """Uploads, their parts, and the objects that have become garbage, each since the ``now`` that was given."""

    def add(self, upload: Upload) -> None: ...
    def get(self, upload_id: str) -> Upload | None: ...
    def by_token(self, token_hash: bytes) -> Upload | None: ...
    def of_documents(self, document_ids: Collection[str]) -> list[Upload]:
        """Partial ones too."""
        ...

    def renew_token(self, renewed: Upload) -> None:
        """Write its ``token_hash`` and ``deadline``, and whose it is now; the old token is good for nothing.

        Its partial uploads follow.
        """
        ...

    def advance(self, upload_id: str, old: int, new: int, parts: Sequence[Part]) -> bool:
        """Compare-and-set of the offset, with the part rows; False, and nothing changed, when it was not ``old``."""
        ...

    def partials(self, upload_id: str) -> list[Upload]:
        """The partial uploads of that one, in the order of their starts as far as these are known."""
        ...

    def join(self, whole: Upload, partials: Sequence[Upload], now: datetime) -> None:
        """``whole`` has all its bytes: the parts of ``partials``, from their ``start`` on. Its others are discarded.

        Raises NotFound when one of them lacks bytes or has been joined, or when ``whole`` has bytes of its own.
        """
        ...

    def discard_partials(self, upload_id: str, now: datetime) -> None:
        """Remove the partial uploads that have not been joined; their parts become garbage."""
        ...

    def remove(self, upload_id: str, now: datetime) -> None:
        """Remove the upload; its parts become garbage."""
        ...

    def shorten(self, upload_id: str) -> None:
        """Its length is what it has. Raises NotFound, also for one that is finished."""
        ...

    def finish(self, upload_id: str, now: datetime) -> None: ...
    def parts(self, upload_id: str) -> list[Part]:
        """In the order of their offsets."""
        ...

    def merge(self, upload_id: str, old: Sequence[Part], new: Part, now: datetime) -> bool:
        """Put ``new`` in the place of ``old``, which become garbage.

        False, and nothing changed, when one of them no longer stands or the upload is finished.
        """
        ...

    def known_blobs(self, names: Collection[str]) -> set[str]:
        """Those of ``names`` that are parts or garbage."""
        ...

    def garbage(self, limit: int, *, start: str = "") -> list[str]:
        """Names of objects to delete, in order from ``start`` on and then from the beginning."""
        ...

    def forget_garbage(self, names: Collection[str]) -> None: ...
