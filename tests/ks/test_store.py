"""KS' document store: an upload is shared, and is found, read back, prolonged and deleted by its id."""

import json
from datetime import timedelta
from typing import Any

import httpx
import pytest
from starlette.routing import Mount, Route

from deldokument.domain.uuids import document_id_of, uuid_of
from deldokument.web.app import routes
from deldokument.web.ks.app import STORE_PREFIX
from tests.ks.conftest import Fiks
from tests.ks.published import (
    DOWNLOADED,
    ERROR_MESSAGE,
    FOUND,
    STATISTICS,
    STORE_SUCCESS,
    UPDATED,
    UPLOADED,
    WITH_EVENTS,
)
from tests.ks.test_sharing import exposed, form, living, metadata
from tests.support.browser import EWA, site
from tests.support.deployment.systems import let_go
from tests.support.stage.accounts import set_rules
from tests.support.stage.inspection import inspect_documents
from tests.support.stage.stage import KARI, OLA

REFERENCE = "4c0ffee0-0000-4000-8000-000000000001"


def upload(fiks: Fiks, below: str = "/dokumenter/?kryptert=false", **changes: Any) -> httpx.Response:
    """A document that the system may read back."""
    own = {"type": "INTEGRASJON", "id": uuid_of(fiks.integration.id)}
    body = form(metadata(eksponertFor=[*exposed(OLA), own], korrelasjonsid=REFERENCE) | changes, b"innhold")
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    return fiks.ask("POST", fiks.store(below), headers=headers, content=body)


def uploaded(fiks: Fiks, **changes: Any) -> str:
    answer = upload(fiks, **changes)
    assert answer.status_code == 201, answer.text
    inspect_documents(fiks.web.stage.deps)
    return str(answer.json()["id"])


def read_back(fiks: Fiks, document_id: str, below: str = "") -> httpx.Response:
    return fiks.ask("GET", f"{STORE_PREFIX}/nedlasting/{document_id}{below}")


def test_every_path_of_the_client_is_there_and_none_else(fiks: Fiks) -> None:
    [mount] = [r for r in routes(fiks.web.stage.deps, site()) if isinstance(r, Mount) and r.path == STORE_PREFIX]
    found = {
        (method, route.path.replace(":uuid", ""))
        for route in mount.routes
        if isinstance(route, Route)
        for method in (route.methods or set()) - {"HEAD"}
    }
    assert found == set(STORE_SUCCESS)


@pytest.mark.parametrize("below", ["/dokumenter/?kryptert=false", "/dokumenter"])
def test_a_document_is_shared_with_its_recipients_by_its_upload(fiks: Fiks, below: str) -> None:
    answer = upload(fiks, below)
    assert answer.status_code == 201
    assert UPLOADED.fits(answer.json())
    [view] = living(fiks)
    assert answer.headers["location"] == view.link
    assert [one.display for one in view.recipients] == ["218794 *****"]


def test_the_system_reads_it_back_whole_and_in_part(fiks: Fiks) -> None:
    document_id = uploaded(fiks)
    whole = read_back(fiks, document_id)
    assert (whole.status_code, whole.content) == (200, b"innhold")
    assert 'filename="vedtak.pdf"' in whole.headers["content-disposition"]
    part = fiks.ask("GET", f"{STORE_PREFIX}/nedlasting/{document_id}", headers={"Range": "bytes=2-3"})
    assert (part.status_code, part.content) == (206, b"nh")
    head = fiks.ask("HEAD", f"{STORE_PREFIX}/nedlasting/{document_id}")
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", "7")


def test_a_document_in_preparation_is_asked_for_again(fiks: Fiks) -> None:
    answer = read_back(fiks, upload(fiks).json()["id"])
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert answer.json()["errorCode"] == "inspection_running"


def test_nobody_else_reads_it_back(fiks: Fiks) -> None:
    document_id = uploaded(fiks)
    path = f"{STORE_PREFIX}/nedlasting/{document_id}"
    for person in (KARI, EWA, OLA):
        assert fiks.web.browser(person).get(path).status_code == 404
    refused = fiks.system.get(path)
    assert (refused.status_code, refused.headers["www-authenticate"]) == (401, 'Bearer realm="deldokument"')
    unexposed = uploaded(fiks, eksponertFor=exposed(OLA))
    assert read_back(fiks, unexposed).status_code == 404
    assert read_back(fiks, "x").status_code == 404
    let_go(fiks.web.stage, fiks.integration)
    assert fiks.ask("GET", path).status_code == 401


def test_a_document_is_exposed_to_no_system_but_the_caller(fiks: Fiks) -> None:
    foreign = {"type": "INTEGRASJON", "id": "5a1c0f6e-0000-4000-8000-000000000001"}
    answer = upload(fiks, eksponertFor=[*exposed(OLA), foreign])
    assert (answer.status_code, answer.json()["errorCode"]) == (400, "exposed_to_other")
    assert living(fiks) == []


def test_the_metadata_of_a_document_are_as_the_client_reads_them(fiks: Fiks) -> None:
    document_id = uploaded(fiks)
    body = read_back(fiks, document_id, "/metadata").json()
    assert DOWNLOADED.fits(body)
    assert (body["dokumentnavn"], body["ukryptertStorrelse"], body["korrelasjonsid"]) == ("vedtak.pdf", 7, REFERENCE)
    assert read_back(fiks, uploaded(fiks, korrelasjonsid="26/1042"), "/metadata").json()["korrelasjonsid"] is None


def test_a_document_is_shown_with_its_events(fiks: Fiks) -> None:
    document_id = uploaded(fiks)
    shown = fiks.ask("GET", fiks.store(f"/dokumenter/{document_id}")).json()
    assert WITH_EVENTS.fits(shown)
    assert {"dato": "2026-11-24T12:00:00Z", "melding": "share_published", "aktor": "FJELL AS"} in shown["hendelser"]


def test_documents_are_found_by_their_korrelasjonsid(fiks: Fiks) -> None:
    first, second = uploaded(fiks), uploaded(fiks)
    path = fiks.store("/dokumenter/sok")
    found = fiks.ask("POST", f"{path}?fra=null&til=null", {"korrelasjonsid": REFERENCE}).json()
    assert FOUND.fits(found)
    assert found["totaltAntallTreff"] == 2
    assert {one["id"] for one in found["dokumenter"]} == {first, second}
    for query, count in (
        ("fra=1&til=1", 1),
        ("antall=1", 1),
        ("fra=1&antall=1", 1),
        ("til=2&antall=1", 1),
        ("antall=2", 2),
    ):
        page = fiks.ask("POST", f"{path}?{query}", {"korrelasjonsid": REFERENCE, "lest": None}).json()
        assert (page["totaltAntallTreff"], len(page["dokumenter"])) == (2, count), query
    assert fiks.ask("POST", path, {"korrelasjonsid": "unknown"}).json() == {"totaltAntallTreff": 0, "dokumenter": []}


@pytest.mark.parametrize(
    ("query", "body", "field"),
    [
        ("", {}, "korrelasjonsid"),
        ("", {"korrelasjonsid": 7}, "korrelasjonsid"),
        ("", {"korrelasjonsid": " "}, "korrelasjonsid"),
        ("", {"korrelasjonsid": REFERENCE, "lest": True}, "lest"),
        ("?fra=-1", {"korrelasjonsid": REFERENCE}, "fra"),
        ("?fra=2147483648", {"korrelasjonsid": REFERENCE}, "fra"),
        ("?til=0", {"korrelasjonsid": REFERENCE}, "til"),
        ("?til=10001", {"korrelasjonsid": REFERENCE}, "til"),
        ("?antall=0", {"korrelasjonsid": REFERENCE}, "antall"),
    ],
)
def test_a_search_that_breaks_a_rule_names_the_field(fiks: Fiks, query: str, body: Any, field: str) -> None:
    answer = fiks.ask("POST", fiks.store(f"/dokumenter/sok{query}"), body)
    assert answer.status_code == 400
    assert ERROR_MESSAGE.fits(answer.json())
    assert [fault["field"] for fault in json.loads(answer.json()["errorJson"])] == [field]


def test_the_end_is_moved_by_seconds_or_to_an_instant(fiks: Fiks) -> None:
    path = fiks.store(f"/dokumenter/{uploaded(fiks)}")
    moved = fiks.ask("PATCH", path, {"ttl": 86400, "tilgjengeligTil": None})
    assert moved.status_code == 200
    assert UPDATED.fits(moved.json())
    assert moved.json()["tilgjengeligTil"] == "2026-11-25T12:00:00Z"
    exact = "2026-12-01T12:00:00.123456789+01:00"
    moved = fiks.ask("PATCH", path, {"ttl": None, "tilgjengeligTil": exact})
    assert moved.json()["tilgjengeligTil"] == "2026-12-01T11:00:00.123456Z"
    [view] = living(fiks)
    assert view.share.expires_at is not None
    assert view.share.expires_at.isoformat() == "2026-12-01T11:00:00.123456+00:00"


@pytest.mark.parametrize("four_eyes", [False, True])
def test_the_shortest_ttl_is_accepted(fiks: Fiks, four_eyes: bool) -> None:
    set_rules(fiks.web.stage, fiks.web.stage.byggesak, four_eyes=four_eyes)
    fiks.web.stage.clock.tick = timedelta(milliseconds=1)
    path = fiks.store(f"/dokumenter/{uploaded(fiks, ttl=3600)}")
    assert fiks.ask("PATCH", path, {"ttl": 3600}).status_code == 200


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "ttl"),
        ({"ttl": -1}, "ttl"),
        ({"ttl": 3599}, "ttl"),
        ({"tilgjengeligTil": "2027-11-25T12:00:00Z"}, "tilgjengeligTil"),
    ],
)
def test_an_end_that_the_account_does_not_allow_is_refused(fiks: Fiks, body: Any, field: str) -> None:
    answer = fiks.ask("PATCH", fiks.store(f"/dokumenter/{uploaded(fiks)}"), body)
    assert answer.status_code == 400
    assert [fault["field"] for fault in json.loads(answer.json()["errorJson"])] == [field]


def test_a_document_is_deleted_for_everybody_and_gone_then(fiks: Fiks) -> None:
    document_id = uploaded(fiks)
    path = fiks.store(f"/dokumenter/{document_id}")
    deleted = fiks.ask("DELETE", path)
    assert (deleted.status_code, deleted.content) == (200, b"")
    for method, body in (("DELETE", None), ("PATCH", {"ttl": 86400})):
        again = fiks.ask(method, path, body)
        assert (again.status_code, again.json()["errorCode"]) == (410, "document_deleted")
    assert read_back(fiks, document_id).status_code == 410
    assert fiks.ask("GET", path).json()["slettet"] is True


def test_documents_with_a_korrelasjonsid_are_deleted_together(fiks: Fiks) -> None:
    ids = [uploaded(fiks), uploaded(fiks)]
    kept = uploaded(fiks, korrelasjonsid="4c0ffee0-0000-4000-8000-000000000002")
    answer = fiks.ask("DELETE", fiks.store(f"/korrelasjonsid/{REFERENCE}"))
    assert (answer.status_code, answer.content) == (204, b"")
    assert fiks.ask("DELETE", fiks.store("/korrelasjonsid/%20")).status_code == 204
    assert [read_back(fiks, one).status_code for one in (*ids, kept)] == [410, 410, 200]


def test_the_statistics_of_an_account_are_returned(fiks: Fiks) -> None:
    uploaded(fiks)
    statistics = fiks.ask("GET", fiks.store("/statistikk")).json()
    assert STATISTICS.fits(statistics)
    assert (statistics["antallDokumenter"], statistics["ukryptertStorrelse"]) == (1, 7)


def test_an_account_is_found_under_its_own_tenant_alone(fiks: Fiks) -> None:
    document_id = uploaded(fiks)
    own, other = (uuid_of(tenant_id) for tenant_id in (fiks.web.stage.tenant.id, fiks.web.stage.barnevern.tenant_id))
    for method, below, body in (
        ("GET", f"/dokumenter/{document_id}", None),
        ("PATCH", f"/dokumenter/{document_id}", {"ttl": 86400}),
        ("DELETE", f"/dokumenter/{document_id}", None),
        ("DELETE", f"/korrelasjonsid/{REFERENCE}", None),
        ("POST", "/dokumenter/sok", {"korrelasjonsid": REFERENCE}),
        ("GET", "/statistikk", None),
    ):
        assert fiks.ask(method, fiks.store(below).replace(own, other), body).status_code == 404
        assert fiks.ask(method, fiks.store(below, fiks.web.stage.avtaler), body).status_code == 404
    assert len(living(fiks)) == 1


def test_a_member_uses_the_store_with_the_session_of_the_pages(fiks: Fiks) -> None:
    document_id = uploaded(fiks)
    kari, path = fiks.web.browser(KARI), fiks.store(f"/dokumenter/{document_id}")
    assert kari.get(path).status_code == 200
    assert kari.request("DELETE", path).status_code == 403
    assert kari.call("DELETE", path).status_code == 200


def test_where_four_eyes_are_wanted_a_document_is_read_back_once_it_is_approved(fiks: Fiks) -> None:
    set_rules(fiks.web.stage, fiks.web.stage.byggesak, four_eyes=True)
    answer = upload(fiks)
    assert answer.json()["venterPaGodkjenning"] is True
    assert read_back(fiks, answer.json()["id"]).status_code == 404
    assert fiks.ask("DELETE", fiks.store(f"/dokumenter/{answer.json()['id']}")).status_code == 200
    assert document_id_of(answer.json()["id"])
    assert living(fiks) == []


@pytest.mark.parametrize(("method", "path"), [("GET", "/ukjent"), ("GET", "/api/v1/x/kontoer/y/dokumenter/z")])
def test_a_404_is_in_ks_object(fiks: Fiks, method: str, path: str) -> None:
    answer = fiks.ask(method, f"{STORE_PREFIX}{path}")
    assert answer.status_code == 404
    assert ERROR_MESSAGE.fits(answer.json())
