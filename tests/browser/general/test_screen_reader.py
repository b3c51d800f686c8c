"""What a screen reader says in the flows of sharing and receiving is what stands in the transcripts."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.demo import Demo
from tests.browser.transcripts import FOLDER, take
from tests.support.deployment.memory import folder_in_memory


@pytest.fixture
def demo() -> Iterator[Demo]:
    """A demo of its own: what others share would be read too."""
    with folder_in_memory() as folder, Demo(folder / "data") as running:
        yield running


@pytest.mark.large
@pytest.mark.timeout(600)
def test_a_screen_reader_reads_the_pages_as_in_the_transcripts(chromium: Browser, demo: Demo, tmp_path: Path) -> None:
    committed = {path.stem: path.read_text("utf-8") for path in FOLDER.iterdir()}
    assert take(chromium, demo, tmp_path) == committed
