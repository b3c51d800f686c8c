"""Background work of session fixtures that rests while tests run that do not use them.

An idle worker of a deployment polls its database a dozen times a second, and each server its clock ten times.
Together that is a tenth of a core. A run keeps several deployments, most of the time for nobody.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest


@dataclass(slots=True)
class _Resting:
    """Processes that a fixture has started; ``signal`` gets whether they may run."""

    fixture: str
    parameter: object
    signal: Callable[[bool], None]
    runs: bool = True


_STARTED: list[_Resting] = []


@contextmanager
def resting(fixture: str, signal: Callable[[bool], None], parameter: object = None) -> Iterator[None]:
    """Until the block is left, call ``signal`` with whether the next test uses the fixture with this parameter.

    A test that has no parameter for the fixture may use any.
    """
    started = _Resting(fixture, parameter, signal)
    _STARTED.append(started)
    try:
        yield
    finally:
        _STARTED.remove(started)


def rest_beside(item: pytest.Item) -> None:
    """Let what the test uses run, and all else rest."""
    if not _STARTED or not isinstance(item, pytest.Function):
        return
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    for one in _STARTED:
        runs = one.fixture in item.fixturenames and parameters.get(one.fixture, one.parameter) == one.parameter
        if runs != one.runs:
            one.runs = runs
            one.signal(runs)
