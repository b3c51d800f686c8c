"""RFC 9110 section 13 over the wire: If-Match and If-None-Match on a document and on the zip."""

import time

import httpx
import pytest

from tests.downloads.conftest import Shared
from tests.support.deployment.deployment import OLA, OLA_NUMBER, Deployment


@pytest.fixture(params=["document", "zip"])
def path(request: pytest.FixtureRequest, shared: Shared) -> str:
    return shared.path if request.param == "document" else f"/d/{shared.id}/alt.zip"


@pytest.fixture
def etag(shared: Shared, path: str) -> str:
    return str(shared.ola.head(path).headers["etag"])


def ask(shared: Shared, method: str, path: str, headers: dict[str, str]) -> tuple[int, httpx.Headers]:
    """Ask for the last byte, so that a request that goes on is answered 206 (200 with HEAD)."""
    answer = shared.ola.request(method, path, headers={"Range": "bytes=-1"} | headers)
    if answer.status_code in {304, 412}:
        assert answer.content == b""
    return answer.status_code, answer.headers


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("sent", "goes_on"),
    [
        ("{etag}", True),
        ("*", True),
        ('"a,b" , {etag},, W/"c"', True),
        ('W/{etag}, {etag}, "other"', True),
        ("W/{etag}", False),
        ('"other"', False),
        ('"*"', False),
        ('*, "other"', False),
        ('{etag} "other"', False),
        ("{bare}", False),
        ("", False),
    ],
)
def test_if_match_compares_strongly(
    shared: Shared, path: str, etag: str, method: str, sent: str, goes_on: bool
) -> None:
    status, headers = ask(shared, method, path, {"If-Match": sent.format(etag=etag, bare=etag.strip('"'))})
    assert status == ({"GET": 206, "HEAD": 200}[method] if goes_on else 412)
    assert headers["etag"] == etag


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("sent", "goes_on"),
    [
        ("{etag}", False),
        ("W/{etag}", False),
        ("*", False),
        ('"a,b",,W/"c" , {etag}', False),
        ('"other"', True),
        ('W/"other", "*"', True),
        ('*, "other"', True),
        ("w/{etag}", True),
        ("{bare}", True),
        ("", True),
    ],
)
def test_if_none_match_compares_weakly(
    shared: Shared, path: str, etag: str, method: str, sent: str, goes_on: bool
) -> None:
    status, headers = ask(shared, method, path, {"If-None-Match": sent.format(etag=etag, bare=etag.strip('"'))})
    assert status == ({"GET": 206, "HEAD": 200}[method] if goes_on else 304)
    assert headers["etag"] == etag
    if not goes_on:
        assert headers["cache-control"] == "private, no-store"
        assert not {"content-length", "content-type", "content-disposition", "content-range"} & set(headers)


def test_several_headers_are_one_list(shared: Shared, path: str, etag: str) -> None:
    for name, status in (("If-None-Match", 304), ("If-Match", 206)):
        sent = [(name, '"other"'), (name, etag), ("Range", "bytes=-1")]
        assert shared.ola.get(path, headers=sent).status_code == status


def test_if_match_comes_first_and_both_before_the_range(shared: Shared, path: str, etag: str) -> None:
    assert ask(shared, "GET", path, {"If-Match": '"other"', "If-None-Match": etag})[0] == 412
    assert ask(shared, "GET", path, {"If-Match": etag, "If-None-Match": etag})[0] == 304
    assert ask(shared, "GET", path, {"If-Match": '"other"', "Range": "bytes=-0"})[0] == 412
    assert ask(shared, "GET", path, {"If-None-Match": etag, "If-Range": '"other"'})[0] == 304
    assert ask(shared, "GET", path, {"If-Match": etag, "Range": "bytes=-0"})[0] == 416
    assert ask(shared, "GET", path, {"If-Match": etag, "If-Range": etag})[0] == 206


@pytest.mark.parametrize("filling", [",", " ", ", ", '"', '"a" ', '"a",', 'W/"'])
def test_ten_kilobytes_of_tags_take_no_longer_than_none(shared: Shared, filling: str) -> None:
    began = time.monotonic()
    answer = shared.ola.head(shared.path, headers={"If-None-Match": "x" + filling * (10_000 // len(filling)) + "x"})
    assert answer.status_code == 200
    assert time.monotonic() - began < 2


def test_a_precondition_does_not_reveal_what_a_stranger_may_not_have(shared: Shared, deployment: Deployment) -> None:
    etag = shared.ola.head(shared.path).headers["etag"]
    with deployment.client() as nobody:
        for headers in ({"If-None-Match": etag}, {"If-None-Match": "*"}, {"If-Match": '"other"'}):
            assert nobody.get(shared.path, headers=headers).status_code == 401


def test_what_was_not_sent_leaves_no_receipt(deployment: Deployment) -> None:
    share_id = deployment.share([OLA_NUMBER], {"vedtak.pdf": b"x" * 1000})
    [path] = deployment.document_paths(share_id)
    ola = deployment.session(OLA)
    for address in (path, f"/d/{share_id}/alt.zip"):
        assert ola.get(address, headers={"If-None-Match": "*"}).status_code == 304
        assert ola.get(address, headers={"If-Match": '"other"'}).status_code == 412
    with deployment.node.deps.database.read() as tx:
        assert [receipt for receipt in tx.receipts.of_shares([share_id]) if receipt.document_id] == []
