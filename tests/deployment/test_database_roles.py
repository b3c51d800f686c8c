"""Server process and worker with roles of their own in PostgreSQL, in the service's database and in the keyring's."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from deldokument.services.tenants.operators import add_operator, list_operators
from tests.support.deployment.deployment import OLA, OLA_NUMBER, Deployment, wait_until
from tests.support.deployment.memory import folder_in_memory
from tests.support.servers.postgres import PostgresServer, database_roles
from tests.support.stored_data import names

pytestmark = pytest.mark.once

TORA = "08855630215"
_ADMINISTRATORS = re.compile(r"/konfigurasjon/[\w-]+/administratorer")


@contextmanager
def with_roles(folder: Path, server: PostgresServer, url: str, keyring: str) -> Iterator[Deployment]:
    """A deployment whose processes log in as roles of their own; its commands use the owner of the tables."""
    with database_roles(server, url, keyring) as (serve, worker):

        def of(role: str) -> dict[str, str]:
            own = {"database_url": url, "keyring_database_url": keyring}
            return {name: place.replace("//postgres@", f"//{role}@") for name, place in own.items()}

        given = {
            "database_serve_role": serve,
            "database_worker_role": worker,
            "keyring": "postgresql",
            "keyring_database_url": keyring,
        }
        of_commands = {"serve": of(serve), "worker": of(worker)}
        with Deployment(folder, url, settings=given, of_commands=of_commands) as deployment:
            yield deployment


def test_the_service_works_with_roles_that_may_write_only_what_they_have_to(
    postgres_server: PostgresServer, postgres_url: str, empty_postgres_url: str
) -> None:
    with (
        folder_in_memory() as folder,
        with_roles(folder, postgres_server, postgres_url, empty_postgres_url) as deployment,
    ):
        _share_and_withdraw(deployment, empty_postgres_url)
        _administer(deployment)
        _operate(deployment)
        log = deployment.log_text()
        assert "InsufficientPrivilege" not in log
        assert "the database forbids it" not in log
        assert "Traceback" not in log


def _share_and_withdraw(deployment: Deployment, keyring: str) -> None:
    share_id = deployment.share([OLA_NUMBER], {"vedtak.pdf": b"innhold"})
    [path] = deployment.document_paths(share_id)
    assert deployment.session(OLA).get(path).content == b"innhold"
    deployment.withdraw(share_id)
    assert deployment.session(OLA).get(f"/d/{share_id}").status_code == 410
    wait_until(lambda: not names(deployment.deps.blobs, deployment.data), 30, "the worker did not delete the blobs")
    wait_until(lambda: f"share:{share_id}" not in _keys(keyring), 30, "the worker did not destroy the key")


def _keys(keyring: str) -> set[str]:
    with psycopg.connect(keyring) as connection:
        return {name for [name] in connection.execute("SELECT id FROM keyring_entry")}


def _administer(deployment: Deployment) -> None:
    """An administrator adds another, and removes her again."""
    anne = deployment.session("Anne Myhre")
    anne.headers["Origin"] = deployment.url
    [page] = set(_ADMINISTRATORS.findall(anne.get("/konfigurasjon", follow_redirects=True).text))
    assert anne.post(page, data={"number": OLA_NUMBER, "name": "Ola Nordmann"}).status_code == 303
    removals = re.findall(rf"{page}/[\w-]+/fjerning", anne.get(page).text)
    answers = [anne.post(removal).status_code for removal in removals if "Ola Nordmann" in anne.get(removal).text]
    assert answers == [303]


def _operate(deployment: Deployment) -> None:
    """An operator, whom the owner's command has added, publishes a text."""
    add_operator(deployment.deps, number=TORA, name="Tora Vik")
    assert [one.name for one in list_operators(deployment.deps)] == ["Tora Vik"]
    tora = deployment.session("Tora Vik")
    tora.headers["Origin"] = deployment.url
    assert tora.post("/drift/tekster", data={"kind": "ros", "version": "1.0"}).status_code == 303
