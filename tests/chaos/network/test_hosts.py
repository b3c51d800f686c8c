"""The hosts for faults: cut off from each other, connected again, and removed even after a killed run."""

import os
import signal
import subprocess
import sys

import pytest

from tests.chaos.network.hosts import Host, Network, left_by_the_dead, may_make_hosts

# A browser aborts its requests when an address of this machine comes or goes (ERR_NETWORK_CHANGED).
pytestmark = [
    pytest.mark.large,
    pytest.mark.skipif(not may_make_hosts(), reason="hosts of the tests' own take root; see docs/faults.md"),
]
_KILLED = """
import os, signal
from tests.chaos.network.hosts import Network
with Network() as network:
    network.host("n1")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def reaches(one: Host, other: Host) -> bool:
    """Whether a connection is answered, if only by a refusal, since nobody listens there."""
    knock = f"import socket; s = socket.socket(); s.settimeout(1); print(s.connect_ex(({other.address!r}, 9)))"
    done = subprocess.run([*one.prefix, sys.executable, "-c", knock], capture_output=True, text=True, check=True)
    return "111" in done.stdout


def test_hosts_reach_each_other_unless_they_are_cut_off_and_then_again() -> None:
    with Network() as network:
        one, other = network.host("a"), network.host("b")
        assert reaches(one, other)
        one.cut_from(other)
        assert not reaches(one, other)
        assert not reaches(other, one)
        one.mend()
        assert reaches(other, one)
        other.unplug()
        assert not reaches(one, other)
        other.plug()
        assert reaches(one, other)


def test_what_a_killed_run_left_is_removed_by_the_next() -> None:
    environment = os.environ | {"PYTHONPATH": ":".join(sys.path)}
    killed = subprocess.run([sys.executable, "-c", _KILLED], env=environment, check=False)
    assert killed.returncode == -signal.SIGKILL
    with Network() as network:
        assert left_by_the_dead() == set()
        network.host("a")
        assert network.names()
    assert network.names() == []
