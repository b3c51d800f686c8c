"""Cache of the zip layouts that this process has recently computed, one per share.

Guarantees:
- A layout is returned only for exactly the documents that it was computed from.
- The number of layouts is bounded; the least recently used one is evicted.

The caller must first authorise the request and fetch the share key. File names stay in memory until their layout is
evicted.
"""

import threading
from collections import OrderedDict
from dataclasses import dataclass

from deldokument.domain.shares.share import Verdict
from deldokument.services.downloads.zip_archive import Archive


@dataclass(frozen=True, slots=True)
class Layout:
    """Layout of a zip without its documents' bytes, its strong ETag, and the verdicts on the documents."""

    archive: Archive
    etag: str
    verdicts: frozenset[Verdict] = frozenset()


class LayoutCache:
    """A cache of at most ``max_layouts`` layouts. Thread-safe."""

    def __init__(self, max_layouts: int) -> None:
        self._max_layouts = max_layouts
        self._lock = threading.Lock()
        self._layouts: OrderedDict[str, tuple[bytes, Layout]] = OrderedDict()

    def get(self, share_id: str, digest: bytes) -> Layout | None:
        """Return the share's layout if it was computed from documents with this digest."""
        with self._lock:
            known, layout = self._layouts.get(share_id, (b"", None))
            if known != digest:
                return None
            self._layouts.move_to_end(share_id)
            return layout

    def put(self, share_id: str, digest: bytes, layout: Layout) -> None:
        """Store the layout in place of the share's earlier one."""
        with self._lock:
            self._layouts[share_id] = digest, layout
            self._layouts.move_to_end(share_id)
            if len(self._layouts) > self._max_layouts:
                self._layouts.popitem(last=False)
