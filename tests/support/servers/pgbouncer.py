"""PgBouncer in transaction mode before a database of the tests, configured as docs/operate/cluster.md says.

with pgbouncer(folder, url) as pooled:
    Deployment(folder, pooled)
"""

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

from tests.support.servers.nginx import ROOT
from tests.support.servers.ports import free_ports
from tests.support.servers.postgres import unprivileged

_SECONDS = 60.0


def configuration() -> str:
    """What the page says of PgBouncer's file."""
    page = (ROOT / "docs" / "operate" / "cluster.md").read_text("utf-8")
    [block] = re.findall(r"```pgbouncer\n(.*?)```", page, re.DOTALL)
    return str(block)


@contextmanager
def pgbouncer(folder: Path, url: str) -> Iterator[str]:
    """The URL of the same database by way of PgBouncer, until the block is left."""
    program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        pytest.fail("no pgbouncer: apt-get install pgbouncer (make test does it)", pytrace=False)
    real, [port] = make_url(url), free_ports(1)
    text = configuration()
    place = f"{real.database} = host={real.host} port={real.port} user={real.username}"
    for pattern, new in (
        (r"(?m)^deldokument = .*$", place),
        (r"(?m)^listen_port = .*$", f"listen_port = {port}"),
        (r"(?m)^unix_socket_dir = .*$", "unix_socket_dir ="),
        (r"(?m)^auth_type = .*\nauth_file = .*$", "auth_type = any"),
        # So few that transactions of several connections share one.
        (r"(?m)^default_pool_size = .*$", "default_pool_size = 3"),
    ):
        text, count = re.subn(pattern, new, text)
        assert count == 1, pattern
    (folder / "pgbouncer.ini").write_text(text)
    user = ["-u", unprivileged().pw_name] if os.geteuid() == 0 else []
    with (folder / "pgbouncer.log").open("wb") as log:
        process = subprocess.Popen([program, *user, str(folder / "pgbouncer.ini")], stdout=log, stderr=log)
    try:
        pooled = real.set(port=port).render_as_string(hide_password=False)
        _wait(pooled, process, folder / "pgbouncer.log")
        yield pooled
    finally:
        # SIGTERM waits for its clients.
        process.send_signal(signal.SIGQUIT)
        process.wait(_SECONDS)


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + _SECONDS
    while True:
        assert process.poll() is None, log.read_text()
        try:
            psycopg.connect(url, connect_timeout=5).close()
        except psycopg.OperationalError:
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.05)
        else:
            return
