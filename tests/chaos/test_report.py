"""The page that tells which faults were survived."""

from tests.chaos import report


def test_the_page_lists_the_faults_that_were_survived_and_no_others() -> None:
    assert report.PAGE.read_text("utf-8") == report.page()
    assert set(report.passed()) <= {str(fault) for fault in report.FAULTS}


def test_no_two_faults_have_the_same_name() -> None:
    assert len({str(fault) for fault in report.FAULTS}) == len(report.FAULTS)
