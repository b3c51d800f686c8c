"""Nothing depends on which node answers: what is begun at one goes on, is seen and ends at the other."""

import os
import time
from itertools import cycle

import httpx
import pytest

from deldokument.services.accounts.integrations import add_integration
from deldokument.services.accounts.lifecycle import create_account
from deldokument.services.accounts.members import remove_member
from tests.nodes.conftest import Nodes
from tests.support.deployment.deployment import FJELL, KARI, OFFSET_TYPE, OLA, OLA_NUMBER, SIV, Deployment
from tests.support.deployment.simulators import log_in
from tests.support.stage.confirmed import add_member
from tests.support.stage.inspection import inspect_documents

# Two nodes, their registers and a database start before the first of them.
pytestmark = pytest.mark.timeout(400)

SIVS_NUMBER = "14839114193"


def test_a_login_begun_at_one_node_ends_at_the_other_and_so_does_its_session(nodes: Nodes) -> None:
    with httpx.Client(timeout=60) as client:
        begun = client.get(f"{nodes.first}/logg-inn?neste=/mine").headers["location"]
        with httpx.Client(timeout=60) as browser:
            back = log_in(browser, begun, person=OLA)
        assert client.get(back.replace(nodes.first, nodes.second)).headers["location"] == "/mine"
        token = client.get(f"{nodes.first}/del/csrf").json()["csrf_token"]
        assert [client.get(f"{url}/mine").status_code for url in (nodes.first, nodes.second)] == [200, 200]
        cookies = dict(client.cookies)
        assert client.post(f"{nodes.first}/logg-ut", headers={"X-CSRF-Token": token}).status_code == 200
    for url in (nodes.second, nodes.first):
        # The cookie that somebody has kept is worth nothing, at either.
        assert httpx.get(f"{url}/mine", cookies=cookies).status_code == 303


def test_an_upload_begun_at_one_node_goes_on_at_the_other_and_is_one_document(nodes: Nodes) -> None:
    deployment, content = nodes.deployment, os.urandom(3_000_000)
    draft_id = deployment.draft()
    deployment.add_recipients(draft_id, [OLA_NUMBER])
    ticket = deployment.announce(draft_id, "vedtak.pdf", len(content))
    path = deployment.create_upload(ticket)
    for url, start, stop in ((nodes.first, 0, 1_000_000), (nodes.second, 1_000_000, len(content))):
        headers = ticket.headers | {"Upload-Offset": str(start), "Content-Type": OFFSET_TYPE}
        answer = httpx.patch(url + path, headers=headers, content=content[start:stop], timeout=60)
        assert (answer.status_code, answer.headers["upload-offset"]) == (204, str(stop))
        for other in (nodes.first, nodes.second):
            assert httpx.head(other + path, headers=ticket.headers).headers["upload-offset"] == str(stop)
    kari = deployment.session(KARI)
    assert kari.post(f"{nodes.second}/del/utkast/{draft_id}/publisering", json={}).is_success
    inspect_documents(deployment.node.deps)
    ola, [document] = deployment.session(OLA), deployment.document_paths(draft_id)
    whole = ola.get(nodes.first + document)
    assert whole.content == content
    rest = ola.get(nodes.second + document, headers={"Range": "bytes=999990-", "If-Range": whole.headers["etag"]})
    assert (rest.status_code, rest.content) == (206, content[999_990:])


def test_a_share_withdrawn_at_one_node_is_gone_at_the_other_at_once(nodes: Nodes) -> None:
    share_id = _published(nodes.deployment)
    ola = nodes.deployment.session(OLA)
    assert ola.get(f"{nodes.second}/d/{share_id}").status_code == 200
    nodes.deployment.withdraw(share_id)
    assert ola.get(f"{nodes.second}/d/{share_id}").status_code == 410


def test_a_member_who_is_removed_can_do_nothing_more_at_any_node(nodes: Nodes) -> None:
    deps = nodes.deployment.node.deps
    with deps.database.read() as tx:
        tenant = next(one for one in tx.tenants.all() if one.name == "Eksempel kommune")
    account = create_account(deps, tenant_id=tenant.id, name=f"Konto {time.monotonic_ns()}")
    member = add_member(deps, tenant_id=tenant.id, account_id=account.id, number=SIVS_NUMBER, name=SIV)
    siv = nodes.deployment.session(SIV, fresh=True)
    draft = siv.post(f"{nodes.first}/del/utkast", json={"account_id": account.id}).json()["draft"]["id"]
    form = {"name": "a.txt", "length": 10, "modified_at": None}
    announced = siv.post(f"{nodes.second}/del/utkast/{draft}/dokumenter", json=form).json()
    headers = {"Tus-Resumable": "1.0.0", "Authorization": f"Bearer {announced['upload']['token']}"}
    path = httpx.post(f"{nodes.first}/uploads", headers=headers | {"Upload-Length": "10"}).headers["location"]
    remove_member(deps, tenant_id=tenant.id, account_id=account.id, member_id=member.id)
    for url in (nodes.first, nodes.second):
        patch = headers | {"Upload-Offset": "0", "Content-Type": OFFSET_TYPE}
        assert httpx.patch(url + path, headers=patch, content=bytes(10)).status_code in (401, 403, 404)
        assert not siv.post(f"{url}/del/utkast", json={"account_id": account.id}).is_success


def test_a_named_request_and_the_calls_of_a_consumer_count_once_for_both_nodes(nodes: Nodes) -> None:
    deployment = nodes.deployment
    deployment.registers.register_consumer("fjell-client", FJELL)
    account_id = _account(deployment)
    began = time.monotonic()
    headers = {"Authorization": f"Bearer {deployment.access_token('fjell-client')}"}
    named = headers | {"Idempotency-Key": "one"}
    first, again = (
        httpx.post(f"{url}/api/v1/shares", json={"account_id": account_id, "archived": True}, headers=named, timeout=60)
        for url in (nodes.first, nodes.second)
    )
    assert (first.status_code, again.headers["idempotency-replayed"]) == (201, "true")
    assert first.json() == again.json()
    granted, limit, urls = 2, 10, cycle((nodes.first, nodes.second))
    for _ in range(3 * limit):
        granted += httpx.get(f"{next(urls)}/api/v1/accounts", headers=headers, timeout=60).status_code == 200
    # Capacity that was refilled meanwhile counts too. Nodes that count separately would grant twice the limit.
    assert limit <= granted <= limit + (time.monotonic() - began) * limit / 60 + 1


def _published(deployment: Deployment) -> str:
    draft_id = deployment.draft()
    deployment.add_recipients(draft_id, [OLA_NUMBER])
    deployment.upload(draft_id, "a.txt", b"a")
    assert deployment.session(KARI).post(f"/del/utkast/{draft_id}/publisering", json={}).is_success
    return draft_id


def _account(deployment: Deployment) -> str:
    """«Byggesak», which Fjell's systems may share from."""
    deps = deployment.node.deps
    with deps.database.read() as tx:
        tenant = next(one for one in tx.tenants.all() if one.name == "Eksempel kommune")
        account = next(one for one in tx.accounts.of_tenant(tenant.id) if one.name == "Byggesak")
    add_integration(deps, tenant_id=tenant.id, account_id=account.id, organization_number=FJELL)
    return account.id
