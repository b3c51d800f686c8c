"""tus concatenation as the server speaks it: pieces beside each other, joined in the order asked for, or refused."""

import base64
import os
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import httpx
import pytest

from tests.support.deployment.deployment import BOTH_SOCKET_MODES, OFFSET_TYPE, Ticket
from tests.uploads.tus import Tus, Uploading, blobs, checksum

PARTIAL = {"Upload-Concat": "partial"}


@dataclass(frozen=True, slots=True)
class Pieces:
    """A document that is sent in pieces."""

    tus: Tus
    ticket: Ticket

    def post(self, length: object, more: Mapping[str, str] | None = None, content: bytes = b"") -> httpx.Response:
        return self.tus.post(self.ticket, length, PARTIAL | dict(more or {}), content)

    def create(self, length: int) -> Uploading:
        answer = self.post(length)
        assert answer.status_code == 201, answer.text
        return Uploading(self.tus.deployment, self.ticket, answer.headers["location"])

    def sent(self, *contents: bytes) -> list[Uploading]:
        uploads = [self.create(len(content)) for content in contents]
        for upload, content in zip(uploads, contents, strict=True):
            if content:
                assert upload.patch(0, content).status_code == 204
        return uploads

    def join(self, *addresses: str, **more: str) -> httpx.Response:
        headers = self.ticket.headers | {"Upload-Concat": "final;" + " ".join(addresses)} | more
        return httpx.post(f"{self.tus.deployment.url}/uploads", headers=headers, timeout=100)

    @property
    def whole(self) -> Uploading:
        return Uploading(self.tus.deployment, self.ticket, self.tus.deployment.create_upload(self.ticket))


@pytest.fixture
def pieces(tus: Tus) -> Pieces:
    return Pieces(tus, tus.announce(10))


@BOTH_SOCKET_MODES
def test_pieces_sent_beside_each_other_come_out_as_one(tus: Tus) -> None:
    content = os.urandom(24_000_000)
    pieces = Pieces(tus, tus.announce(len(content)))
    cuts = [0, 9_000_001, 9_000_002, 19_000_000, len(content)]
    contents = [content[start:stop] for start, stop in pairwise(cuts)]
    uploads = [pieces.create(len(one)) for one in contents]
    with ThreadPoolExecutor() as pool:
        answers = list(pool.map(lambda pair: pair[0].patch(0, pair[1]), zip(uploads, contents, strict=True)))
    assert {answer.status_code for answer in answers} == {204}
    before = blobs(tus.deployment)
    answer = pieces.join(*(upload.path for upload in uploads))
    assert (answer.status_code, answer.headers["location"]) == (201, pieces.whole.path)
    assert "upload-expires" in answer.headers
    assert blobs(tus.deployment) <= before
    assert tus.received() == content


def test_head_shows_partial_uploads_and_their_concatenation(pieces: Pieces) -> None:
    first, second = pieces.sent(b"12345", b"67890")
    assert first.head().headers["upload-concat"] == "partial"
    assert (first.head().headers["upload-offset"], first.head().headers["upload-length"]) == ("5", "5")
    assert "upload-concat" not in pieces.whole.head().headers
    pieces.join(second.path, first.path)
    headers = pieces.whole.head().headers
    assert headers["upload-concat"] == f"final;{second.path} {first.path}"
    assert (headers["upload-offset"], headers["upload-length"]) == ("10", "10")
    assert first.head().headers["upload-concat"] == "partial"


def test_a_piece_can_bring_its_bytes_with_its_creation(pieces: Pieces) -> None:
    answers = [pieces.post(5, {"Content-Type": OFFSET_TYPE}, content) for content in (b"12345", b"67890")]
    assert [(a.status_code, a.headers["upload-offset"]) for a in answers] == [(201, "5")] * 2
    assert pieces.join(*(answer.headers["location"] for answer in answers)).status_code == 201
    assert pieces.tus.received() == b"1234567890"


def test_the_address_of_a_piece_may_be_a_whole_one(pieces: Pieces) -> None:
    first, second = pieces.sent(b"12345", b"67890")
    assert pieces.join(first.url, second.path).status_code == 201
    assert pieces.tus.received() == b"1234567890"


def test_a_joining_asked_for_again_is_answered_as_before(pieces: Pieces) -> None:
    paths = [upload.path for upload in pieces.sent(b"12345", b"67890")]
    answers = [pieces.join(*paths) for _ in range(3)]
    assert {(answer.status_code, answer.headers["location"]) for answer in answers} == {(201, pieces.whole.path)}
    assert pieces.join(*paths[::-1]).status_code == 409
    assert pieces.tus.received() == b"1234567890"


def test_two_joinings_at_once_in_different_orders_have_one_winner(pieces: Pieces) -> None:
    paths = [upload.path for upload in pieces.sent(b"12345", b"67890")]
    barrier = threading.Barrier(8)

    def join(number: int) -> int:
        barrier.wait()
        return pieces.join(*(paths if number % 2 else paths[::-1])).status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(join, range(8)))
    assert sorted(statuses) == [201] * 4 + [409] * 4
    assert pieces.tus.received() == (b"1234567890" if statuses[1] == 201 else b"6789012345")


def test_nothing_can_be_appended_to_what_was_joined_nor_to_its_pieces(pieces: Pieces) -> None:
    first, second = pieces.sent(b"12345", b"67890")
    pieces.join(first.path, second.path)
    whole = pieces.whole
    assert [whole.patch(offset, b"x").status_code for offset in (0, 5, 10)] == [403] * 3
    assert [whole.patch(offset).status_code for offset in (0, 10)] == [403] * 2
    assert [first.patch(offset, b"x").status_code for offset in (0, 5)] == [409] * 2
    assert httpx.delete(first.url, headers=first.ticket.headers).status_code == 409
    assert pieces.post(5).status_code == 409
    assert pieces.tus.received() == b"1234567890"


@pytest.mark.parametrize(
    "value",
    ["", "partial;", "final", "Partial", "final;/uploads/x y", "final;", "final;x", "final;/uploads/",
     "final;/uploads/../x", "final;/uploads/%2e%2e%2fx", "final;/uploads/a/b", "final;http://[/uploads/a",
     "final;/etc/passwd", "final;/uploads/" + "a" * 101, "final;/uploads/a,/uploads/b"],
)  # fmt: skip
def test_an_invalid_concatenation_is_a_bad_request_and_leaves_nothing(pieces: Pieces, value: str) -> None:
    before = blobs(pieces.tus.deployment)
    headers = pieces.ticket.headers | {"Upload-Concat": value}
    if not value.startswith("final;"):
        headers |= {"Upload-Length": "10"}
    assert httpx.post(f"{pieces.tus.deployment.url}/uploads", headers=headers).status_code == 400
    assert blobs(pieces.tus.deployment) <= before
    assert pieces.whole.offset() == 0


def test_a_joining_names_no_length(pieces: Pieces) -> None:
    [only] = pieces.sent(b"1234567890")
    assert pieces.join(only.path, **{"Upload-Length": "10"}).status_code == 400
    assert pieces.join(only.path).status_code == 201


def test_pieces_of_another_document_and_unknown_ones_are_the_same_nothing(tus: Tus, pieces: Pieces) -> None:
    other = Pieces(tus, tus.announce(10, "annet.pdf"))
    [mine], [foreign] = pieces.sent(b"12345"), other.sent(b"67890")
    answers = [
        pieces.join(mine.path, foreign.path),
        pieces.join(mine.path, "/uploads/unknown"),
        pieces.join(mine.path, other.whole.path),
        httpx.head(foreign.url, headers=pieces.ticket.headers),
        httpx.patch(foreign.url, headers=mine.headers(0), content=b"x"),
        httpx.delete(foreign.url, headers=pieces.ticket.headers),
    ]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.text for answer in answers[:3]}) == 1
    assert (mine.offset(), foreign.offset()) == (5, 5)


def test_partial_uploads_need_the_token(pieces: Pieces) -> None:
    [only] = pieces.sent(b"1234567890")
    wrong = {**pieces.ticket.headers, "Authorization": "Bearer wrong"}
    for headers in (PARTIAL | {"Upload-Length": "1"}, {"Upload-Concat": f"final;{only.path}"}):
        answer = httpx.post(f"{pieces.tus.deployment.url}/uploads", headers=wrong | headers)
        assert answer.status_code == 404


def test_pieces_that_are_unfinished_too_few_or_repeated_are_a_conflict(pieces: Pieces) -> None:
    [first], unfinished = pieces.sent(b"12345"), pieces.create(5)
    unfinished.patch(0, b"678")
    for paths in ([first.path], [first.path, first.path], [first.path, unfinished.path]):
        assert pieces.join(*paths).status_code == 409
    unfinished.patch(3, b"90")
    assert pieces.join(first.path, unfinished.path).status_code == 201
    assert pieces.tus.received() == b"1234567890"


def test_pieces_together_stay_within_the_declared_length(pieces: Pieces) -> None:
    assert pieces.post(11).status_code == 413
    assert pieces.post(6 * 2**30).status_code == 413
    pieces.sent(b"1234567")
    greedy = pieces.create(10)
    assert greedy.patch(0, b"1234").status_code == 413
    assert greedy.patch(0, iter([b"1234"])).status_code == 413
    assert greedy.offset() == 0
    assert greedy.patch(0, b"123").status_code == 204


def test_the_number_of_pieces_is_bounded(pieces: Pieces) -> None:
    assert [pieces.post(1).status_code for _ in range(17)] == [201] * 16 + [409]


def start(value: str) -> dict[str, str]:
    return {"Upload-Metadata": f"filename eA==,start {base64.b64encode(value.encode()).decode()}"}


def test_a_piece_that_says_where_it_begins_is_created_once_and_joined_only_there(pieces: Pieces) -> None:
    answers = [pieces.post(5, start(value)) for value in ("0", "5", "5", "0")]
    first, second, again, too = (answer.headers["location"] for answer in answers)
    assert (first, second) == (too, again)
    for path, content in ((first, b"12345"), (second, b"67890")):
        Uploading(pieces.tus.deployment, pieces.ticket, path).patch(0, content)
    assert pieces.join(second, first).status_code == 409
    assert pieces.join(first, second).status_code == 201
    assert pieces.tus.received() == b"1234567890"


@pytest.mark.parametrize(
    "metadata", ["start", "start !", "start eA==", "start LTE=", "start w6k=", "start 4pGg", "start " + "OTk5" * 9]
)
def test_a_start_that_is_no_place_is_a_bad_request(pieces: Pieces, metadata: str) -> None:
    assert pieces.post(5, {"Upload-Metadata": metadata}).status_code == 400


def test_a_piece_that_would_end_beyond_the_document_is_refused(pieces: Pieces) -> None:
    assert pieces.post(5, start("6")).status_code == 413
    assert pieces.post(5, start("5")).status_code == 201


def test_a_checksum_counts_for_a_piece_too(pieces: Pieces) -> None:
    upload = pieces.create(10)
    assert upload.patch(0, b"12345", Upload_Checksum=checksum(b"other")).status_code == 460
    assert upload.offset() == 0
    assert upload.patch(0, b"12345", Upload_Checksum=checksum(b"12345")).status_code == 204
    assert upload.patch(5, b"67890", Upload_Checksum=checksum(b"67890", "sha1")).status_code == 204
    assert pieces.join(upload.path).status_code == 201
    assert pieces.tus.received() == b"1234567890"


def test_a_terminated_piece_is_gone_and_the_document_is_not(pieces: Pieces) -> None:
    first, second = pieces.sent(b"12345", b"678")
    assert httpx.delete(second.url, headers=second.ticket.headers).status_code == 204
    assert second.head().status_code == 404
    assert pieces.join(first.path, second.path).status_code == 404
    assert (first.offset(), pieces.whole.offset()) == (5, 0)


def test_bytes_for_the_whole_end_its_pieces(pieces: Pieces) -> None:
    [first] = pieces.sent(b"12345")
    whole = pieces.whole
    assert whole.patch(0, b"abc").status_code == 204
    assert first.head().status_code == 404
    assert pieces.post(5).status_code == 409
    assert whole.patch(3, b"defghij").status_code == 204
    assert pieces.tus.received() == b"abcdefghij"
