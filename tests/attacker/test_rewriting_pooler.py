"""A pooler that answers with another row than the service asked PostgreSQL for opens nothing."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256

import pytest

from deldokument.crypto.errors import IntegrityError
from deldokument.domain.errors import ServiceError, existing
from deldokument.ports.dependencies import Dependencies
from deldokument.services.auth import sessions
from deldokument.services.auth.roles import Roles, roles_of
from deldokument.services.downloads import content, offers
from deldokument.services.people import directory_key, identifier_hash
from deldokument.services.shares.display import queries
from deldokument.services.shares.drafts import drafts
from deldokument.services.uploads import append
from tests.services.auth.test_own_sessions import log_in
from tests.support.deployment.memory import folder_in_memory
from tests.support.faults.rewriting_pooler import RewritingPooler, rewriting_pooler
from tests.support.servers.postgres import PostgresServer
from tests.support.stage.stage import KARI, ODD, OLA, SIV, VIGDIS, Stage, person, set_stage

pytestmark = pytest.mark.once
Ask = Callable[[Dependencies], object]


@dataclass
class Pooled:
    """A world behind the pooler, with something of Kari's and Ola's, and of Siv's and Vigdis's."""

    stage: Stage
    pooler: RewritingPooler

    @cached_property
    def pairs(self) -> dict[str, tuple[bytes, bytes, Ask]]:
        """By what is looked up: the key that is asked for, another one, and the question."""
        stage, deps = self.stage, self.stage.deps
        mine, theirs = stage.publish(OLA, content=b"til Ola"), stage.publish(SIV, content=b"til Siv")
        first, second = (stage.document_ids(one)[0] for one in (mine, theirs))
        vigdis = drafts.start_draft(deps, person(VIGDIS), account_id=stage.barnevern.id).id
        secrets = [log_in(stage, number)[0] for number in (OLA, KARI)]
        tokens = [self._token(KARI, stage.byggesak.id), self._token(VIGDIS, stage.barnevern.id)]
        hashes = [identifier_hash(directory_key(deps), person(number)) for number in (ODD, KARI)]
        return {
            "share of a recipient": (mine.encode(), theirs.encode(), lambda deps: _offer(deps, mine)),
            "document": (first.encode(), second.encode(), lambda deps: _bytes(deps, mine, first)),
            "share of a sharer": (mine.encode(), vigdis.encode(), lambda deps: _title(deps, mine)),
            "session": (*(sha256(one.encode()).digest() for one in secrets), lambda deps: _person(deps, secrets[0])),
            "roles": (*hashes, lambda deps: roles_of(deps, person(ODD))),
            "upload": (
                *(sha256(one.encode()).digest() for one in tokens),
                lambda deps: append.find_upload(deps, tokens[0]).document_id,
            ),
        }

    def _token(self, number: str, account_id: str) -> str:
        deps = self.stage.deps
        draft = drafts.start_draft(deps, person(number), account_id=account_id)
        return drafts.add_document(deps, person(number), draft.id, name="a", length=1, modified_at=None).token


def _offer(deps: Dependencies, share_id: str) -> object:
    found = offers.open_share(deps, person(OLA), share_id)
    return found.id, found.texts.title, [one.id for one in found.documents]


def _bytes(deps: Dependencies, share_id: str, document_id: str) -> object:
    found = content.open_document(deps, person(OLA), share_id, document_id)
    return b"".join(bytes(one) for one in content.read_content(deps, found, 0, found.length))


def _title(deps: Dependencies, share_id: str) -> object:
    found = queries.view_share(deps, person(KARI), share_id)
    return found.share.id, found.account.id, found.texts.title


def _person(deps: Dependencies, secret: str) -> object:
    return existing(sessions.find_session(deps, secret)).person


@pytest.fixture(scope="module")
def pooled(postgres_server: PostgresServer) -> Iterator[Pooled]:
    url = postgres_server.fresh()
    with (
        folder_in_memory() as folder,
        rewriting_pooler(url) as pooler,
        closing(set_stage(folder, pooler.url)) as stage,
    ):
        yield Pooled(stage, pooler)


@pytest.mark.parametrize("where", ["asked", "answered", "both"])
@pytest.mark.parametrize(
    "looked_up", ["share of a recipient", "document", "share of a sharer", "session", "roles", "upload"]
)
def test_a_row_with_another_key_than_requested_is_ignored(pooled: Pooled, looked_up: str, where: str) -> None:
    one, other, ask = pooled.pairs[looked_up]
    deps, pooler = pooled.stage.deps, pooled.pooler
    before, pooler.rewritten = ask(deps), 0
    pooler.asked = (one, other) if where != "answered" else None
    pooler.answered = (one, other) if where != "asked" else None
    try:
        found = ask(deps)
    except (ServiceError, IntegrityError):
        found = None
    finally:
        pooler.asked = pooler.answered = None
    assert pooler.rewritten
    assert found in (None, before, Roles())
    assert ask(deps) == before
    deps.damage.take()
