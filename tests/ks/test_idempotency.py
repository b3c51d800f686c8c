"""An upload to KS' interfaces that is repeated with its Idempotency-Key shares nothing twice."""

import hashlib
import json

import httpx
import pytest

from deldokument.crypto.keys import frame
from deldokument.domain.shares.share import ShareState
from deldokument.services.api.idempotency import LEASE, IdempotentRequest, begin_request
from deldokument.services.shares.drafts import drafts
from deldokument.services.shares.drafts.api_drafts import create_draft
from deldokument.services.shares.published import publishing
from deldokument.services.shares.recipients.recipients import RecipientInput
from deldokument.services.uploads import append
from tests.ks.conftest import Fiks
from tests.ks.published import UPLOADED
from tests.ks.test_sharing import form, living, metadata, read
from tests.support.deployment.systems import SYSTEM
from tests.support.stage.accounts import set_rules
from tests.support.stage.stage import KARI, OLA

KEY = "26-1042-vedtak"


def send(
    fiks: Fiks, content: bytes = b"innhold", *, key: str = KEY, end: bytes = b"\r\n--b--\r\n", **changes: object
) -> httpx.Response:
    headers = {"Content-Type": "multipart/form-data; boundary=b", "Idempotency-Key": key}
    body = form(metadata(OLA, **changes), content, end=end)
    return fiks.ask("POST", fiks.konto(below="/deldokument"), headers=headers, content=body)


def test_a_repeated_upload_gets_the_first_response_and_shares_nothing(fiks: Fiks) -> None:
    first, second = send(fiks), send(fiks)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.content == second.content
    assert first.headers["location"] == second.headers["location"]
    assert "idempotency-replayed" not in first.headers
    assert second.headers["idempotency-replayed"] == "true"
    assert len(living(fiks)) == 1
    assert send(fiks, key="another").status_code == 201
    assert len(living(fiks)) == 2


def test_a_key_of_other_metadata_is_refused(fiks: Fiks) -> None:
    send(fiks)
    answer = send(fiks, dokumentnavn="annet.pdf")
    assert (answer.status_code, answer.json()["errorCode"]) == (400, "idempotency_key_reused")
    assert [fault["field"] for fault in json.loads(answer.json()["errorJson"])] == ["Idempotency-Key"]
    assert send(fiks, key="mellom rom").json()["errorCode"] == "idempotency_key_malformed"


@pytest.mark.parametrize("end", [b"", b"\r\n--b"])
def test_an_upload_that_fails_frees_its_key(fiks: Fiks, end: bytes) -> None:
    assert send(fiks, end=end).status_code == 400
    assert living(fiks) == []
    again = send(fiks)
    assert (again.status_code, "idempotency-replayed" in again.headers) == (201, False)


def test_a_members_upload_has_no_key(fiks: Fiks) -> None:
    kari, path = fiks.web.browser(KARI), fiks.konto(below="/deldokument")
    headers = {"Content-Type": "multipart/form-data; boundary=b", "Idempotency-Key": KEY}
    for _ in range(2):
        answer = kari.call("POST", path, headers=headers, content=form(metadata(OLA), b"innhold"))
        assert answer.status_code == 201
    assert len(living(fiks)) == 2


def crashed(fiks: Fiks) -> IdempotentRequest:
    """The request of ``send``, begun by a process that has died since."""
    deps = fiks.web.stage.deps
    parts = (fiks.konto(below="/deldokument").encode(), b"", json.dumps(metadata(OLA)).encode())
    begun = begin_request(deps, SYSTEM, KEY, hashlib.sha256(frame(*parts)).digest())
    assert isinstance(begun, IdempotentRequest)
    create_draft(deps, SYSTEM, fiks.web.stage.words(), [RecipientInput(OLA)], begun.new_id)
    return begun


def uploaded(fiks: Fiks, share_id: str) -> str:
    deps = fiks.web.stage.deps
    ticket = drafts.add_document(deps, SYSTEM, share_id, name="vedtak.pdf", length=7, modified_at=None)
    writing = append.begin_append(deps, ticket.token, ticket.upload_id, offset=0, announced=7)
    writing.write([b"innhold"])
    writing.finish()
    return ticket.document_id


def test_an_upload_that_is_under_way_is_not_run_twice(fiks: Fiks) -> None:
    crashed(fiks)
    answer = send(fiks)
    assert (answer.status_code, answer.json()["errorCode"]) == (409, "request_under_way")
    assert answer.headers["retry-after"] == "1"


def test_after_a_crash_during_the_upload_the_same_share_gets_the_document_once(fiks: Fiks) -> None:
    share_id = crashed(fiks).new_id
    drafts.add_document(fiks.web.stage.deps, SYSTEM, share_id, name="vedtak.pdf", length=99, modified_at=None)
    fiks.web.stage.clock.instant += LEASE
    answer = send(fiks)
    assert answer.status_code == 201
    [view] = living(fiks)
    assert (view.share.id, len(view.documents)) == (share_id, 1)
    assert read(fiks, share_id, view.documents[0].id) == b"innhold"


@pytest.mark.parametrize("four_eyes", [False, True])
def test_after_a_crash_behind_the_publication_the_response_is_repeated(fiks: Fiks, four_eyes: bool) -> None:
    set_rules(fiks.web.stage, fiks.web.stage.byggesak, four_eyes=four_eyes)
    share_id = crashed(fiks).new_id
    uploaded(fiks, share_id)
    publishing.publish_share(fiks.web.stage.deps, SYSTEM, share_id)
    fiks.web.stage.clock.instant += LEASE
    answer = send(fiks, b"noe annet")
    assert answer.status_code == 201
    assert UPLOADED.fits(answer.json())
    assert (answer.json()["ukryptertStorrelse"], answer.json().get("venterPaGodkjenning", False)) == (7, four_eyes)
    [view] = living(fiks)
    assert view.share.state is (ShareState.DRAFT if four_eyes else ShareState.AVAILABLE)
