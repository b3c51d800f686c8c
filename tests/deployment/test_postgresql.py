"""The main job with PostgreSQL beneath: server and worker as processes, files over real HTTP."""

from __future__ import annotations

import os

from tests.support.memory import folder_in_memory
from tests.support.server import Deployment, wait_until
from tests.support.stored_data import names


def test_a_share_lives_and_ends_on_postgresql_as_on_sqlite(postgres_url: str) -> None:
    content = os.urandom(20_000_000)
    with folder_in_memory() as folder, Deployment(folder, postgres_url) as deployment:
        share_id = deployment.share(["21879498012", "312824450"], {"vedtak.pdf": content})
        [path] = deployment.document_paths(share_id)
        ola = deployment.session("Ola Nordmann")
        assert ola.get(path).content == content
        assert deployment.session("Per Fjellstad").get(path, headers={"Range": "bytes=-10"}).content == content[-10:]
        assert deployment.session("Siv Holm").get(f"/d/{share_id}").status_code == 404
        deployment.withdraw(share_id)
        assert ola.get(f"/d/{share_id}").status_code == 410
        wait_until(lambda: not names(deployment.deps.blobs, deployment.data), 20, "blobs of an ended share remain")
        assert "Traceback" not in deployment.log_text()
