"""tus 1.0.0 as the server speaks it: what is taken, and what is refused with nothing changed."""

import os
from email.utils import parsedate_to_datetime

import httpx
import pytest

from tests.support.deployment.deployment import BOTH_SOCKET_MODES, OFFSET_TYPE, TUS, Deployment
from tests.uploads.tus import Tus, Uploading, blobs

FIVE_GIB = 5 * 2**30


@pytest.mark.parametrize("path", ["/uploads", "/uploads/whatever"])
def test_options_list_version_extensions_limit_and_checksums_without_a_token(deployment: Deployment, path: str) -> None:
    answer = httpx.options(deployment.url + path)
    assert answer.status_code == 204
    assert answer.headers["tus-resumable"] == answer.headers["tus-version"] == "1.0.0"
    extensions = "creation,creation-with-upload,termination,expiration,checksum,concatenation"
    assert answer.headers["tus-extension"] == extensions
    assert answer.headers["tus-max-size"] == str(FIVE_GIB)
    assert answer.headers["tus-checksum-algorithm"] == "sha1,sha256,sha512"


def test_creation_answers_with_location_and_expiry_and_twice_with_the_same(tus: Tus) -> None:
    ticket = tus.announce(10)
    first, second = tus.post(ticket, 10), tus.post(ticket, 10)
    assert first.status_code == second.status_code == 201
    assert first.headers["location"] == second.headers["location"]
    assert ticket.token not in first.headers["location"]
    hours = (
        parsedate_to_datetime(first.headers["upload-expires"]) - parsedate_to_datetime(first.headers["date"])
    ).total_seconds() / 3600
    assert 23.9 < hours < 24.1


@BOTH_SOCKET_MODES
def test_creation_with_upload_stores_the_bytes_at_once(tus: Tus) -> None:
    content = os.urandom(300_000)
    answer = tus.post(tus.announce(len(content)), len(content), {"Content-Type": OFFSET_TYPE}, content)
    assert (answer.status_code, answer.headers["upload-offset"]) == (201, str(len(content)))
    assert tus.received() == content


def test_an_empty_document_is_complete_when_it_is_created(tus: Tus) -> None:
    assert tus.post(tus.announce(0), 0).status_code == 201
    assert tus.received() == b""


def test_over_5_gib_is_refused_before_the_first_byte(tus: Tus) -> None:
    before = blobs(tus.deployment)
    answer = tus.post(tus.announce(10), FIVE_GIB + 1, {"Content-Type": OFFSET_TYPE}, b"x" * 10)
    assert answer.status_code == 413
    assert blobs(tus.deployment) <= before


def test_over_5_gib_is_refused_already_when_it_is_announced(tus: Tus) -> None:
    kari = tus.deployment.session("Kari Lunde")
    form = {"name": "stor.iso", "length": FIVE_GIB + 1, "modified_at": None}
    assert kari.post(f"/del/utkast/{tus.draft}/dokumenter", json=form).status_code == 413


def test_a_length_other_than_the_announced_is_refused(tus: Tus) -> None:
    assert tus.post(tus.announce(10), 11).status_code == 409


@pytest.mark.parametrize("length", ["", "-1", "1e3", "0x10", "ten", "1" * 30, "+1", "1.0", "٣"])
def test_a_length_that_is_no_length_is_a_bad_request(tus: Tus, length: str) -> None:
    ticket = tus.announce(10)
    headers = [*(ticket.headers | {"Content-Length": "0"}).items()]
    raw = [(name.encode(), value.encode()) for name, value in headers] + [(b"Upload-Length", length.encode())]
    assert httpx.post(f"{tus.deployment.url}/uploads", headers=raw).status_code == 400


@pytest.mark.parametrize("extra", [{}, {"Upload-Concat": "partial"}], ids=["whole", "partial"])
def test_a_deferred_length_is_not_offered_and_refused(tus: Tus, extra: dict[str, str]) -> None:
    assert tus.post(tus.announce(10), 10, extra | {"Upload-Defer-Length": "1"}).status_code == 400


@pytest.mark.parametrize("authorization", [None, "", "Bearer", "Basic eDp5", "Bearer wrong", "Bearer " + "x" * 5000])
def test_requests_without_a_token_are_not_found(tus: Tus, authorization: str | None) -> None:
    upload = tus.create(10)
    headers = {**TUS, "Upload-Length": "10"} | ({"Authorization": authorization} if authorization is not None else {})
    patch = headers | {"Upload-Offset": "0", "Content-Type": OFFSET_TYPE}
    answers = [
        httpx.post(f"{tus.deployment.url}/uploads", headers=headers),
        httpx.head(upload.url, headers=headers),
        httpx.patch(upload.url, headers=patch, content=b"x"),
        httpx.delete(upload.url, headers=headers),
    ]
    assert [answer.status_code for answer in answers] == [404] * 4
    assert upload.offset() == 0


def test_a_session_alone_uploads_nothing(tus: Tus) -> None:
    upload = tus.create(10)
    kari = tus.deployment.session("Kari Lunde")
    headers = {**TUS, "Upload-Offset": "0", "Content-Type": OFFSET_TYPE}
    assert kari.patch(upload.path, headers=headers, content=b"x").status_code == 404


@pytest.mark.parametrize("version", [None, "0.2.2", "1.0.1", "1"])
def test_another_version_is_refused_with_the_supported_one(tus: Tus, version: str | None) -> None:
    upload = tus.create(10)
    headers = upload.headers(0) | {"Tus-Resumable": version or ""}
    if version is None:
        del headers["Tus-Resumable"]
    answers = [httpx.patch(upload.url, headers=headers, content=b"x"), httpx.head(upload.url, headers=headers)]
    assert [(a.status_code, a.headers["tus-version"]) for a in answers] == [(412, "1.0.0")] * 2
    assert upload.offset() == 0


@BOTH_SOCKET_MODES
def test_a_document_in_many_requests_is_complete(tus: Tus) -> None:
    content = os.urandom(21_000_000)
    upload = tus.create(len(content))
    at = 0
    for size in (1, 17, 4096, 262_144, 9_000_000, 1, 5_000_000, len(content)):
        answer = upload.patch(at, content[at : at + size])
        at = min(at + size, len(content))
        assert (answer.status_code, answer.headers["upload-offset"]) == (204, str(at))
        assert upload.offset() == at
    assert tus.received() == content


@BOTH_SOCKET_MODES
def test_a_chunked_body_is_taken_like_one_of_known_length(tus: Tus) -> None:
    content = os.urandom(3_000_000)
    upload = tus.create(len(content))
    pieces = (content[at : at + 70_001] for at in range(0, len(content), 70_001))
    answer = upload.patch(0, pieces)
    assert (answer.status_code, answer.headers["upload-offset"]) == (204, str(len(content)))
    assert tus.received() == content


def test_head_returns_offset_length_and_expiry_and_is_not_stored(tus: Tus) -> None:
    upload = tus.create(10)
    upload.patch(0, b"12345")
    answer = upload.head()
    assert (answer.headers["upload-offset"], answer.headers["upload-length"]) == ("5", "10")
    assert answer.headers["cache-control"] == "no-store"
    assert "GMT" in answer.headers["upload-expires"]


@pytest.mark.parametrize("offset", [0, 4, 6, 10, 11, 10**18, "9" * 19])
def test_a_wrong_offset_is_a_conflict_that_names_the_right_one(tus: Tus, offset: object) -> None:
    upload = tus.create(10)
    upload.patch(0, b"12345")
    answer = upload.patch(offset, b"x")
    assert (answer.status_code, answer.headers["upload-offset"]) == (409, "5")
    assert upload.offset() == 5


@pytest.mark.parametrize("offset", ["-1", "", "five", "0x5", "5.0", "5e0", "9" * 40, "5,5"])
def test_an_offset_that_is_no_number_is_a_bad_request(tus: Tus, offset: str) -> None:
    upload = tus.create(10)
    assert upload.patch(offset, b"x").status_code == 400
    assert upload.offset() == 0


def test_more_than_declared_is_refused_before_a_byte_is_taken(tus: Tus) -> None:
    upload = tus.create(10)
    assert upload.patch(0, b"x" * 11).status_code == 413
    assert upload.offset() == 0


def test_more_than_declared_without_a_length_is_refused_too(tus: Tus) -> None:
    upload = tus.create(1_000_000)
    answer = upload.patch(0, (b"x" * 100_000 for _ in range(11)))
    assert answer.status_code == 413
    assert upload.offset() <= 1_000_000
    assert upload.head().headers["upload-length"] == "1000000"


def test_another_content_type_is_refused(tus: Tus) -> None:
    upload = tus.create(10)
    for kind in ("application/octet-stream", "multipart/form-data", ""):
        assert upload.patch(0, b"x", Content_Type=kind).status_code == 415
    assert upload.offset() == 0


def test_a_finished_upload_accepts_nothing_and_still_returns_its_offset(tus: Tus) -> None:
    upload = tus.create(5)
    upload.patch(0, b"12345")
    for offset, content in ((5, b""), (5, b"x"), (0, b"54321"), (4, b"x")):
        assert upload.patch(offset, content).status_code == 409
    assert upload.offset() == 5
    assert tus.received() == b"12345"


def test_an_unknown_upload_and_anothers_are_the_same_nothing(tus: Tus) -> None:
    mine, other = tus.create(10), tus.create(11, "annet.pdf")
    before = blobs(tus.deployment)
    answers = []
    for path in (other.path, "/uploads/unknown", "/uploads/" + "a" * 4000, "/uploads/%2e%2e%2fetc", "/uploads/%00"):
        url = tus.deployment.url + path
        answers += [
            httpx.head(url, headers=mine.ticket.headers),
            httpx.patch(url, headers=mine.headers(0), content=b"x"),
            httpx.delete(url, headers=mine.ticket.headers),
        ]
    assert {answer.status_code for answer in answers} == {404}
    assert (
        len(
            {
                answer.text
                for answer in answers
                if answer.request.method == "PATCH" and "%2f" not in str(answer.url).lower()
            }
        )
        == 1
    )
    assert (other.offset(), mine.offset()) == (0, 0)
    assert blobs(tus.deployment) <= before


def test_a_terminated_upload_is_gone_with_its_document(tus: Tus) -> None:
    upload = tus.create(10)
    upload.patch(0, b"12345")
    assert httpx.delete(upload.url, headers=upload.ticket.headers).status_code == 204
    assert upload.head().status_code == upload.patch(5, b"x").status_code == 404
    assert httpx.delete(upload.url, headers=upload.ticket.headers).status_code == 404
    assert tus.deployment.document_paths(tus.draft) == []


def test_after_publication_the_token_changes_nothing(tus: Tus) -> None:
    upload = tus.create(5)
    upload.patch(0, b"12345")
    assert tus.received() == b"12345"
    assert httpx.delete(upload.url, headers=upload.ticket.headers).status_code == 409
    assert upload.patch(5, b"x").status_code == 409
    assert upload.offset() == 5
    assert len(tus.deployment.document_paths(tus.draft)) == 1


def test_other_methods_have_no_effect(tus: Tus) -> None:
    upload = tus.create(10)
    assert httpx.get(upload.url, headers=upload.ticket.headers).status_code == 405
    assert httpx.put(upload.url, headers=upload.headers(0), content=b"x").status_code == 405
    assert httpx.post(upload.url, headers=upload.headers(0), content=b"x").status_code == 405
    assert upload.offset() == 0


@pytest.mark.parametrize(
    "kind", ["APPLICATION/OFFSET+OCTET-STREAM", f"{OFFSET_TYPE}; charset=utf-8", f"{OFFSET_TYPE} ;a=b"]
)
def test_a_media_type_is_compared_without_case_and_parameters(tus: Tus, kind: str) -> None:
    upload = tus.create(10)
    assert upload.patch(0, b"12345", Content_Type=kind).status_code == 204
    created = tus.post(tus.announce(5, "andre.pdf"), 5, {"Content-Type": kind}, b"12345")
    assert (created.status_code, created.headers["upload-offset"]) == (201, "5")


def override(upload: Uploading, method: str, content: bytes = b"", actual: str = "POST", **more: str) -> httpx.Response:
    headers = upload.headers(0, X_HTTP_Method_Override=method, **more)
    return httpx.request(actual, upload.url, headers=headers, content=content, timeout=100)


def test_a_post_may_name_patch_head_and_delete(tus: Tus) -> None:
    upload = tus.create(10)
    patched = override(upload, "PATCH", b"12345")
    assert (patched.status_code, patched.headers["upload-offset"]) == (204, "5")
    answer = override(upload, "HEAD")
    assert (answer.status_code, answer.headers["upload-offset"], answer.headers["upload-length"]) == (200, "5", "10")
    assert override(upload, "DELETE").status_code == 204
    assert upload.head().status_code == 404


def test_a_named_method_is_authorised_and_checked_as_that_method(tus: Tus) -> None:
    upload = tus.create(10)
    for method in ("PATCH", "HEAD", "DELETE"):
        assert override(upload, method, b"x", Authorization="Bearer wrong").status_code == 404
    assert override(upload, "PATCH", b"x", Content_Type="text/plain").status_code == 415
    assert override(upload, "PATCH", b"x" * 11).status_code == 413
    assert upload.offset() == 0


@pytest.mark.parametrize("method", ["", "GET", "POST", "PUT", "OPTIONS", "patch", "PATCH, DELETE", "TRACE"])
def test_a_post_that_names_another_method_is_405(tus: Tus, method: str) -> None:
    upload = tus.create(10)
    answer = override(upload, method, b"x")
    assert (answer.status_code, answer.headers["allow"]) == (405, "OPTIONS, HEAD, PATCH, DELETE")
    assert upload.offset() == 0


@pytest.mark.parametrize(("actual", "status"), [("GET", 405), ("HEAD", 200), ("OPTIONS", 204)])
def test_a_method_that_has_no_effect_gets_none_by_naming_another(tus: Tus, actual: str, status: int) -> None:
    upload = tus.create(10)
    assert override(upload, "DELETE", actual=actual).status_code == status
    assert upload.offset() == 0


def test_a_method_is_named_only_to_an_upload(tus: Tus) -> None:
    ticket = tus.announce(10)
    assert tus.post(ticket, 10, {"X-HTTP-Method-Override": "PATCH"}).status_code == 405
    kari = tus.deployment.session("Kari Lunde")
    answer = kari.post(f"/del/utkast/{tus.draft}", headers={"X-HTTP-Method-Override": "DELETE"})
    assert answer.status_code in {404, 405}


METADATA = "filename aGVtbWVsaWctdmVkdGFrLnBkZg==,filetype YXBwbGljYXRpb24vcGRm,is_confidential"


def metadata_of(upload: Uploading) -> str | None:
    """What the server repeats of the metadata that came with the upload's creation."""
    headers = upload.head().headers
    return headers.get("upload-metadata")


def test_metadata_are_returned_as_sent_and_stored_encrypted(tus: Tus) -> None:
    upload = tus.create(10)
    assert metadata_of(upload) is None
    assert tus.post(upload.ticket, 10, {"Upload-Metadata": METADATA}).status_code == 201
    assert metadata_of(upload) == METADATA
    assert tus.post(upload.ticket, 10).status_code == 201
    assert metadata_of(upload) == METADATA
    upload.patch(0, b"0123456789")
    assert metadata_of(upload) == METADATA
    with tus.deployment.deps.database.read() as tx:
        [stored] = tx.uploads.of_documents([upload.ticket.document_id])
    assert b"filename" not in (stored.sealed_metadata or b"")


def test_the_metadata_of_an_empty_document_are_returned_too(tus: Tus) -> None:
    ticket = tus.announce(0)
    path = tus.post(ticket, 0, {"Upload-Metadata": METADATA}).headers["location"]
    assert metadata_of(Uploading(tus.deployment, ticket, path)) == METADATA


def test_partial_uploads_and_the_whole_have_metadata_of_their_own(tus: Tus) -> None:
    ticket = tus.announce(2)
    assert tus.post(ticket, 2, {"Upload-Metadata": "name d2hvbGU="}).status_code == 201
    paths = []
    for start in ("MA==", "MQ=="):
        headers = {"Upload-Concat": "partial", "Upload-Metadata": f"start {start}", "Content-Type": OFFSET_TYPE}
        paths.append(tus.post(ticket, 1, headers, b"x").headers["location"])
    uploads = [Uploading(tus.deployment, ticket, path) for path in paths]
    assert [metadata_of(upload) for upload in uploads] == ["start MA==", "start MQ=="]
    joined = {"Upload-Concat": f"final;{' '.join(paths)}", "Upload-Metadata": METADATA}
    response = httpx.post(f"{tus.deployment.url}/uploads", headers=ticket.headers | joined)
    assert response.status_code == 201
    assert metadata_of(Uploading(tus.deployment, ticket, response.headers["location"])) == METADATA


@pytest.mark.parametrize(
    "sent", ["a b c", "a YQ==,", ",", "a YQ==,,b YQ==", "a !", "æ YQ==", "a Y=Q", "a " + "A" * 4096, ""]
)
def test_invalid_metadata_are_ignored(tus: Tus, sent: str) -> None:
    upload = tus.create(10)
    headers = [*(upload.ticket.headers | {"Upload-Length": "10"}).items()]
    raw = [(name.encode(), value.encode()) for name, value in [*headers, ("Upload-Metadata", sent)]]
    assert httpx.post(f"{tus.deployment.url}/uploads", headers=raw).status_code == 201
    assert metadata_of(upload) is None


def test_metadata_are_shown_to_no_one_without_the_token(tus: Tus) -> None:
    upload = tus.create(10)
    assert tus.post(upload.ticket, 10, {"Upload-Metadata": METADATA}).status_code == 201
    stranger = httpx.head(upload.url, headers=TUS | {"Authorization": "Bearer wrong"})
    assert (stranger.status_code, stranger.headers.get("upload-metadata")) == (404, None)
