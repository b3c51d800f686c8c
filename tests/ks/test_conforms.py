"""KS' interface is as published: every path with its success, its objects, and its errors."""

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.routing import Mount, Route

from deldokument.crypto.stream import ciphertext_length
from deldokument.domain.tenants.tenancy import check_name
from deldokument.domain.uuids import uuid_of
from deldokument.web.app import routes
from deldokument.web.ks.app import PREFIX
from tests.ks.conftest import Fiks
from tests.ks.published import (
    ACCOUNT,
    ACCOUNT_NAME,
    AVAILABLE,
    ERROR_MESSAGE,
    EXPOSED,
    SUCCESS,
    SUMMARY,
    UPLOADED,
)
from tests.ks.test_sharing import form, metadata
from tests.support.browser import EWA, site
from tests.support.stage.stage import FJELL, KARI, OLA


def test_every_published_path_is_there_and_none_else(fiks: Fiks) -> None:
    [mount] = [r for r in routes(fiks.web.stage.deps, site()) if isinstance(r, Mount) and r.path == PREFIX]
    found = {
        (method, route.path)
        for route in mount.routes
        if isinstance(route, Route)
        for method in (route.methods or set()) - {"HEAD"}
    }
    assert found == set(SUCCESS)


def test_each_path_answers_as_published(fiks: Fiks) -> None:
    ewa, kari, byggesak = fiks.web.browser(EWA), fiks.web.browser(KARI), fiks.web.stage.byggesak
    answers: dict[tuple[str, str], Any] = {}

    def note(path: str, answer: Any) -> Any:
        answers[answer.request.method, path] = answer.status_code
        return answer.json() if answer.content else None

    shared = kari.call(
        "POST",
        fiks.konto(below="/deldokument"),
        headers={"Content-Type": "multipart/form-data; boundary=b"},
        content=form(metadata(OLA, FJELL), b"innhold"),
    )
    document = note("/kontoer/{kontoId}/deldokument", shared)
    assert UPLOADED.fits(document)
    exposed = note(
        "/kontoer/{kontoId}/mottakere/{dokumentId}", kari.get(fiks.konto(below=f"/mottakere/{document['id']}"))
    )
    assert len(exposed) == 2
    assert all(map(EXPOSED.fits, exposed))
    available = note("/kontoer", kari.get(f"{PREFIX}/kontoer"))
    assert [one["navn"] for one in available] == ["Avtaler", "Byggesak"]
    assert all(map(AVAILABLE.fits, available))
    all_of_them = "/{fiksOrgId}/kontoer"
    listed = note(all_of_them, ewa.get(fiks.organisation()))
    assert all(map(ACCOUNT.fits, listed))
    assert len(listed) == 2
    created = note(all_of_them, ewa.call("POST", fiks.organisation(), {"navn": "Skole", "varsling": None}))
    assert ACCOUNT.fits(created)
    one, path = "/{fiksOrgId}/kontoer/{kontoId}", fiks.organisation(byggesak)
    assert note(one, ewa.get(path)) is None
    assert note(one, ewa.call("PUT", path, {"navn": "Bygg"})) is None
    on = ewa.call("POST", f"{path}/aktiverVarsling", {"avsendernavn": "Eksempel", "konteringskode": "4711"})
    assert note(f"{one}/aktiverVarsling", on) is None
    assert note(f"{one}/deaktiverVarsling", ewa.call("POST", f"{path}/deaktiverVarsling")) is None
    assert note(one, ewa.call("DELETE", path)) is None
    assert answers == SUCCESS


def test_the_object_of_a_konto_is_returned_on_request(fiks: Fiks) -> None:
    ewa, path = fiks.web.browser(EWA), fiks.organisation(fiks.web.stage.byggesak)
    fiks.web.stage.publish(content=b"12345678")
    asked = {"Prefer": "respond-async, return=representation"}
    summary = ewa.get(path, headers=asked)
    assert (summary.status_code, summary.headers["preference-applied"]) == (200, "return=representation")
    assert SUMMARY.fits(summary.json())
    assert summary.json()["statistikk"] == {
        "kontoId": uuid_of(fiks.web.stage.byggesak.id),
        "antallMetadata": 1,
        "antallDokumenter": 1,
        "antallSlettet": 0,
        "totalStorrelse": ciphertext_length(8),
        "ukryptertStorrelse": 8,
    }
    renamed = ewa.call("PUT", path, {"navn": "Bygg"}, headers=asked)
    assert renamed.status_code == 200
    assert renamed.json() == {"kontoId": uuid_of(fiks.web.stage.byggesak.id), "navn": "Bygg"}


def test_notices_are_turned_on_and_off_with_their_sender(fiks: Fiks) -> None:
    ewa, path = fiks.web.browser(EWA), fiks.organisation(fiks.web.stage.byggesak)

    def configured() -> dict[str, Any]:
        found: dict[str, Any] = ewa.get(path, headers={"Prefer": "return=representation"}).json()["smsVarslingKonfig"]
        return found

    konto = uuid_of(fiks.web.stage.byggesak.id)
    assert configured() == {"aktivert": False, "kontoId": konto}
    ewa.call("POST", f"{path}/aktiverVarsling", {"avsendernavn": "Eksempel", "konteringskode": None})
    assert configured() == {"aktivert": True, "avsendernavn": "Eksempel", "kontoId": konto}
    ewa.call("POST", f"{path}/deaktiverVarsling")
    assert configured() == {"aktivert": False, "avsendernavn": "Eksempel", "kontoId": konto}


@pytest.mark.parametrize("sender", ["22000000", "4711", "110vest"])
def test_a_sender_may_begin_with_a_digit(fiks: Fiks, sender: str) -> None:
    path = fiks.organisation(fiks.web.stage.byggesak, "/aktiverVarsling")
    assert fiks.web.browser(EWA).call("POST", path, {"avsendernavn": sender}).status_code == 201


@pytest.mark.parametrize("given", [None, {"avsendernavn": "Skolen"}])
def test_an_account_notifies_recipients_only_if_it_comes_with_its_notices(
    fiks: Fiks, given: dict[str, str] | None
) -> None:
    ewa = fiks.web.browser(EWA)
    created = ewa.call("POST", fiks.organisation(), {"navn": "Skole", "varsling": given}).json()
    path = f"{fiks.organisation()}/{created['kontoId']}"
    summary = ewa.get(path, headers={"Prefer": "return=representation"}).json()
    assert summary["navn"] == "Skole"
    assert summary["smsVarslingKonfig"] == {
        "aktivert": given is not None,
        **(given or {}),
        "kontoId": created["kontoId"],
    }


@pytest.mark.parametrize(
    ("method", "below", "body", "field"),
    [
        ("POST", "", {}, "navn"),
        ("POST", "", {"navn": 7}, "navn"),
        ("POST", "", {"navn": "Skole", "varsling": "ja"}, "varsling"),
        ("POST", "", {"navn": "Skole", "varsling": {}}, "avsendernavn"),
        ("POST", "", {"navn": "Skole", "varsling": {"avsendernavn": "!"}}, "avsendernavn"),
        ("PUT", "one", {"navn": None}, "navn"),
        ("POST", "one/aktiverVarsling", {"avsendernavn": ""}, "avsendernavn"),
        ("POST", "one/aktiverVarsling", {"avsendernavn": "!"}, "avsendernavn"),
    ],
)
def test_what_breaks_a_rule_is_a_400_that_names_the_field(
    fiks: Fiks, method: str, below: str, body: dict[str, Any], field: str
) -> None:
    byggesak = fiks.organisation(fiks.web.stage.byggesak)
    path = fiks.organisation() if not below else below.replace("one", byggesak)
    answer = fiks.web.browser(EWA).call(method, path, body)
    assert answer.status_code == 400
    error = answer.json()
    assert ERROR_MESSAGE.fits(error)
    assert (error["status"], error["error"], error["path"]) == (400, "Bad Request", path)
    assert [fault["field"] for fault in json.loads(error["errorJson"])] == [field]
    listed = fiks.web.browser(EWA).get(fiks.organisation()).json()
    assert len(listed) == 2


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"navn": "\\ud800"}', b"[" * 100_000, b"x" * 70_000])
def test_a_body_that_is_no_object_is_refused(fiks: Fiks, content: bytes) -> None:
    ewa = fiks.web.browser(EWA)
    headers = {"X-CSRF-Token": ewa.csrf_token(), "Content-Type": "application/json"}
    answer = ewa.request("POST", fiks.organisation(), content=content, headers=headers)
    assert answer.status_code == (413 if len(content) > 65536 else 400)
    assert ERROR_MESSAGE.fits(answer.json())


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/ukjent", 404),
        ("PATCH", "/kontoer", 405),
        ("GET", "/kontoer/", 404),
        ("GET", "/x/kontoer", 404),
        ("GET", "/kontoer/x/mottakere/y", 404),
        ("GET", "/kontoer/%00/mottakere/y", 404),
    ],
)
def test_an_unknown_path_is_answered_with_the_same_object(fiks: Fiks, method: str, path: str, status: int) -> None:
    answer = fiks.web.browser(EWA).request(method, f"{PREFIX}{path}")
    assert answer.status_code == status
    assert ERROR_MESSAGE.fits(answer.json())


@pytest.mark.parametrize(("method", "path"), sorted(SUCCESS))
def test_an_address_with_a_line_break_is_refused_in_the_same_object(fiks: Fiks, method: str, path: str) -> None:
    ewa = fiks.web.browser(EWA)
    within, behind = (re.sub("{[^}]+}", word, path) for word in ("a%0Ab", "x"))
    for address in (within, f"{behind}%0A", f"{behind}/%0A"):
        if "%" in address:
            answer = ewa.call(method, PREFIX + address)
            assert 400 <= answer.status_code < 500
            assert ERROR_MESSAGE.fits(answer.json())
            assert ewa.csrf_token() not in answer.text


def test_a_method_that_is_not_there_is_answered_with_those_that_are(fiks: Fiks) -> None:
    answer = fiks.web.browser(EWA).request("PATCH", f"{PREFIX}/kontoer")
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD"}


@settings(max_examples=300, deadline=None)
@given(st.from_regex(re.compile(ACCOUNT_NAME), fullmatch=True).filter(lambda name: len(name) <= 200))
def test_every_name_that_ks_takes_is_taken_here(name: str) -> None:
    assert check_name(name)
