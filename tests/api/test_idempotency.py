"""A request with an Idempotency-Key is done once, even if its response is lost."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from deldokument.domain.errors import Unavailable
from deldokument.services.api import idempotency
from deldokument.services.shares.drafts import api_drafts
from tests.support.browser import serve
from tests.support.stage.api import System, Systems
from tests.support.stage.stage import OLA, SIV, Stage

KEY = {"Idempotency-Key": "3f1d6c0e-6d0c-4d44-9f0e-8a2e3a1b7c55"}


@pytest.fixture
def stage(cast: Systems) -> Stage:
    return cast.web.stage


def create(system: System, stage: Stage, **changes: Any) -> httpx.Response:
    return system.post("/shares", {"account_id": stage.byggesak.id, "title": "Vedtak"} | changes, headers=KEY)


def count(cast: Systems) -> int:
    return len(cast.sharer.get("/shares").json()["items"])


def test_a_repeated_request_gets_the_same_bytes_marked_as_replayed(cast: Systems, stage: Stage) -> None:
    first, second = create(cast.sharer, stage), create(cast.sharer, stage)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.content == second.content
    assert first.headers["location"] == second.headers["location"]
    assert first.headers["content-type"] == second.headers["content-type"]
    assert "idempotency-replayed" not in first.headers
    assert second.headers["idempotency-replayed"] == "true"
    assert second.headers["ratelimit"].startswith('"consumer"')
    assert count(cast) == 1


def test_every_post_accepts_an_idempotency_key(cast: Systems, stage: Stage) -> None:
    share = create(cast.sharer, stage).json()
    path = f"/shares/{share['id']}"
    bodies: dict[str, Any] = {
        f"{path}/recipients": {"recipients": [{"number": OLA}]},
        f"{path}/documents": {"name": "a", "length": 1},
    }
    for number, (address, body) in enumerate(bodies.items()):
        headers = {"Idempotency-Key": f"key-{number}"}
        answers = [cast.sharer.post(address, body, headers=headers) for _ in range(2)]
        assert answers[0].content == answers[1].content
        assert "idempotency-replayed" in answers[1].headers


def test_another_request_under_the_same_key_is_refused(cast: Systems, stage: Stage) -> None:
    create(cast.sharer, stage)
    for other in (
        create(cast.sharer, stage, title="Nytt"),
        cast.sharer.post("/shares?a=1", {"account_id": stage.byggesak.id, "title": "Vedtak"}, headers=KEY),
        cast.sharer.post("/webhooks", {"account_id": stage.byggesak.id, "title": "Vedtak"}, headers=KEY),
    ):
        assert other.status_code == 422
        assert other.json()["errors"][0] == {
            "field": "Idempotency-Key",
            "code": "idempotency_key_reused",
            "message": "That Idempotency-Key was used for another request. Choose a new one.",
        }
    assert count(cast) == 1


def test_idempotency_keys_of_two_consumers_are_independent(cast: Systems, stage: Stage) -> None:
    create(cast.sharer, stage)
    other = cast.neighbour.post("/shares", {"account_id": stage.byggesak.id, "title": "Vedtak"}, headers=KEY)
    assert other.status_code == 404
    own = cast.neighbour.post("/shares", {"account_id": stage.barnevern.id, "title": "Vedtak"}, headers=KEY)
    assert (own.status_code, "idempotency-replayed" in own.headers) == (201, False)


def test_a_stored_response_is_refused_to_a_client_without_rights(cast: Systems, stage: Stage) -> None:
    create(cast.sharer, stage)
    stage.tokens.known.clear()
    assert create(cast.sharer, stage).status_code == 401


def test_a_refused_request_may_be_corrected_under_its_key(cast: Systems, stage: Stage) -> None:
    assert create(cast.sharer, stage, recipients=[{"number": "1"}]).status_code == 422
    assert create(cast.sharer, stage, recipients=[{"number": OLA}]).status_code == 201


@pytest.mark.parametrize("key", ["", "a b", "x" * 256, "æ".encode("latin-1"), "a\tb"])
def test_a_malformed_key_is_refused(cast: Systems, stage: Stage, key: str | bytes) -> None:
    answer = cast.sharer.post("/shares", {"account_id": stage.byggesak.id}, headers={"Idempotency-Key": key})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["code"] == "idempotency_key_malformed"


def test_a_key_on_an_idempotent_method_is_ignored(cast: Systems, stage: Stage) -> None:
    path = f"/shares/{create(cast.sharer, stage).json()['id']}"
    assert cast.sharer.get(path, headers=KEY).status_code == 200
    assert cast.sharer.call("PATCH", path, {"title": "Nytt"}, headers=KEY).status_code == 200


def test_two_concurrent_requests_create_one_share(cast: Systems, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    inside, let_go = threading.Event(), threading.Event()
    create_draft = api_drafts.create_draft

    def held(*given: Any) -> Any:
        inside.set()
        assert let_go.wait(20)
        return create_draft(*given)

    monkeypatch.setattr("deldokument.services.shares.drafts.api_drafts.create_draft", held)
    other_node = serve(stage)
    second = System(other_node.browser(), cast.sharer.token)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(create, cast.sharer, stage)
        assert inside.wait(20)
        meanwhile = create(second, stage)
        assert (meanwhile.status_code, meanwhile.json()["code"]) == (409, "request_under_way")
        assert meanwhile.headers["retry-after"] == "1"
        let_go.set()
        answer = first.result()
    assert create(second, stage).content == answer.content
    assert count(cast) == 1
    other_node.close()


class Killed(BaseException):
    """As if the process had been killed here: nothing below catches it."""


def test_a_crash_between_the_work_and_its_response_creates_nothing_twice(
    cast: Systems, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr("deldokument.web.http.idempotency.finish_request", killed)
        with pytest.raises(Killed):
            create(cast.sharer, stage)
    assert count(cast) == 1
    assert create(cast.sharer, stage).status_code == 409
    stage.clock.advance(seconds=idempotency.LEASE.total_seconds())
    again = create(cast.sharer, stage)
    assert again.status_code == 201
    assert [again.json()] == cast.sharer.get("/shares").json()["items"]
    assert create(cast.sharer, stage).headers["idempotency-replayed"] == "true"


def test_a_response_that_could_not_be_stored_is_still_sent(
    cast: Systems, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_: object) -> None:
        raise Unavailable("database")

    with monkeypatch.context() as patched:
        patched.setattr("deldokument.web.http.idempotency.finish_request", down)
        first = create(cast.sharer, stage)
    assert first.status_code == 201
    stage.clock.advance(seconds=idempotency.LEASE.total_seconds())
    assert create(cast.sharer, stage).json() == first.json()
    assert count(cast) == 1


def test_an_internal_error_is_a_problem_and_releases_the_key(
    cast: Systems, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def mistaken(*_: object) -> None:
        raise RuntimeError(f"near {SIV}")

    with monkeypatch.context() as patched:
        patched.setattr("deldokument.services.shares.drafts.api_drafts.create_draft", mistaken)
        answer = create(cast.sharer, stage)
        assert (answer.status_code, answer.json()["code"]) == (500, "broken")
        assert SIV not in answer.text
    assert create(cast.sharer, stage).status_code == 201


def test_a_request_refused_during_its_renewal_may_be_corrected_under_its_key(
    cast: Systems, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    written, create_draft, renew = threading.Event(), api_drafts.create_draft, idempotency.renew_request

    def held(*given: Any) -> Any:
        assert written.wait(20)
        return create_draft(*given)

    def slow(*given: Any) -> Any:
        stage.clock.advance(seconds=1)
        request = renew(*given)
        written.set()
        time.sleep(0.2)
        return request

    with monkeypatch.context() as patched:
        patched.setattr("deldokument.services.shares.drafts.api_drafts.create_draft", held)
        patched.setattr("deldokument.web.http.idempotency.renew_request", slow)
        patched.setattr("deldokument.web.http.idempotency.RENEWED_SECONDS", 0.01)
        assert create(cast.sharer, stage, title="\x07").status_code == 422
    assert create(cast.sharer, stage).status_code == 201


def test_a_request_that_outlives_its_lease_is_not_done_twice(
    cast: Systems, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside, let_go, renewed = threading.Event(), threading.Event(), threading.Semaphore(0)
    create_draft, renew = api_drafts.create_draft, idempotency.renew_request

    def held(*given: Any) -> Any:
        inside.set()
        assert let_go.wait(20)
        return create_draft(*given)

    def counted(*given: Any) -> Any:
        request = renew(*given)
        renewed.release()
        return request

    monkeypatch.setattr("deldokument.services.shares.drafts.api_drafts.create_draft", held)
    monkeypatch.setattr("deldokument.web.http.idempotency.renew_request", counted)
    monkeypatch.setattr("deldokument.web.http.idempotency.RENEWED_SECONDS", 0.01)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(create, cast.sharer, stage)
        assert inside.wait(20)
        for _ in range(3):
            stage.clock.advance(seconds=idempotency.LEASE.total_seconds() - 1)
            # A renewal that began before the clock was moved does not count.
            assert renewed.acquire(timeout=20)
            assert renewed.acquire(timeout=20)
        other_node = serve(stage)
        meanwhile = create(System(other_node.browser(), cast.sharer.token), stage)
        assert (meanwhile.status_code, meanwhile.json()["code"]) == (409, "request_under_way")
        let_go.set()
        answer = first.result()
    assert create(cast.sharer, stage).content == answer.content
    assert count(cast) == 1
    other_node.close()
