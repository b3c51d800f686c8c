"""A clean verdict based on old signatures is reported as stale."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from deldokument.domain.shares.scanning import Engine, ScanReport
from deldokument.domain.shares.share import Verdict

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("verdict", "dated", "expected"),
    [
        (Verdict.CLEAN, NOW - DAY, Verdict.CLEAN),
        (Verdict.CLEAN, NOW - DAY - timedelta(microseconds=1), Verdict.STALE),
        (Verdict.CLEAN, None, Verdict.STALE),
        (Verdict.INFECTED, NOW - 9 * DAY, Verdict.INFECTED),
        (Verdict.INFECTED, None, Verdict.INFECTED),
    ],
)
def test_only_a_clean_report_needs_signatures_of_today(
    verdict: Verdict, dated: datetime | None, expected: Verdict
) -> None:
    report = ScanReport(verdict, Engine("ClamAV", "1.4", dated), "Eicar", 7)
    assert report.with_fresh_signatures(NOW, DAY) == replace(report, verdict=expected)
