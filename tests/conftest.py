"""What holds for every test: examples are searched without a deadline, and always the same ones on the CI machine.

pyproject.toml limits sockets to this machine and the time of each test, and names the tests that run only on
request. Fixtures belong to the folder that needs them.
"""

import gc
import os
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import settings
from xdist.remote import Producer

from tests.support.deployment.deployment import deployment, deployments  # noqa: F401
from tests.support.deployment.memory import MEMORY, memory_has
from tests.support.deployment.resting import rest_beside
from tests.support.deployment.stack import Cluster, choose, stack_name
from tests.support.faults.rsa_keys import load_each_key_once
from tests.support.scheduling import TOGETHER, BySharedServers
from tests.support.servers.openbao import openbao  # noqa: F401
from tests.support.servers.postgres import postgres_server  # noqa: F401
from tests.support.servers.seaweedfs import seaweedfs  # noqa: F401

_MINUTES = 600
"""The time limit of tests that take long."""

_SLOWEST_FIRST = (
    *TOGETHER,
    "deployment",
    "nodes",
    "cli",
    "api",
    "client",
    "docs",
)
"""Suites that start processes. A process of the run that came to one of their files last would be waited for."""

_MEMORY_BYTES = 4 * 2**30
"""More than the folders of a run hold together: some 300 MB a worker."""

_AUTHORITY = Path(__file__).with_name("support") / "authority.pem"
"""An authority that has signed nothing and whose key is gone."""

# The Makefile sets these for the test processes. Programs that a test starts run without them, as delivered.
if "PYTEST_XDIST_WORKER" in os.environ:
    for _name in ("PYTHONMALLOC", "GLIBC_TUNABLES"):
        os.environ.pop(_name, None)

# Nearly all imported and collected objects stay; garbage collection would walk them again and again.
gc.disable()
load_each_key_once()

settings.register_profile("here", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")


def pytest_configure(config: pytest.Config) -> None:
    """Set up all but the large tests: those write files of 5 GB, and fetch packages over TLS."""
    if config.option.markexpr != "not large":
        return
    # Each HTTP client of each process reads the trusted authorities, usually 140 of them: a hundredth of a second.
    # Tests that use TLS name their own.
    os.environ["SSL_CERT_FILE"] = str(_AUTHORITY)
    if memory_has(_MEMORY_BYTES):
        # Folders in memory wait for no disk.
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect garbage again afterwards, but never among what is there by then."""
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Left out on the other stack: what looks into files of the embedded form, and what stands on no stack."""
    if stack_name() == "cluster":
        left_out = {item for item in items if {"embedded", "once"} & {mark.name for mark in item.iter_markers()}}
        config.hook.pytest_deselected(items=list(left_out))
        items[:] = [item for item in items if item not in left_out]
    items.sort(key=_turn)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> BySharedServers | None:
    """Keep what shares a server on one process."""
    return BySharedServers(config, log) if config.getvalue("dist") == "loadfile" else None


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Leave the processor to what the test uses."""
    rest_beside(item)


def _suite(item: pytest.Item) -> str:
    # "tests/unit/test_config.py::…": computing relative paths of thousands of items would take a second.
    return item.nodeid.split("/")[1]


def _turn(item: pytest.Item) -> int:
    limit = item.get_closest_marker("timeout")
    if limit is not None and limit.args[0] >= _MINUTES:
        return -1
    suite = _suite(item)
    return _SLOWEST_FIRST.index(suite) if suite in _SLOWEST_FIRST else len(_SLOWEST_FIRST)


@pytest.fixture(scope="session", autouse=True)
def chosen_stack(request: pytest.FixtureRequest) -> None:
    """What worlds and deployments stand on in this run (see support.deployment.stack)."""
    if stack_name() == "cluster":
        choose(Cluster(*map(request.getfixturevalue, ("postgres_server", "seaweedfs", "openbao"))))
