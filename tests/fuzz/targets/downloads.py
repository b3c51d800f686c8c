"""Headers of download requests and responses, compared with a slow reading of the RFC."""

from email.message import Message
from urllib.parse import unquote

from starlette.requests import Request

from deldokument.domain.errors import InvalidInput
from deldokument.domain.shares.typed_texts import check_document_name
from deldokument.web.http.requests.preconditions import failed_precondition
from deldokument.web.transfer.downloads import disposition, wanted_range

_ETAG = '"5d41402abc4b2a76b9719d911017c592"'


def request(*headers: tuple[str, bytes]) -> Request:
    """Return a request with these headers, as the server passes them on."""
    raw = [(name.encode(), value) for name, value in headers]
    return Request({"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": raw})


def lines(data: bytes, count: int) -> list[bytes]:
    """Return so many lines; missing ones are empty, and the last has the rest."""
    found = data.split(b"\n", count - 1)
    return found + [b""] * (count - len(found))


def ranges(data: bytes) -> None:
    """Evaluate Range and If-Range (lines 2 and 3) for a document of a length (line 1)."""
    size, header, condition = lines(data, 3)
    length = int(size) if size.isdigit() and len(size) <= 18 else 1000
    wanted, if_range = header.decode("latin-1"), condition.decode("latin-1") or None
    span = wanted_range(wanted, if_range, _ETAG, length)
    assert span in (None, (0, 0)) or 0 <= span[0] < span[1] <= length
    assert span == _by_the_book(wanted, if_range, length)


def _by_the_book(header: str, if_range: str | None, length: int) -> tuple[int, int] | None:
    """Return the range by RFC 9110, 14.1.2 and 14.2; numbers of more than 18 digits are malformed here."""
    unit, equals, spec = header.strip(" \t").partition("=")
    first, dash, last = spec.partition("-")
    numbers = [text for text in (first, last) if text]
    if (unit, equals, dash) != ("bytes", "=", "-") or not numbers:
        return None
    if not all(set(text) <= set("0123456789") and len(text) <= 18 for text in numbers):
        return None
    if if_range is not None and if_range.strip(" \t") != _ETAG:
        return None
    if first and last and int(last) < int(first):
        return None
    start = int(first) if first else max(length - int(last), 0)
    stop = min(int(last) + 1, length) if first and last else length
    return (start, stop) if start < stop else (0, 0)


def preconditions(data: bytes) -> None:
    """Evaluate If-Match and If-None-Match: a listed tag counts, and a malformed list names none."""
    match, none_match = lines(data, 2)
    status = failed_precondition(request(("if-match", match), ("if-none-match", none_match)), _ETAG)
    assert status in (None, 304, 412)
    if status == 304:
        assert _ETAG.encode() in none_match or none_match.strip(b" \t") == b"*"
    if status != 412:
        assert _ETAG.encode() in match or match.strip(b" \t") == b"*"


def disposition_header(data: bytes) -> None:
    """Write a file name into Content-Disposition: one line of ASCII, from which clients read one name."""
    try:
        name = check_document_name(data.decode("utf-8", "surrogatepass")).rpartition("/")[2]
    except (InvalidInput, UnicodeDecodeError):
        return
    header = disposition(name)
    assert header.isascii()
    assert header.isprintable()
    message = Message()
    message["Content-Disposition"] = header.partition("; filename*")[0]
    fallback = message.get_filename()
    assert fallback is not None
    assert not {"/", "\\", '"', "%"} & set(fallback)
    encoded = header.partition("; filename*=UTF-8''")[2]
    assert set(encoded) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~%")
    assert not {"\\", "\r", "\n", "\0"} & set(unquote(encoded))
