"""Entity tags and ranges in headers: white space is what RFC 9110 says, and nothing else."""

import pytest
from starlette.requests import Request

from deldokument.web.http.requests.preconditions import failed_precondition
from deldokument.web.transfer.downloads import wanted_range

pytestmark = pytest.mark.once

ETAG = '"5d41402abc4b2a76b9719d911017c592"'


def request(name: str, value: bytes) -> Request:
    return Request({"type": "http", "method": "GET", "headers": [(name.encode(), value)]})


@pytest.mark.parametrize("value", [b"*", b" *\t"])
def test_a_star_matches_every_tag(value: bytes) -> None:
    assert failed_precondition(request("if-none-match", value), ETAG) == 304
    assert failed_precondition(request("if-match", value), ETAG) is None


@pytest.mark.parametrize("value", [b"\x1e*", b"*\xa0", b"\x85*"])
def test_a_star_beside_another_character_is_no_star(value: bytes) -> None:
    assert failed_precondition(request("if-none-match", value), ETAG) is None
    assert failed_precondition(request("if-match", value), ETAG) == 412


def test_a_range_beside_another_character_is_ignored() -> None:
    assert wanted_range(" bytes=0-1\t", f"{ETAG} ", ETAG, 10) == (0, 2)
    assert wanted_range("\xa0bytes=0-1", None, ETAG, 10) is None
    assert wanted_range("bytes=0-1", f"\x1e{ETAG}", ETAG, 10) is None
