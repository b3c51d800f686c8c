"""Coverage of the inner layers, followed in the tests that count for it and nowhere else.

pytest-cov follows every line from the start of a run to its end. To collect the tests and to set their fixtures up then
takes half as long again, in all suites.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import walk_packages
from typing import Any

import pytest

_LAYERS = ("domain", "crypto", "ports", "services")
"""As in pyproject.toml."""
_COVERING = ("tests/services/", "tests/unit/")
"""Suites that cover the layers by themselves."""


class Measuring:
    """Follows the lines of a measured run. Without ``--cov`` there is no controller, and nothing to do."""

    def __init__(self, controller: Any) -> None:
        self._controller = controller
        self._follows = False

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> Any:
        """Follow a test that counts, with its fixtures. To start and to stop takes longer than many a test."""
        self._follow(item)
        try:
            return (yield)
        finally:
            self._follow(nextitem)

    def _follow(self, item: pytest.Item | None) -> None:
        counts = item is not None and item.nodeid.startswith(_COVERING)
        if counts != self._follows:
            self._controller.resume() if counts else self._controller.pause()
            self._follows = counts


def measure(session: pytest.Session) -> None:
    """Follow nothing but those tests from here on, if the run is measured."""
    plugin = session.config.pluginmanager.getplugin("_cov")
    controller = plugin and plugin.cov_controller
    if not controller:
        return
    if not hasattr(session.config, "workerinput"):
        # What a module does when it is imported counts too. One process of a run is enough, and it is the first one.
        _import_layers()
    controller.pause()
    session.config.pluginmanager.register(Measuring(controller))


def _import_layers() -> None:
    for layer in _LAYERS:
        package = import_module(f"deldokument.{layer}")
        for module in walk_packages(package.__path__, f"{package.__name__}."):
            import_module(module.name)
