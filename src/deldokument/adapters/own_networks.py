"""The networks of this machine's own interfaces, as the kernel lists them.

Such networks may contain databases or key servers, even with public addresses, so webhooks must not reach them. The
lists are read from files, because the systemd units forbid netlink sockets.
"""

import re
from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

from deldokument.domain.messages.webhook import Network

_LISTS = Path("/proc/self/net")
_IPV4 = re.compile(r"\|-- (\S+)\n((?: +/\d+ .*\n)+)")
_IPV4_OWN = re.compile(r"/(\d+) (?:host LOCAL|link UNICAST)")
"""An address of this machine, or a network that it reaches without a gateway."""


def own_networks(lists: Path = _LISTS) -> frozenset[Network]:
    """Return the networks and addresses of the interfaces; none if the kernel has no such files."""
    return frozenset([*_ipv4(_content(lists / "fib_trie")), *_ipv6(_content(lists / "if_inet6"))])


def _content(path: Path) -> str:
    try:
        return path.read_text("ascii")
    except FileNotFoundError:
        return ""


def _ipv4(text: str) -> Iterator[IPv4Network]:
    for address, entries in _IPV4.findall(text):
        for length in _IPV4_OWN.findall(entries):
            # A default route through a tunnel is not a network of this machine.
            if int(length) > 0:
                yield IPv4Network(f"{address}/{length}", strict=False)


def _ipv6(text: str) -> Iterator[IPv6Network]:
    for line in text.splitlines():
        address, _, length, *_ = line.split()
        yield IPv6Network((int(address, 16), int(length, 16)), strict=False)
