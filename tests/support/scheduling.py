"""Which tests of a run stay together on one of its processes.

A file stays on one, so that its deployment starts once. A suite whose files share a server for the whole session
stays on one too. The demo with its browser takes twenty CPU seconds to start, and every process would start its
own.
"""

from xdist.scheduler import LoadFileScheduling

TOGETHER = ("browser", "uploads", "downloads")
"""Suites that stay on one process. They take less than a third of a run, and begin among the first."""


class BySharedServers(LoadFileScheduling):
    """Hands out files, or all files of a suite that stays together."""

    def _split_scope(self, nodeid: str) -> str:
        return scope_of(nodeid)


def scope_of(nodeid: str) -> str:
    """Return what a test such as "tests/unit/test_config.py::…" stays together with."""
    path = nodeid.split("::", 1)[0]
    suite = path.split("/")[1]
    return suite if suite in TOGETHER else path
