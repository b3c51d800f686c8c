"""Texts that people and programs send: lists, URLs, tokens, numbers and names."""

import base64
import csv
import io
import socket
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from types import SimpleNamespace
from typing import Any

import httpx

from deldokument.domain.errors import InvalidInput
from deldokument.domain.identifiers import mask_digits, parse_identifier, parse_person, split_pasted
from deldokument.domain.messages.webhook import AddressRule, is_public, parse_url
from deldokument.domain.service_config import ServiceConfig
from deldokument.domain.shares.typed_texts import check_document_name, check_text
from deldokument.services.accounts.member_import import Outcome, parse_list, read_list
from deldokument.services.audit.search import open_search, share_id_in
from deldokument.services.encryption import DIRECTORY, CachedDeploymentKeys
from deldokument.store.engine.column_types import UtcMicros
from deldokument.web.api.cursors import read_cursor
from deldokument.web.http.requests.pagination import read_place
from deldokument.web.http.responses.csv import csv_line
from tests.fakes.keyring import MemoryKeyring

_NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
_KARI = parse_person("12838514837", allow_synthetic=True)
_BEGINS_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_SHOWN, _NAME_DIGITS = 6, 5
_BIG = 2**63


def _deps() -> Any:
    keyring = MemoryKeyring()
    keyring.create(DIRECTORY)
    config = ServiceConfig(public_url="https://del.example", allow_synthetic=True)
    clock, keys = SimpleNamespace(now=lambda: _NOW), CachedDeploymentKeys(keyring)
    return SimpleNamespace(keyring=keyring, integrity=keys, config=config, clock=clock)


_DEPS = _deps()


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def member_list(data: bytes) -> None:
    """Parse a list of members: no line shows more than six digits of a number."""
    with suppress(InvalidInput):
        for entry in parse_list(_DEPS, read_list(data)):
            line = entry.line
            shown = [sum(c.isdigit() for c in text) for text in (line.masked, line.name)]
            assert shown[0] <= _SHOWN
            assert shown[1] <= (_NAME_DIGITS if line.outcome is Outcome.ADDED else _SHOWN)
            assert (entry.person is not None) == (line.outcome is Outcome.ADDED)


def csv_cells(data: bytes) -> None:
    """Write cells for spreadsheets: no cell begins a formula, and each is read back."""
    cells = _text(data).split("\0")
    [row] = csv.reader(io.StringIO(csv_line(cells), newline=""), delimiter=";", strict=True)
    assert [one.removeprefix("'") for one in row] == [one.removeprefix("'") for one in cells]
    assert not [one for one in row if one.lstrip().startswith(_BEGINS_FORMULA)]


def webhook_url(data: bytes) -> None:
    """Parse a webhook's URL: another parser reads the same host and port, and no private address gets through."""
    text = data.decode("latin-1")
    try:
        url = parse_url(text, AddressRule())
    except InvalidInput:
        return
    other = httpx.URL(text)
    assert (other.scheme, other.raw_host.decode().lower(), other.port or 443) == ("https", url.host, url.port)
    with suppress(OSError):
        # The system's resolver also takes 127.1, 0x7f.1 and 2130706433 for addresses.
        assert is_public(IPv4Address(socket.inet_aton(url.host)))
    head = f"POST {url.path} HTTP/1.1\r\nHost: {url.host}\r\n"
    assert head.count("\n") == 2
    assert head.split("\r\n")[0].count(" ") == 2


def search_token(data: bytes) -> None:
    """Open a token of the event log that nobody sealed: the only result is one error."""
    for token in (data.decode("latin-1"), base64.urlsafe_b64encode(data).decode().rstrip("=")):
        opened = None
        with suppress(InvalidInput):
            opened = open_search(_DEPS, tenant_id="t", person=_KARI, token=token)
        assert opened is None


def cursors(data: bytes) -> None:
    """Read positions in lists: the database takes their instants."""
    text, column = _text(data), UtcMicros()
    place = read_place(text)
    with suppress(InvalidInput):
        position = read_cursor(text if len(text) <= 500 else "", 1)
        place = place or (position and (position[0], position[1][0]))
    if place:
        assert abs(column.process_bind_param(place[0], None) or 0) < _BIG  # type: ignore[arg-type]
        assert place[0] - _NOW < timedelta.max


def numbers(data: bytes) -> None:
    """Parse pasted numbers: a number is canonical, and its masked form shows six digits."""
    text = _text(data)
    share_id_in(text)
    for one in split_pasted(text):
        with suppress(InvalidInput):
            found = parse_identifier(one, allow_synthetic=True)
            assert found.value.isascii()
            assert found.value.isdigit()
            assert len(found.value) in (9, 11)
            assert parse_identifier(found.value, allow_synthetic=True) == found
    assert sum(c.isdigit() for c in mask_digits(text)) <= _SHOWN


def names(data: bytes) -> None:
    """Check names of documents and texts: a checked one is unchanged by a second check."""
    text = data.decode("utf-8", "surrogatepass") if _is_text(data) else _text(data)
    with suppress(InvalidInput):
        name = check_document_name(text)
        assert check_document_name(name) == name
        assert not name.startswith("/")
        assert not {"", ".", ".."} & set(name.split("/"))
        name.encode()
    with suppress(InvalidInput):
        tidy = check_text(text, 100, field="title")
        assert check_text(tidy, 100, field="title") == tidy
        tidy.encode()


def _is_text(data: bytes) -> bool:
    try:
        data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return False
    return True
