"""Malware scans: the engine and its report on a document."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from deldokument.domain.shares.share import Verdict


@dataclass(frozen=True, slots=True)
class Engine:
    """A malware scanner's engine. ``signatures_at`` is None if the engine does not give their date."""

    name: str
    version: str
    signatures_at: datetime | None


@dataclass(frozen=True, slots=True)
class ScanReport:
    """An engine's report on one document.

    - ``signature``: the engine's name of the malware
    - ``limit``: for a too long document, the scanner's maximum length in bytes
    """

    verdict: Verdict
    engine: Engine
    signature: str = ""
    limit: int = 0

    def with_fresh_signatures(self, now: datetime, max_age: timedelta) -> ScanReport:
        """Return the report; STALE instead of CLEAN if the signatures are older than ``max_age`` or have no date."""
        dated = self.engine.signatures_at
        if self.verdict is not Verdict.CLEAN or (dated is not None and now - dated <= max_age):
            return self
        return replace(self, verdict=Verdict.STALE)
