"""Processes of the tests (support.deployment.forked): what tests may count on when a machine is busy."""

import signal
from pathlib import Path

import pytest

from tests.support.deployment.forked import Forked, forked


class Unheard(Forked):
    """One whose end has not been reported yet."""

    @property
    def returncode(self) -> int | None:
        return None


@pytest.fixture
def ended(tmp_path: Path) -> Forked:
    """A process that has ended."""
    process = forked("deldokument.cli.main:app", ["--help"], log=tmp_path / "log")
    process.wait(60)
    return process


def test_a_signal_to_a_process_with_an_unreported_end_is_no_error(ended: Forked) -> None:
    unheard = Unheard.__new__(Unheard)
    unheard.pid = ended.pid
    unheard.send_signal(signal.SIGTERM)
