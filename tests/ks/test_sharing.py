"""«Del dokument» through KS' interface: shared wholly, or not at all."""

import json
import tracemalloc
import uuid
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from cryptography import x509

from deldokument.domain.identifiers import Consumer, OrganizationNumber
from deldokument.domain.shares.share import ShareState
from deldokument.domain.uuids import document_id_of
from deldokument.services.downloads import offers
from deldokument.services.downloads.content import open_document, read_content
from deldokument.services.shares.display import queries
from deldokument.services.shares.display.views import ShareView
from deldokument.services.uploads.exchange_keys import offered_certificate
from tests.ks.conftest import Fiks
from tests.ks.published import ERROR_MESSAGE, UPLOADED
from tests.support.deployment.systems import SUPPLIER
from tests.support.stage.accounts import set_rules
from tests.support.stage.envelopes import enveloped
from tests.support.stage.inspection import inspect_documents
from tests.support.stage.stage import BANKRUPT, FJELL, KARI, OLA, person

DAY_SECONDS = 86400


def exposed(*numbers: str) -> list[dict[str, Any]]:
    return [
        {"type": "PERSON", "fnr": number}
        if len(number) == 11
        else {"type": "ORGANISASJON", "orgnr": number, "ressursId": None}
        for number in numbers
    ]


def metadata(*numbers: str, **changes: Any) -> dict[str, Any]:
    given = {"dokumentnavn": "vedtak.pdf", "mimetype": "application/pdf", "ttl": 10 * DAY_SECONDS, "arkivert": True}
    return given | {"eksponertFor": exposed(*numbers)} | changes


def form(words: dict[str, Any] | bytes, content: bytes, *, end: bytes = b"\r\n--b--\r\n") -> bytes:
    raw = words if isinstance(words, bytes) else json.dumps(words).encode()
    return (
        b'--b\r\nContent-Disposition: form-data; name="metadata"\r\nContent-Type: application/json\r\n\r\n'
        + raw
        + b'\r\n--b\r\nContent-Disposition: form-data; name="dokument"; filename="vedtak.pdf"\r\n'
        + b"Content-Type: application/pdf\r\n\r\n"
        + content
        + end
    )


def send(fiks: Fiks, content: Any, query: str = "", kind: str = "multipart/form-data; boundary=b") -> httpx.Response:
    path = fiks.konto(below=f"/deldokument{query}")
    return fiks.system.request("POST", path, content=content, headers=fiks.headers | {"Content-Type": kind})


def shares(fiks: Fiks, *states: ShareState) -> list[ShareView]:
    return list(queries.list_shares(fiks.web.stage.deps, person(KARI), states=states).shares)


def living(fiks: Fiks) -> list[ShareView]:
    return [view for view in shares(fiks) if view.share.state is not ShareState.ABANDONED]


def read(fiks: Fiks, share_id: str, document_id: str) -> bytes:
    deps = fiks.web.stage.deps
    inspect_documents(deps)
    offers.open_share(deps, person(OLA), share_id)
    content = open_document(deps, person(OLA), share_id, document_id)
    return b"".join(read_content(deps, content, 0, content.length))


def test_a_document_is_shared_with_its_recipients_until_its_end(fiks: Fiks) -> None:
    content = bytes(range(256)) * 40_000
    answer = send(fiks, form(metadata(OLA, FJELL, korrelasjonsid="4c0ffee0"), content))
    assert answer.status_code == 201
    document = answer.json()
    assert UPLOADED.fits(document)
    assert (document["dokumentnavn"], document["mimeType"]) == ("vedtak.pdf", "application/pdf")
    assert document["ukryptertStorrelse"] == len(content) < document["kryptertStorrelse"]
    [view] = living(fiks)
    assert answer.headers["location"] == view.link
    assert (view.share.state, view.texts.reference, view.system) == (ShareState.AVAILABLE, "4c0ffee0", "FJELL AS")
    assert view.share.expires_at == fiks.web.stage.clock.now() + timedelta(days=10)
    assert [(r.kind, r.confirmed) for r in view.recipients] == [("person", True), ("organization", True)]
    assert read(fiks, view.share.id, document_id_of(document["id"])) == content


def test_a_document_of_unknown_length_comes_in_pieces(fiks: Fiks) -> None:
    whole = form(metadata(OLA), b"0123456789" * 100_000)

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(whole), 7919):
            yield whole[start : start + 7919]

    answer = send(fiks, pieces())
    assert answer.status_code == 201
    assert answer.json()["ukryptertStorrelse"] == 1_000_000
    [view] = living(fiks)
    assert read(fiks, view.share.id, document_id_of(answer.json()["id"])) == b"0123456789" * 100_000


def test_a_form_that_comes_byte_by_byte_is_the_same_form(fiks: Fiks) -> None:
    whole = form(metadata(OLA), b"\r\n--b\r\n-innhold\r\n--")

    async def pieces() -> AsyncIterator[bytes]:
        for byte in whole:
            yield bytes([byte])

    # What looks like a boundary within the document ends it; the rest is no part of the form.
    assert send(fiks, pieces()).status_code == 400
    assert living(fiks) == []

    async def good() -> AsyncIterator[bytes]:
        for byte in form(metadata(OLA), b"\r\n--c\r\n-innhold\r\n--"):
            yield bytes([byte])

    assert send(fiks, good()).json()["ukryptertStorrelse"] == 19


def test_an_empty_document_is_a_document(fiks: Fiks) -> None:
    answer = send(fiks, form(metadata(OLA), b""))
    assert (answer.status_code, answer.json()["ukryptertStorrelse"]) == (201, 0)


# A part on its way to a bucket is in memory until it is there; how many may be, its contract says.
@pytest.mark.embedded
def test_a_document_of_any_length_passes_through_little_memory(fiks: Fiks) -> None:
    piece = bytes(64 * 1024)
    count = 1024
    opening = form(metadata(OLA), b"", end=b"")

    async def pieces() -> AsyncIterator[bytes]:
        yield opening
        for _ in range(count):
            yield piece
        yield b"\r\n--b--\r\n"

    send(fiks, form(metadata(OLA), b"first, so that what stays for good is there"))
    tracemalloc.start()
    try:
        answer = send(fiks, pieces())
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert answer.json()["ukryptertStorrelse"] == count * len(piece)
    assert most < 24 * 2**20


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"ttl": -1}, "ttl"),
        ({"ttl": None}, "ttl"),
        ({"ttl": 5, "tilgjengeligTil": "2026-11-30T12:00:00Z"}, "ttl"),
        ({"ttl": "5"}, "ttl"),
        ({"ttl": True}, "ttl"),
        ({"ttl": 10**30}, "ttl"),
        ({"ttl": 3599}, "ttl"),
        ({"ttl": None, "tilgjengeligTil": "2026-11-20T12:00:00Z"}, "tilgjengeligTil"),
        ({"ttl": None, "tilgjengeligTil": "2026-11-30T12:00:00"}, "tilgjengeligTil"),
        ({"ttl": None, "tilgjengeligTil": "snart"}, "tilgjengeligTil"),
        ({"ttl": None, "tilgjengeligTil": 5}, "tilgjengeligTil"),
        ({"ttl": None, "tilgjengeligTil": "0001-01-01T00:00:00+10:00"}, "tilgjengeligTil"),
        ({"dokumentnavn": ""}, "dokumentnavn"),
        ({"sikkerhetsniva": 2}, "sikkerhetsniva"),
        ({"sikkerhetsniva": [4]}, "sikkerhetsniva"),
        ({"ikkeLagreDokumentLastetNed": True}, "ikkeLagreDokumentLastetNed"),
        ({"korrelasjonsid": "x" * 101}, "korrelasjonsid"),
        ({"eksponertFor": []}, "eksponertFor"),
        ({"eksponertFor": None}, "eksponertFor"),
        ({"eksponertFor": ["x"]}, "eksponertFor[0]"),
        ({"eksponertFor": [{"type": "INTEGRASJON", "id": "x"}, *exposed(OLA)]}, "eksponertFor[0].id"),
        ({"eksponertFor": [{"type": "INTEGRASJON", "id": 7}, *exposed(OLA)]}, "eksponertFor[0].id"),
        ({"eksponertFor": [{"type": "INTEGRASJON", "id": str(uuid.UUID(int=7))}]}, "eksponertFor"),
        ({"eksponertFor": [*exposed(OLA), {"type": "INTEGRASJON", "id": str(uuid.UUID(int=7))}]}, "eksponertFor[1].id"),
        ({"eksponertFor": [{"type": "AUTORISASJON"}]}, "eksponertFor[0].type"),
        ({"eksponertFor": [{"type": "MATRIKKELENHET", "matrikkelenhet": {}}]}, "eksponertFor[0].type"),
        ({"eksponertFor": [{"type": "NABO"}]}, "eksponertFor[0].type"),
        ({"eksponertFor": [{"type": "PERSON", "fnr": FJELL}]}, "eksponertFor[0].fnr"),
        ({"eksponertFor": [{"type": "PERSON"}]}, "eksponertFor[0].fnr"),
        ({"eksponertFor": [{"type": "PERSON", "fnr": "12345678901"}]}, "eksponertFor[0].fnr"),
        ({"eksponertFor": [{"type": "ORGANISASJON", "orgnr": OLA}]}, "eksponertFor[0].orgnr"),
        ({"eksponertFor": [*exposed(OLA), {"type": "ORGANISASJON", "orgnr": BANKRUPT}]}, "eksponertFor[1].orgnr"),
        (
            {"eksponertFor": [{"type": "ORGANISASJON", "orgnr": FJELL, "ressursId": "app_x"}]},
            "eksponertFor[0].ressursId",
        ),
        ({"eksponertFor": exposed(OLA) * 501}, "eksponertFor"),
        ({"eksponertFor": [{}] * 60_000}, "eksponertFor"),
    ],
)
def test_metadata_that_break_a_rule_share_nothing_and_are_named(
    fiks: Fiks, changes: dict[str, Any], field: str
) -> None:
    answer = send(fiks, form(metadata(OLA, **changes), b"innhold"))
    assert answer.status_code == 400
    assert ERROR_MESSAGE.fits(answer.json())
    assert [fault["field"] for fault in json.loads(answer.json()["errorJson"])] == [field]
    assert OLA not in answer.text
    assert shares(fiks) == []


def slowly(fiks: Fiks, words: dict[str, Any], **upload_time: float) -> httpx.Response:
    """Upload a document while this time passes."""
    whole = form(words, b"innhold" * 1000)

    async def pieces() -> AsyncIterator[bytes]:
        yield whole[:2000]
        fiks.web.stage.clock.advance(**upload_time)
        yield whole[2000:]

    return send(fiks, pieces())


def test_a_slow_upload_with_the_shortest_ttl_is_shared_for_all_of_it(fiks: Fiks) -> None:
    fiks.web.stage.clock.tick = timedelta(milliseconds=1)
    answer = slowly(fiks, metadata(OLA, ttl=3600), minutes=20)
    assert answer.status_code == 201, answer.text
    [view] = living(fiks)
    assert view.share.published_at is not None
    assert view.share.expires_at is not None
    left = view.share.expires_at - view.share.published_at
    assert timedelta() <= timedelta(hours=1) - left < timedelta(seconds=1)


def test_a_slow_upload_until_an_instant_is_shared_until_then(fiks: Fiks) -> None:
    words = metadata(OLA, ttl=None, tilgjengeligTil="2026-11-24T13:00:00Z")
    assert slowly(fiks, words, minutes=20).status_code == 201
    [view] = living(fiks)
    assert view.share.expires_at is not None
    assert view.share.expires_at.isoformat() == "2026-11-24T13:00:00+00:00"


def test_an_upload_that_is_slower_than_its_end_is_not_shared(fiks: Fiks) -> None:
    words = metadata(OLA, ttl=None, tilgjengeligTil="2026-11-24T13:00:00Z")
    answer = slowly(fiks, words, minutes=60)
    assert (answer.status_code, answer.json()["errorCode"]) == (400, "expiry_in_the_past")
    assert living(fiks) == []


def test_a_ttl_that_the_account_does_not_allow_is_refused_before_the_document(fiks: Fiks) -> None:
    read: list[int] = []

    async def pieces() -> AsyncIterator[bytes]:
        yield form(metadata(OLA, ttl=3599), b"innhold", end=b"")
        for number in range(1000):
            read.append(number)
            yield bytes(65536)

    answer = send(fiks, pieces())
    assert (answer.status_code, answer.json()["errorCode"]) == (400, "period_too_short")
    assert len(read) < 10


@pytest.mark.parametrize(
    "content",
    [
        form(b"{", b"innhold"),
        form(b"[]", b"innhold"),
        form(b'{"dokumentnavn": "\\ud800"}', b"innhold"),
        b"--b--\r\n",
        b"no form",
        b'--b\r\nContent-Disposition: form-data; name="dokument"; filename="a"\r\n\r\nx\r\n--b--\r\n',
        b'--b\r\nContent-Disposition: form-data; name="metadata"\r\n\r\n{}\r\n--b--\r\n',
        b'--b\r\nContent-Disposition: form-data; name="other"\r\n\r\n{}\r\n--b--\r\n',
        b'--b\r\nContent-Disposition: form-data; name="metadata"\r\n\r\n{}\r\n' * 2 + b"--b--\r\n",
    ],
)
def test_what_is_no_such_form_shares_nothing(fiks: Fiks, content: bytes) -> None:
    answer = send(fiks, content)
    assert answer.status_code == 400
    assert ERROR_MESSAGE.fits(answer.json())
    assert shares(fiks) == []


@pytest.mark.parametrize(
    "end",
    [b"", b"\r\n", b"\r\n--b", b'\r\n--b\r\nContent-Disposition: form-data; name="dokument"\r\n\r\nx\r\n--b--\r\n'],
)
def test_a_form_cut_short_or_with_more_in_it_leaves_no_share(fiks: Fiks, end: bytes) -> None:
    assert send(fiks, form(metadata(OLA), b"innhold", end=end)).status_code == 400
    assert living(fiks) == []


@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data", ""])
def test_another_kind_of_body_is_refused(fiks: Fiks, kind: str) -> None:
    assert send(fiks, form(metadata(OLA), b"x"), kind=kind).status_code == 400


def test_endless_metadata_and_headers_are_refused(fiks: Fiks) -> None:
    assert send(fiks, form(b" " * 300_000, b"x")).status_code == 413
    many = b"--b\r\nX: " + b"y" * 20_000 + b"\r\n\r\n"
    assert send(fiks, many).status_code == 400
    assert shares(fiks) == []


def test_a_plain_document_declared_as_encrypted_is_refused(fiks: Fiks) -> None:
    answer = send(fiks, form(metadata(OLA), b"x"), "?kryptert=true")
    assert (answer.status_code, answer.json()["errorCode"]) == (400, "document_undecryptable")
    assert living(fiks) == []
    assert send(fiks, form(metadata(OLA), b"x"), "?kryptert=kanskje").json()["errorCode"] == "field_malformed"
    assert send(fiks, form(metadata(OLA), b"x"), "?kryptert=false").status_code == 201


def test_an_upload_that_was_captured_from_another_organisation_is_not_decrypted(fiks: Fiks) -> None:
    for number, status in ((FJELL, 201), (SUPPLIER, 400)):
        offered = offered_certificate(fiks.web.stage.deps, Consumer(OrganizationNumber(number)))
        captured = enveloped(x509.load_pem_x509_certificate(offered.encode()), b"innhold")
        assert send(fiks, form(metadata(OLA), captured), "?kryptert=true").status_code == status
    assert len(living(fiks)) == 1


def test_an_account_over_its_quota_takes_no_document_however_it_comes(fiks: Fiks) -> None:
    set_rules(fiks.web.stage, fiks.web.stage.byggesak, quota=1000)

    async def pieces() -> AsyncIterator[bytes]:
        yield form(metadata(OLA), bytes(2000))

    assert send(fiks, form(metadata(OLA), bytes(2000))).json()["errorCode"] == "quota_exceeded"
    assert send(fiks, pieces()).status_code == 413
    assert living(fiks) == []


def test_a_document_beyond_the_longest_is_refused_before_it_comes(fiks: Fiks) -> None:
    headers = {"Content-Length": str(6 * 2**30), "Content-Type": "multipart/form-data; boundary=b"}

    async def pieces() -> AsyncIterator[bytes]:
        yield form(metadata(OLA), b"x", end=b"")

    path = fiks.konto(below="/deldokument")
    answer = fiks.system.request("POST", path, content=pieces(), headers=fiks.headers | headers)
    assert (answer.status_code, answer.json()["errorCode"]) == (413, "document_too_large")
    assert living(fiks) == []


def test_where_four_eyes_are_wanted_the_document_waits(fiks: Fiks) -> None:
    set_rules(fiks.web.stage, fiks.web.stage.byggesak, four_eyes=True)
    answer = send(fiks, form(metadata(OLA), b"x"))
    assert (answer.status_code, answer.json()["venterPaGodkjenning"]) == (201, True)
    [view] = living(fiks)
    assert view.proposal is not None


def test_a_tenant_that_asks_whether_the_original_is_archived_gets_an_answer(fiks: Fiks) -> None:
    answer = send(fiks, form(metadata(OLA, arkivert=False), b"x"))
    assert answer.status_code == 400
    assert [fault["field"] for fault in json.loads(answer.json()["errorJson"])] == ["arkivert"]
    assert living(fiks) == []


def test_with_the_register_silent_an_organisation_that_nobody_vouches_for_is_not_shared_with(fiks: Fiks) -> None:
    fiks.web.stage.register.down = True
    answer = send(fiks, form(metadata(FJELL), b"x"))
    assert answer.status_code == 400
    assert [fault["field"] for fault in json.loads(answer.json()["errorJson"])] == ["eksponertFor"]
    assert living(fiks) == []


def test_a_connection_that_breaks_leaves_no_share(fiks: Fiks) -> None:
    whole = form(metadata(OLA), bytes(100_000))

    async def call() -> None:
        messages = [
            {"type": "http.request", "body": whole[:60_000], "more_body": True},
            {"type": "http.disconnect"},
        ]

        async def receive() -> Any:
            return messages.pop(0) if len(messages) > 1 else messages[0]

        async def send_on(message: Any) -> None:
            pass

        headers = fiks.headers | {"Content-Type": "multipart/form-data; boundary=b"}
        scope = {
            "type": "http",
            "method": "POST",
            "path": fiks.konto(below="/deldokument"),
            "raw_path": b"",
            "root_path": "",
            "query_string": b"",
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        }
        await fiks.web.app(scope, receive, send_on)

    fiks.web.runner.run(call())
    assert [view.share.state for view in shares(fiks)] == [ShareState.ABANDONED]
