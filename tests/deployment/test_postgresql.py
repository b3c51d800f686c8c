"""The main job with PostgreSQL beneath, also behind PgBouncer: server and worker as processes, files over real HTTP."""

import os
import re
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import make_url

from deldokument.domain.errors import Unavailable
from deldokument.store.engine.engines import open_engines
from tests.support.deployment.deployment import Deployment, wait_until
from tests.support.deployment.memory import folder_in_memory
from tests.support.servers.nginx import ROOT
from tests.support.servers.pgbouncer import pgbouncer
from tests.support.servers.postgres import PostgresServer
from tests.support.stored_data import names

_LIMIT = re.compile(r"^ALTER ROLE deldokument (SET .+);$", re.M)


@pytest.fixture
def pooled_url(postgres_server: PostgresServer, tmp_path: Path) -> Iterator[str]:
    """A database behind PgBouncer; its role has the limits of the page."""
    role = f"pooled_{secrets.token_hex(6)}"
    limits = _LIMIT.findall((ROOT / "docs" / "operate" / "cluster.md").read_text("utf-8"))
    assert limits
    postgres_server.execute(f"CREATE ROLE {role} LOGIN SUPERUSER")
    try:
        for limit in limits:
            postgres_server.execute(f"ALTER ROLE {role} {limit}")
        with postgres_server.database() as url:
            own = make_url(url).set(username=role).render_as_string()
            with pgbouncer(tmp_path, own) as pooled:
                yield pooled
    finally:
        postgres_server.execute(f"DROP ROLE {role}")


@pytest.mark.parametrize("database", ["postgres_url", "pooled_url"], ids=["direct", "PgBouncer"])
def test_a_share_lives_and_ends_on_postgresql_as_on_sqlite(request: pytest.FixtureRequest, database: str) -> None:
    content = os.urandom(20_000_000)
    with folder_in_memory() as folder, Deployment(folder, request.getfixturevalue(database)) as deployment:
        share_id = deployment.share(["21879498012", "312824450"], {"vedtak.pdf": content})
        [path] = deployment.document_paths(share_id)
        ola = deployment.session("Ola Nordmann")
        assert ola.get(path).content == content
        assert deployment.session("Per Fjellstad").get(path, headers={"Range": "bytes=-10"}).content == content[-10:]
        assert deployment.session("Siv Holm").get(f"/d/{share_id}").status_code == 404
        deployment.withdraw(share_id)
        assert ola.get(f"/d/{share_id}").status_code == 410
        wait_until(lambda: not names(deployment.deps.blobs, deployment.data), 60, "blobs of an ended share remain")
        assert "Traceback" not in deployment.log_text()
        assert " ERROR " not in deployment.log_text()


def test_behind_a_pooler_that_drops_the_limits_of_locks_nothing_is_done(postgres_url: str, tmp_path: Path) -> None:
    with pgbouncer(tmp_path, postgres_url) as pooled:
        engines = open_engines(pooled)
        with pytest.raises(Unavailable, match="lock_timeout"), engines.write():
            pass
        engines.close()
