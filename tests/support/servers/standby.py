"""A PostgreSQL with a streaming standby, which is promoted after it has missed the last seconds.

with replicated() as pair:
    url = pair.server.fresh()
    pair.cut_off()
    ...
    pair.fail_over()  # the standby answers at the same port
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from tempfile import gettempdir

import psycopg

from tests.support.deployment.deployment import wait_until
from tests.support.servers.ports import free_ports
from tests.support.servers.postgres import PostgresServer, run_program, running_postgres, start_options

_SETTINGS = {"wal_level": "replica", "max_wal_senders": "4"}


@dataclass(frozen=True, slots=True)
class Replicated:
    """The primary, and the standby beside it."""

    home: Path
    server: PostgresServer
    standby: PostgresServer

    def cut_off(self) -> None:
        """The standby has all of before, and nothing of after."""
        with (
            psycopg.connect(self.server.url("postgres"), autocommit=True) as primary,
            psycopg.connect(self.standby.url("postgres"), autocommit=True) as standby,
        ):
            [[written]] = primary.execute("SELECT pg_current_wal_insert_lsn()::text").fetchall()
            primary.execute("CHECKPOINT")
            has_all = f"SELECT pg_last_wal_replay_lsn() >= '{written}'".encode()
            wait_until(lambda: standby.execute(has_all).fetchall() == [(True,)], 30, "the standby lags")
            standby.execute("ALTER SYSTEM SET primary_conninfo = ''")
            standby.execute("SELECT pg_reload_conf()")
            receivers = "SELECT count(*) FROM pg_stat_wal_receiver"
            wait_until(lambda: standby.execute(receivers).fetchall() == [(0,)], 30, "the standby still receives")

    def fail_over(self) -> None:
        """The primary is gone at once; the standby takes its place."""
        data, spare = self.home / "data", self.home / "standby"
        run_program("pg_ctl", "-D", data, "-w", "-m", "immediate", "stop")
        run_program("pg_ctl", "-D", spare, "-w", "promote")
        run_program("pg_ctl", "-D", spare, "-w", "-m", "fast", "stop")
        data.rename(self.home / "lost")
        spare.rename(data)
        options = start_options(self.home, self.server.port, _SETTINGS)
        run_program("pg_ctl", "-D", data, "-w", "-l", self.home / "log", "-o", options, "start")


@contextmanager
def replicated() -> Iterator[Replicated]:
    """A pair of its own."""
    folder = Path(gettempdir()) / f"deldokument-pair-{token_hex(8)}"
    with running_postgres(folder, **_SETTINGS) as server:
        home, [port] = folder / "home", free_ports(1)
        place = f"host=127.0.0.1 port={server.port} user=postgres"
        run_program("pg_basebackup", "-D", home / "standby", "-R", "-X", "stream", "-c", "fast", "-N", "-d", place)
        options = start_options(home, port, _SETTINGS)
        run_program("pg_ctl", "-D", home / "standby", "-w", "-l", home / "standby.log", "-o", options, "start")
        try:
            yield Replicated(home, server, PostgresServer(port))
        finally:
            if (home / "standby").exists():
                run_program("pg_ctl", "-D", home / "standby", "-m", "immediate", "stop")
