"""The kept inputs of the fuzz targets: no guarantee is broken by any of them."""

import pytest

from tests.fuzz.kept import FOLDER, inputs
from tests.fuzz.targets import TARGETS

pytestmark = pytest.mark.once


@pytest.mark.parametrize("name", TARGETS)
def test_no_kept_input_breaks_a_guarantee(name: str) -> None:
    kept = inputs(name)
    assert kept
    for one in kept:
        TARGETS[name](one)


def test_every_corpus_has_a_target() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == set(TARGETS)
