"""The proxy in front writes down neither what was asked for nor by whom, also when something fails."""

import re
import socket
from pathlib import Path

import pytest

from tests.docs.documents import DOCS
from tests.support.servers.nginx import CONFIGURATION, HOST, proxy

pytestmark = pytest.mark.once

SHARE = "mMkqX8M3bLqd0cAyXV5u1A"


def servers() -> list[str]:
    """The server blocks of the delivered file, without comments."""
    text = re.sub(r"#.*", "", CONFIGURATION.read_text("utf-8"))
    return re.split(r"^server \{", text, flags=re.M)[1:]


@pytest.mark.parametrize("server", servers(), ids=["plain", "other hosts", "service"])
def test_every_server_of_the_proxy_logs_no_requests(server: str) -> None:
    assert re.findall(r"^\s+access_log (.*);", server, re.M) == ["off"]
    assert re.findall(r"^\s+error_log \S+ (.*);", server, re.M) == ["emerg"]


def test_what_fails_at_the_proxy_leaves_no_address_of_a_share_in_a_log(tmp_path: Path) -> None:
    folder = tmp_path / "front"
    # nginx reports a node that it cannot reach by a path at level crit, with client and request line.
    with proxy(folder, [f"unix:{tmp_path}/nobody.sock"]) as front:
        assert front.curl(f"/d/{SHARE}", "-o", "/dev/null", "-w", "%{http_code}").stdout == b"503"
        with socket.create_connection(("127.0.0.1", front.plain), timeout=60) as plain:
            plain.sendall(f"GET /d/{SHARE} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode())
            assert b"308 Permanent Redirect" in plain.makefile("rb").readline()
    logs = {path.name: path.read_text("utf-8") for path in folder.glob("*.log")}
    assert "site.log" in logs
    for name, written in logs.items():
        assert SHARE not in written, name
        assert "client: " not in written, name


def test_the_operators_page_says_which_level_keeps_requests_out_of_the_error_log() -> None:
    page = (DOCS / "operate" / "cluster.md").read_text("utf-8")
    assert "`error_log … emerg`" in page
