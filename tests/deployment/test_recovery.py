"""An older database beside today's keyring: restored as the operator's page says, or a standby that was promoted."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import make_url

from deldokument.domain.tenants.tenancy import Account, Member
from deldokument.services.accounts import members
from deldokument.services.audit.heads import kept_heads
from deldokument.services.downloads.access import authorize
from deldokument.services.encryption import identifier_hash
from deldokument.services.people import directory_key
from tests.support.deployment.deployment import KARI, OLA, OLA_NUMBER, SIV, Deployment, wait_until
from tests.support.deployment.memory import folder_in_memory
from tests.support.deployment.operating_page import blocks
from tests.support.servers.postgres import PROGRAMS, PostgresServer
from tests.support.servers.standby import replicated
from tests.support.stage.stage import ODD as ODD_NUMBER
from tests.support.stage.stage import SIV as SIV_NUMBER
from tests.support.stage.stage import person

pytestmark = [pytest.mark.once, pytest.mark.large, pytest.mark.timeout(300)]

_SECONDS = 60
_NAME = re.compile(r"(?<![\w.-])deldokument(?![\w.-])")
_STANDINS = {
    "runuser": 'shift 3; exec "$@"',
    "del": f'exec {sys.executable} -m deldokument.cli.main "$@"',
}


@dataclass(frozen=True, slots=True)
class Operator:
    """Who types commands on the machine of a deployment."""

    deployment: Deployment
    folder: Path

    def types(self, block: str) -> str:
        """The block, with this database's name; it must end well."""
        url = make_url(self.deployment.database_url)
        typed = _NAME.sub(str(url.database), block.replace("--owner deldokument", "--owner postgres"))
        there = {"PGHOST": str(url.host), "PGPORT": str(url.port), "PGUSER": "postgres", "COLUMNS": "200"}
        path = f"{self.folder}:{PROGRAMS}:{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", typed],
            cwd=self.folder, env=self.deployment.environment() | there | {"PATH": path}, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{typed}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def restores(self, block: str) -> str:
        """The block that restores; what systemctl would stop and start is the deployment."""
        stop, *between, start = block.strip().splitlines()
        assert (stop[:14], start[:15]) == ("systemctl stop", "systemctl start")
        self.deployment.stop_worker()
        self.deployment.kill()
        self.deployment.node.deps.database.close()  # type: ignore[attr-defined]
        output = self.types("\n".join(between))
        self.deployment.restart()
        return output

    def listed(self) -> dict[str, Any]:
        """What the restore has brought back."""
        found: dict[str, Any] = json.loads(self.types("del audit restored --json"))
        return found


@contextmanager
def operated(url: str) -> Iterator[tuple[Deployment, Operator]]:
    """A deployment in that database, and its operator."""
    with folder_in_memory() as folder, Deployment(folder, url) as deployment:
        place = folder / "typed"
        place.mkdir()
        for name, does in _STANDINS.items():
            (place / name).write_text(f"#!/bin/bash\n{does}\n")
            (place / name).chmod(0o755)
        yield deployment, Operator(deployment, place)


def heads_are_kept(deployment: Deployment) -> None:
    """The worker has kept the end of each chain."""
    deps = deployment.deps

    def are() -> bool:
        with deps.database.read() as tx:
            return kept_heads(deps.keyring, deps.integrity) == tx.audit.ends()

    wait_until(are, _SECONDS, "the worker keeps no heads")


def recipient_siv(deployment: Deployment, share_id: str) -> str:
    """Her id among the recipients."""
    [siv] = authorize(deployment.deps, person(SIV_NUMBER), share_id).recipient_ids
    return siv


def remove(deployment: Deployment, share_id: str, recipient: str) -> None:
    with deployment.deps.database.read() as tx:
        recipients = [one.id for one in tx.shares.recipients([share_id])]
    deployment.remove_recipient(share_id, recipients.index(recipient))


def odd_of(deployment: Deployment) -> tuple[Member, Account]:
    """Odd's membership."""
    deps = deployment.deps
    with deps.database.read() as tx:
        [found] = tx.members.of_person(identifier_hash(directory_key(deps), person(ODD_NUMBER)))
    return found


def remove_odd(deployment: Deployment) -> None:
    odd, account = odd_of(deployment)
    members.remove_member(deployment.deps, tenant_id=account.tenant_id, account_id=account.id, member_id=odd.id)


def answers(client: httpx.Client, path: str, status: int) -> None:
    wait_until(lambda: client.get(path).status_code == status, _SECONDS, f"{path} does not answer {status}")


def test_a_database_that_is_restored_as_the_page_says_is_held_until_the_operator_has_seen_what_comes_back(
    postgres_server: PostgresServer,
) -> None:
    back_up, restore, go_on, _ = blocks("Backup")
    with postgres_server.database() as url, operated(url) as (deployment, operator):
        share_id = deployment.share([OLA_NUMBER, SIV_NUMBER], {"vedtak.pdf": b"innhold"})
        share, (kari, ola, siv) = f"/d/{share_id}", map(deployment.session, (KARI, OLA, SIV))
        removed = recipient_siv(deployment, share_id)
        heads_are_kept(deployment)
        operator.types(back_up)
        remove(deployment, share_id, removed)
        remove_odd(deployment)
        heads_are_kept(deployment)
        answers(siv, share, 404)

        output = operator.restores(restore)
        for kind in ("recipient_removed", "member_removed"):
            assert kind in output
        assert [ola.get(share).status_code, siv.get(share).status_code] == [503, 503]
        assert kari.get("/delinger").status_code == 503
        # She is a member of a tenant that has lost nothing.
        assert siv.get("/delinger").status_code == 200

        stop = f"del tenant freeze-share {share_id} --reason security"
        operator.types(f"del member remove {odd_of(deployment)[0].id}\n{stop}")
        output = operator.types(go_on)
        assert share_id in output
        assert "intact" in output
        answers(kari, f"/delinger/{share_id}", 200)
        assert [ola.get(share).status_code, siv.get(share).status_code] == [403, 403]
        remove(deployment, share_id, removed)
        operator.types(f"del tenant unfreeze-share {share_id}")
        assert [ola.get(share).status_code, siv.get(share).status_code] == [200, 404]
        assert operator.listed()["chains"] == []
        assert "Traceback" not in deployment.log_text()


def test_tenants_that_lost_events_with_the_primary_are_held_and_others_go_on() -> None:
    with replicated() as pair, operated(pair.server.fresh()) as (deployment, operator):
        share_id = deployment.share([OLA_NUMBER, SIV_NUMBER], {"vedtak.pdf": b"innhold"})
        share, (ola, siv) = f"/d/{share_id}", map(deployment.session, (OLA, SIV))
        removed = recipient_siv(deployment, share_id)
        heads_are_kept(deployment)
        pair.cut_off()
        remove(deployment, share_id, removed)
        heads_are_kept(deployment)
        pair.fail_over()

        answers(ola, share, 503)
        answers(siv, "/delinger", 200)
        assert siv.get(share).status_code == 503
        [chain] = operator.listed()["chains"]
        [lost] = operator.listed()["brought_back"]
        assert (lost["chain"], lost["kind"], lost["share"]) == (chain["chain"], "recipient_removed", share_id)
        operator.types("del audit restored --confirm\ndel audit verify")
        answers(ola, share, 200)
        remove(deployment, share_id, removed)
        assert siv.get(share).status_code == 404
