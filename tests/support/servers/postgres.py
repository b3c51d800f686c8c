"""A PostgreSQL of the tests' own: started once for a run, shared by its workers, a fresh database for each test.

Nothing to set up: it needs the programs of Debian's ``postgresql-17`` and nothing else. It runs as another user when
the tests run as root, on loopback, without fsync, with Norwegian collation. The last worker of a run takes it down.

    from tests.support.servers.postgres import postgres_server, postgres_url  # noqa: F401  (in a conftest.py)
"""

import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

from deldokument.store.migrations import migrate
from tests.support.deployment.shared_server import shared_by_workers
from tests.support.servers.ports import free_ports

PROGRAMS = Path("/usr/lib/postgresql/17/bin")
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "300",
    "shared_buffers": "64MB",
    # Its workers would sometimes be counted, hold snapshots and take locks.
    "autovacuum": "off",
}
_TEMPLATE = "deldokument_template"
_END_OTHERS = """
    SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()"""
_TABLES = """
    SELECT schemaname, tablename FROM pg_tables
    WHERE schemaname IN ('public', 'kept') AND tablename <> 'alembic_version'"""


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """A running cluster."""

    port: int
    _spare: list[str] = field(default_factory=list)
    """Databases in which nothing is any more."""

    def url(self, database: str) -> str:
        """The program's setting for one of its databases."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def execute(self, statement: str) -> None:
        """One statement outside of any transaction."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement.encode())

    def new_database(self, template: str = _TEMPLATE) -> str:
        """The URL of a new database, which goes with the server."""
        name = f"test_{secrets.token_hex(8)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        return self.url(name)

    @contextmanager
    def database(self, template: str = _TEMPLATE) -> Iterator[str]:
        """The URL of a new database, which is dropped at the end, connections or not."""
        url = self.new_database(template)
        try:
            yield url
        finally:
            self.execute(f"DROP DATABASE {url.rpartition('/')[2]} WITH (FORCE)")

    def fresh(self) -> str:
        """The URL of a database with today's tables and nothing in them; to be given back."""
        if self._spare:
            return self._spare.pop()
        url = self.new_database()
        with psycopg.connect(url) as connection:
            # With the template's id, all of them would be the same deployment.
            connection.execute("UPDATE deployment SET id = %s", (secrets.token_urlsafe(16),))
        return url

    def give_back(self, url: str) -> None:
        """Nobody uses it any more. Its tables are as they were: to empty it takes a tenth of what a new one takes."""
        self.put_back(url)
        self._spare.append(url)

    def keep(self, url: str) -> None:
        """Each restore brings back the tables' content of now; it stays the same deployment's."""
        with psycopg.connect(url) as connection:
            tables = [table for _, table in connection.execute(_TABLES).fetchall()]
            copies = (f'CREATE TABLE kept."{table}" AS TABLE public."{table}"' for table in tables)
            connection.execute(";".join(["CREATE SCHEMA kept", *copies]).encode())

    def put_back(self, url: str) -> None:
        """Nothing is in it any more but what was kept. Where nothing was, it is another deployment's.

        Nobody may be using it.
        """
        with psycopg.connect(url) as connection:
            # Statements of a killed process must not affect the next one.
            connection.execute(_END_OTHERS)
            connection.execute("SET session_replication_role = replica")
            tables = connection.execute(_TABLES).fetchall()
            emptied = [f'DELETE FROM public."{table}"' for schema, table in tables if schema == "public"]
            filled = [
                f'INSERT INTO public."{table}" TABLE kept."{table}"' for schema, table in tables if schema == "kept"
            ]
            connection.execute(";".join([*emptied, *filled]).encode())
            if not filled:
                own = secrets.token_urlsafe(16)
                connection.execute("INSERT INTO deployment (singleton, id) VALUES (1, %s)", (own,))

    def copied_database(self, url: str) -> str:
        """The URL of a copy of a database that may be in use; it goes with the server."""
        copy = self.new_database(template="template0")
        dump = subprocess.run([PROGRAMS / "pg_dump", url], capture_output=True, check=True).stdout
        subprocess.run([PROGRAMS / "psql", "-qv", "ON_ERROR_STOP=1", copy], input=dump, capture_output=True, check=True)
        return copy


@pytest.fixture(scope="session")
def postgres_server(testrun_uid: str) -> Iterator[PostgresServer]:
    """The run's server; its template database is migrated."""
    with running_postgres(Path(tempfile.gettempdir()) / f"deldokument-pg-{testrun_uid[:16]}") as server:
        yield server


@contextmanager
def running_postgres(folder: Path, **settings: str) -> Iterator[PostgresServer]:
    """The server whose files are in ``folder``, shared by all who name the same; ``settings`` besides the usual."""
    with shared_by_workers(folder, lambda: _start(folder, settings), lambda: _stop(folder)):
        yield PostgresServer(int((folder / "port").read_text()))


def restart_as_after_a_crash(folder: Path) -> None:
    """End all processes of the server in ``folder`` at once, and start it again: it recovers from its log."""
    with crashed_postgres(folder):
        pass


@contextmanager
def crashed_postgres(folder: Path) -> Iterator[None]:
    """All processes of the server in ``folder`` are ended at once; it starts again at the end."""
    command = "pg_ctl", "-D", folder / "home" / "data", "-w"
    run_program(*command, "-m", "immediate", "stop")
    try:
        yield
    finally:
        # Unlike a start, a restart uses the previous options.
        run_program(*command, "-l", folder / "home" / "log", "restart")


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """A fresh, migrated database, the tables of which stay as they are."""
    url = postgres_server.fresh()
    yield url
    postgres_server.give_back(url)


@pytest.fixture
def empty_postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """A fresh database without tables."""
    with postgres_server.database(template="template0") as url:
        yield url


@contextmanager
def database_roles(server: PostgresServer, *urls: str) -> Iterator[tuple[str, str]]:
    """Roles for the server processes and the workers; gone at the end, with what they may do in the databases."""
    names = f"serve_{secrets.token_hex(6)}", f"worker_{secrets.token_hex(6)}"
    for name in names:
        server.execute(f"CREATE ROLE {name} LOGIN")
    try:
        yield names
    finally:
        for url in urls:
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute(f"DROP OWNED BY {', '.join(names)}".encode())
        for name in names:
            server.execute(f"DROP ROLE {name}")


def _start(folder: Path, settings: Mapping[str, str]) -> None:
    if not (PROGRAMS / "initdb").exists():
        pytest.fail(f"no PostgreSQL 17 in {PROGRAMS}: apt-get install postgresql-17 (make test does it)", pytrace=False)
    home, [port] = folder / "home", free_ports(1)
    home.mkdir(mode=0o700)
    if os.geteuid() == 0:
        user = unprivileged()
        os.chown(home, user.pw_uid, user.pw_gid)
    locale = ["--locale-provider=icu", "--icu-locale=nb-NO", "--locale=C.UTF-8"]
    run_program(
        "initdb", "-D", home / "data", "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--no-sync", *locale
    )
    options = start_options(home, port, settings)
    run_program("pg_ctl", "-D", home / "data", "-w", "-l", home / "log", "-o", options, "start")
    server = PostgresServer(port)
    server.execute(f"CREATE DATABASE {_TEMPLATE}")
    migrate(server.url(_TEMPLATE))
    (folder / "port").write_text(str(port))


def start_options(home: Path, port: int, settings: Mapping[str, str]) -> str:
    """The options of a server whose sockets are in ``home``; ``settings`` besides the usual."""
    options = " ".join(f"-c {name}={value}" for name, value in (_SETTINGS | settings).items())
    return f"-p {port} -k {home} {options}"


def _stop(folder: Path) -> None:
    if (folder / "home" / "data").exists():
        run_program("pg_ctl", "-D", folder / "home" / "data", "-m", "immediate", "stop")
    shutil.rmtree(folder)


def run_program(program: str, *arguments: str | Path) -> None:
    """As a user without privileges: the server refuses to run as root."""
    command = [str(PROGRAMS / program), *map(str, arguments)]
    if os.geteuid() == 0:
        user = unprivileged()
        command = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", *command]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=program == "initdb", check=False, cwd="/")
    if done.returncode:
        pytest.fail(f"{program}: {(done.stderr or b'see its log').decode()}", pytrace=False)


def unprivileged() -> pwd.struct_passwd:
    """Whom servers run as that refuse to run as root."""
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")
