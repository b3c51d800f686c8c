"""A large document through KS' form, over a socket: as it comes, in little memory, or not at all."""

import hashlib
import json
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx

from deldokument.domain.errors import existing
from deldokument.domain.shares.share import ShareState
from deldokument.domain.uuids import document_id_of
from deldokument.services.encryption import existing_key
from deldokument.services.shares.display.views import file_name
from deldokument.store.shares.shares import ShareFilter
from tests.support.deployment.deployment import Deployment, wait_until
from tests.support.deployment.stack import stack

KARI, OLA = "Kari Lunde", "21879498012"
PATH = "/melding-dokumentdeling/api/v1/kontoer"
KIND = "multipart/form-data; boundary=b"
PIECE = bytes(range(256)) * 256
LITTLE = 100 * 2**20
"""What may be kept in memory, besides what the stack's store collects there."""


def opening(name: str) -> bytes:
    words = {
        "dokumentnavn": name,
        "ttl": 864_000,
        "arkivert": True,
        "eksponertFor": [{"type": "PERSON", "fnr": OLA}],
    }
    parts = (("metadata", json.dumps(words)), ('dokument"; filename="stort.bin', ""))
    return "\r\n".join(f'--b\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{c}' for n, c in parts).encode()


def account_of(kari: httpx.Client) -> str:
    found = kari.get(PATH).json()
    return str(next(one["kontoId"] for one in found if one["navn"] == "Byggesak"))


def test_a_large_document_is_shared_as_it_comes_in_little_memory(deployment: Deployment) -> None:
    kari, digest = deployment.session(KARI), hashlib.sha256()
    before, most, bound = deployment.rss(), 0, LITTLE + stack().spooled
    # If the form were kept in memory as a whole, it would exceed the bound by a quarter.
    count = 5 * bound // (4 * len(PIECE))

    def pieces() -> Iterator[bytes]:
        nonlocal most
        yield opening("stort.bin")
        for number in range(count):
            digest.update(PIECE)
            if number % 100 == 0:
                most = max(most, deployment.rss())
            yield PIECE
        yield b"\r\n--b--\r\n"

    path = f"{PATH}/{account_of(kari)}/deldokument"
    answer = kari.post(path, content=pieces(), headers={"Content-Type": KIND}, timeout=300)
    assert answer.status_code == 201, answer.text
    assert answer.json()["ukryptertStorrelse"] == count * len(PIECE)
    assert most - before < bound
    share_id, document_id = answer.headers["location"].rsplit("/", 1)[-1], document_id_of(answer.json()["id"])

    def inspected() -> bool:
        with deployment.node.deps.database.read() as tx:
            return existing(tx.shares.document(document_id)).inspected_at is not None

    wait_until(inspected, 240, "the document was not inspected")
    ola, received = deployment.session("Ola Nordmann"), hashlib.sha256()
    with ola.stream("GET", f"/d/{share_id}/dokument/{document_id}", timeout=300) as download:
        assert download.status_code == 200
        for piece in download.iter_bytes():
            received.update(piece)
    assert received.digest() == digest.digest()


def test_a_client_that_disconnects_leaves_nothing_shared(deployment: Deployment) -> None:
    kari = deployment.session(KARI)
    path, place = f"{PATH}/{account_of(kari)}/deldokument", urlsplit(deployment.url)
    request = kari.build_request("POST", path, content=b"", headers={"Content-Type": KIND})
    request.headers["Content-Length"] = "50000000"
    head = f"POST {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
    with socket.create_connection((place.hostname, place.port or 80)) as connection:
        connection.sendall(head.encode() + b"\r\n" + opening("avbrutt.bin") + PIECE * 200)
        wait_until(lambda: states(deployment, "avbrutt.bin") == [ShareState.DRAFT], 60, "no draft was begun")
    wait_until(lambda: states(deployment, "avbrutt.bin") == [ShareState.ABANDONED], 60, "the draft is still there")


def states(running: Deployment, name: str) -> list[ShareState]:
    """Of the shares that have a document of that name."""
    deps = running.node.deps
    with deps.database.read() as tx:
        accounts = tuple(a.id for t in tx.tenants.all() for a in tx.accounts.of_tenant(t.id))
        shares = {share.id: share for share in tx.shares.find(ShareFilter(accounts, limit=1000))}
        documents = tx.shares.documents(list(shares))
    return [
        shares[document.share_id].state
        for document in documents
        if file_name(existing_key(deps.keyring, shares[document.share_id].audit_key_id), document) == name
    ]
