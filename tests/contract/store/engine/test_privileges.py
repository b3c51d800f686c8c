"""What the roles of the processes may do in PostgreSQL, asked of the database itself."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
import pytest
from psycopg import sql

from deldokument.domain.errors import Broken, Unavailable
from deldokument.domain.tenants.tenancy import Operator
from deldokument.store.database import Database
from deldokument.store.engine.schema import metadata
from deldokument.store.privileges import SERVE, WORKER, grant_privileges
from tests.fakes.integrity import tagging
from tests.support.servers.postgres import PostgresServer, database_roles

pytestmark = pytest.mark.once

VERBS = ("SELECT", "INSERT", "UPDATE", "DELETE")


@dataclass(frozen=True)
class Roles:
    """A database with the roles of its processes."""

    owner: str
    serve: str
    worker: str

    def url(self, role: str) -> str:
        """How a role logs in."""
        return self.owner.replace("//postgres@", f"//{role}@")

    def held(self, role: str) -> dict[str, set[str]]:
        """What the database says that a role may do, by table."""
        with psycopg.connect(self.owner) as connection:
            tables = [
                name for [name] in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname='public'")
            ]
            ask = sql.SQL("SELECT has_table_privilege(%s, %s, %s)")
            return {
                table: {verb for verb in VERBS if connection.execute(ask, (role, table, verb)).fetchone() == (True,)}
                for table in tables
            }


@pytest.fixture
def roles(postgres_server: PostgresServer, postgres_url: str) -> Iterator[Roles]:
    """A migrated database in which the roles have their privileges."""
    with database_roles(postgres_server, postgres_url) as (serve, worker):
        grant_privileges(postgres_url, serve=serve, worker=worker)
        yield Roles(postgres_url, serve, worker)


def test_each_table_is_written_by_a_process_only_as_far_as_it_has_to_be(roles: Roles) -> None:
    for role, limits in ((roles.serve, SERVE), (roles.worker, WORKER)):
        held = roles.held(role)
        assert set(held) == {*metadata.tables, "alembic_version"}
        assert held == {table: set(limits.get(table, VERBS)) for table in held}


def test_privileges_that_a_role_had_before_are_taken_away(roles: Roles) -> None:
    before = roles.held(roles.serve)
    with psycopg.connect(roles.owner) as connection:
        connection.execute(f"GRANT ALL ON operator, audit_event TO {roles.serve}".encode())
    grant_privileges(roles.owner, serve=roles.serve, worker=None)
    assert roles.held(roles.serve) == before


FORBIDDEN = {
    "make an operator": "INSERT INTO operator VALUES ('x', '\\x00', '\\x00', '\\x00')",
    "rename an operator": "UPDATE operator SET lookup_hash = '\\x00'",
    "remove an operator": "DELETE FROM operator",
    "confirm the clock": "UPDATE deployment SET halted_at = NULL, heartbeat_at = 1",
    "change an event": "UPDATE audit_event SET kind = 'x'",
    "remove an event": "DELETE FROM audit_event",
    "sign a checkpoint": "INSERT INTO audit_checkpoint VALUES ('x', 1, '\\x00', 1, 'x', '\\x00')",
    "give an operator a tag": "UPDATE operator SET tag = '\\x00'",
    "change the schema": "ALTER TABLE operator DROP COLUMN sealed_name",
    "make a table": "CREATE TABLE mine (id text)",
}
WORKERS_TOO = {"sign a checkpoint", "confirm the clock"}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_permission_is_denied_to_a_process_that_would(roles: Roles, what: str) -> None:
    for role in (roles.serve, roles.worker):
        if role == roles.worker and what in WORKERS_TOO:
            continue
        with psycopg.connect(roles.url(role)) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(FORBIDDEN[what].encode())


def test_a_process_cannot_give_itself_more(roles: Roles) -> None:
    before = roles.held(roles.serve)
    with psycopg.connect(roles.url(roles.serve)) as connection:
        connection.execute("GRANT ALL ON operator TO CURRENT_USER")
    assert roles.held(roles.serve) == before


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO administrator VALUES ('x', 'y', '\\x00', '\\x00', '\\x00')",
        "UPDATE administrator SET lookup_hash = '\\x00'",
        "INSERT INTO member (id) VALUES ('x')",
        "INSERT INTO integration (id) VALUES ('x')",
        "INSERT INTO account (id) VALUES ('x')",
        "INSERT INTO tenant (id) VALUES ('x')",
    ],
)
def test_a_worker_gives_nobody_a_role(roles: Roles, statement: str) -> None:
    with (
        psycopg.connect(roles.url(roles.worker)) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege, match="permission denied"),
    ):
        connection.execute(statement.encode())


def test_a_use_case_that_makes_an_operator_fails_in_a_server_process_and_changes_nothing(roles: Roles) -> None:
    own = tagging(Database(roles.url(roles.serve)))
    try:
        with pytest.raises(Broken, match="InsufficientPrivilege"), own.write() as tx:
            tx.staff.add_operator(Operator("x", b"h", b"i", b"n"))
        with own.read() as tx:
            assert tx.staff.operators() == []
    finally:
        own.close()


def test_a_role_that_does_not_exist_is_named(postgres_url: str) -> None:
    name = f"missing_{secrets.token_hex(4)}"
    with pytest.raises(Unavailable, match=name):
        grant_privileges(postgres_url, serve=name, worker=None)


def test_without_roles_nothing_is_asked_of_the_database() -> None:
    grant_privileges("sqlite:////does/not/exist", serve=None, worker=None)
