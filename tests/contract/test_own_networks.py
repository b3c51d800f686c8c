"""Which networks the interfaces of a machine are on: those of this one, and of others as their kernels list them."""

import socket
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from deldokument.adapters.own_networks import own_networks

pytestmark = pytest.mark.once

# A server with a public address of its own, a tunnel that is its default route, and one behind a gateway.
_IPV4 = """\
Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 link UNICAST
     +-- 129.241.0.0/16 2 0 2
        |-- 129.241.16.0
           /22 link UNICAST
        |-- 129.241.17.4
           /32 host LOCAL
        |-- 129.241.19.255
           /32 link BROADCAST
     |-- 158.36.0.0
        /16 universe UNICAST
     |-- 193.156.1.0
        /24 universe UNICAST
        /25 link UNICAST
"""
_IPV6 = """\
20010700030000010000000000000017 02 40 00 80     eth0
fe8000000000000000fc00fffe000001 02 40 20 80     eth0
00000000000000000000000000000001 01 80 10 80       lo
"""


def test_the_networks_are_those_that_are_reached_without_a_gateway(tmp_path: Path) -> None:
    (tmp_path / "fib_trie").write_text(_IPV4)
    (tmp_path / "if_inet6").write_text(_IPV6)
    expected = "129.241.16.0/22 129.241.17.4/32 193.156.1.0/25 2001:700:300:1::/64 fe80::/64 ::1/128"
    assert own_networks(tmp_path) == set(map(ip_network, expected.split()))


def test_this_machine_is_on_its_own_networks() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        own = ip_address(listener.getsockname()[0])
    assert any(own in network for network in own_networks())


def test_a_kernel_without_such_lists_has_none(tmp_path: Path) -> None:
    assert own_networks(tmp_path) == frozenset()
