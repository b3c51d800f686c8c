"""How much of a body is read, and from whom: nothing before the caller is known, and little from strangers."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from deldokument.web.http.dispatch import MAX_ANONYMOUS_BODY
from deldokument.web.http.resubmission import MAX_KEPT_BODY, MAX_READ_AT_ONCE
from tests.support.browser import ORIGIN, Web, site
from tests.support.servers.local_server import listening
from tests.support.stage.stage import KARI, OLA, SIV

FORM = "application/x-www-form-urlencoded"
OWN = {"Origin": ORIGIN, "Content-Type": FORM}
LOGOUT = "/logg-ut/bakkanal"
NEEDS_LOGIN = "/delinger/AAAAAAAAAAAAAAAAAAAAAA/sluttidspunkt"


@pytest.fixture
def port(web: Web) -> Iterator[int]:
    """Where the application over the world answers."""
    with listening(web.stage, site()) as url:
        yield int(url.rpartition(":")[2])


def sent(connection: socket.socket, path: str, length: int, body: bytes = b"", **headers: str) -> None:
    """Send a head that announces a body, and so much of the body."""
    lines = [f"POST {path} HTTP/1.1", "Host: del.example", f"Content-Length: {length}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    connection.sendall("\r\n".join([*lines, "", ""]).encode() + body)


def status(connection: socket.socket) -> int:
    """The status of the response that comes."""
    with connection.makefile("rb") as answer:
        return int(answer.readline().split()[1])


def asked(port: int, path: str, length: int, body: bytes = b"", **headers: str) -> int:
    """The status that one request gets before its body is complete."""
    with socket.create_connection(("127.0.0.1", port), 20) as connection:
        sent(connection, path, length, body, **headers)
        return status(connection)


@pytest.mark.parametrize("kind", [FORM, "multipart/form-data; boundary=x", "application/json"])
def test_a_stranger_is_answered_before_a_byte_of_the_body_is_read(port: int, kind: str) -> None:
    assert asked(port, NEEDS_LOGIN, 200_000, Content_Type=kind, Origin="https://evil.example") == 303


def test_the_script_of_a_page_has_to_log_in_before_its_body_is_read(port: int) -> None:
    path = "/del/utkast/AAAAAAAAAAAAAAAAAAAAAA/mottakere"
    assert asked(port, path, 200_000, Origin=ORIGIN, Content_Type="application/json") == 401


def test_a_person_without_the_role_is_answered_before_the_body_is_read(web: Web, port: int) -> None:
    kari = web.browser(KARI)
    cookies = "; ".join(f"{name}={value}" for name, value in kari.http.cookies.items())
    assert asked(port, "/drift/virksomheter", 200_000, **OWN, Cookie=cookies) == 404


def test_a_session_that_ends_while_a_body_is_being_sent_changes_nothing(
    web: Web, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deldokument.web.http.dispatch.ADMISSION_SECONDS", 0.0)
    kari, draft = web.browser(KARI), web.stage.draft()
    cookies = "; ".join(f"{name}={value}" for name, value in kari.http.cookies.items())
    headers = {"Cookie": cookies, "X-CSRF-Token": kari.csrf_token(), "Content-Type": "application/json"}
    for number, ends, expected in ((OLA, False, 200), (SIV, True, 401)):
        body = b'{"text": "%b"}' % number.encode()
        with socket.create_connection(("127.0.0.1", port), 20) as connection:
            sent(connection, f"/del/utkast/{draft.id}/mottakere", len(body), body[:5], Expect="100-continue", **headers)
            # The service requests the body once it has found the session.
            assert status(connection) == 100
            if ends:
                web.stage.clock.advance(minutes=31)
            connection.sendall(body[5:])
            assert _final_status(connection) == expected
    with web.stage.deps.database.read() as tx:
        assert len(tx.shares.recipients([draft.id])) == 1


def test_a_route_for_anyone_reads_a_short_body_and_refuses_a_long_one_unread(port: int) -> None:
    assert asked(port, LOGOUT, MAX_ANONYMOUS_BODY + 1, Content_Type=FORM) == 413
    body = b"logout_token=" + b"x" * (MAX_ANONYMOUS_BODY - 13)
    assert asked(port, LOGOUT, len(body), body, Content_Type=FORM) == 400


def test_a_body_of_unknown_length_is_read_up_to_the_limit(port: int) -> None:
    head = f"POST {LOGOUT} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Type: {FORM}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), 20) as connection:
        connection.sendall(head.encode() + b"%x\r\n" % (MAX_ANONYMOUS_BODY + 1) + bytes(MAX_ANONYMOUS_BODY + 1))
        assert status(connection) == 413


def test_of_a_form_of_an_ended_session_so_much_is_kept_and_no_more(web: Web) -> None:
    for length, expected in ((MAX_KEPT_BODY - 100, 401), (MAX_KEPT_BODY + 1, 413)):
        answer = web.browser().request("POST", NEEDS_LOGIN, data={"note": "x" * length}, headers={"origin": ORIGIN})
        assert answer.status_code == expected


def test_only_a_limited_number_of_forms_without_a_session_is_read_at_once(port: int) -> None:
    body = b"note=" + b"x" * 95
    with ExitStack() as open_ones:
        held = [
            open_ones.enter_context(socket.create_connection(("127.0.0.1", port), 20)) for _ in range(MAX_READ_AT_ONCE)
        ]
        for connection in held:
            sent(connection, NEEDS_LOGIN, len(body), body[:10], **OWN, Expect="100-continue")
            # The service requests the body once it has begun to read it.
            assert status(connection) == 100
        assert asked(port, NEEDS_LOGIN, len(body), body, **OWN) == 503
        # Other forms are not affected, nor is this one once another has been read.
        assert asked(port, LOGOUT, 5, b"a=bcd", Content_Type=FORM) == 400
        held[0].sendall(body[10:])
        assert _final_status(held[0]) == 401
        assert asked(port, NEEDS_LOGIN, len(body), body, **OWN) == 401


def _final_status(connection: socket.socket) -> int:
    with connection.makefile("rb") as answer:
        lines = iter(answer.readline, b"")
        return next(int(line.split()[1]) for line in lines if line.startswith(b"HTTP/1.1 ") and b" 100 " not in line)
