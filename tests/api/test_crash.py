"""kill -9 in the middle of a named request: done again, it makes one share, and the caller gets its answer."""

import json
from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest

from deldokument.services.accounts.integrations import add_integration
from tests.support.deployment.crash import die
from tests.support.deployment.deployment import FJELL, OLA_NUMBER, Deployment, wait_until

CLIENT = "fagsystem"


LEASE = {"deldokument.services.api.idempotency.LEASE": timedelta(seconds=1)}
POINTS = {
    "in the middle of a document": "deldokument.services.api.one_request_share.begin_append",
    "before publishing": "deldokument.services.api.one_request_share.publish_share",
    "between the work and its answer": "deldokument.web.http.idempotency.finish_request",
}


@pytest.fixture(scope="module")
def mortal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A deployment to kill, with a system that may share from «Byggesak»."""
    with Deployment(tmp_path_factory.mktemp("mortal"), constants=LEASE, worker=False) as running:
        deps = running.node.deps
        with deps.database.read() as tx:
            [tenant] = [one for one in tx.tenants.all() if one.name == "Eksempel kommune"]
            [account] = [one for one in tx.accounts.of_tenant(tenant.id) if one.name == "Byggesak"]
        add_integration(deps, tenant_id=tenant.id, account_id=account.id, organization_number=FJELL)
        running.registers.register_consumer(CLIENT, FJELL)
        yield running


def system(mortal: Deployment) -> httpx.Client:
    """The fagsystem, with a new token."""
    client = mortal.client()
    client.headers["Authorization"] = f"Bearer {mortal.access_token(CLIENT)}"
    return client


def request(mortal: Deployment) -> bytes:
    """The body of a share of one document, the same however often it is sent."""
    [account] = system(mortal).get("/api/v1/accounts").json()["items"]
    until = (mortal.node.deps.clock.now() + timedelta(days=3)).isoformat()
    share = {"account_id": account["id"], "archived": True, "expires_at": until, "recipients": [{"number": OLA_NUMBER}]}
    parts = [
        b'--x\r\nContent-Disposition: form-data; name="share"\r\n\r\n' + json.dumps(share).encode(),
        b'--x\r\nContent-Disposition: form-data; name="documents"; filename="a.txt"\r\n\r\ninnhold',
        b"--x--\r\n",
    ]
    return b"\r\n".join(parts)


@pytest.mark.parametrize("point", POINTS)
def test_a_keyed_request_killed_anywhere_creates_one_share(mortal: Deployment, point: str) -> None:
    body, key = request(mortal), point.replace(" ", "-")
    headers = {"Idempotency-Key": key, "Content-Type": "multipart/form-data; boundary=x"}

    def sent() -> httpx.Response:
        return system(mortal).post("/api/v1/small-shares", content=body, headers=headers)

    def states() -> list[str]:
        return sorted(share["state"] for share in system(mortal).get("/api/v1/shares").json()["items"])

    answers: list[httpx.Response] = []

    def answered() -> bool:
        """A caller tries again after 409 and 503: on a busy machine Maskinporten's keys may come too late."""
        answers.append(sent())
        return answers[-1].status_code not in {409, 503}

    before = states()
    mortal.restart({POINTS[point]: die})
    with pytest.raises(httpx.TransportError):
        wait_until(answered, 60, "the server was not killed")
    mortal.restart()
    wait_until(answered, 60, "the first request never ended")
    assert answers[-1].status_code == 201, answers[-1].text
    assert {answer.json()["code"] for answer in answers[:-1]} <= {"request_under_way", "tokens_unavailable"}
    created = answers[-1].json()
    assert (created["state"], [one["name"] for one in created["documents"]]) == ("available", ["a.txt"])
    assert states() == sorted([*before, "available"])
    repeated = sent()
    assert repeated.headers["idempotency-replayed"] == "true"
    assert repeated.json() == created
