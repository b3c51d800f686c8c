"""Headers of tus requests, and the joining of partial uploads."""

import base64
import string
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

from deldokument.domain.errors import Conflict, InvalidInput, TooLarge
from deldokument.domain.shares.upload import Upload, check_new_partial, join, remaining_for_partials
from deldokument.services.uploads.append import CHECKSUMS
from deldokument.web.transfer import tus
from deldokument.web.transfer.request_body import MAX_DIGITS
from tests.fuzz.targets.downloads import request

_ID_CHARACTERS = set(string.ascii_letters + string.digits + "-_")
_WHOLE = Upload("w", "0" * 32, "s", "m", 100, 0, b"", datetime(2026, 11, 24, tzinfo=UTC))


def metadata(data: bytes) -> None:
    """Parse Upload-Metadata: accepted metadata fit into a response header, and a start is a decimal number."""
    sent = request(("upload-metadata", data))
    kept = tus.repeatable_metadata(sent)
    assert kept in ("", data.decode("latin-1"))
    assert kept.isascii()
    assert kept.isprintable()
    assert len(kept) <= tus.MAX_METADATA
    with suppress(InvalidInput):
        start = tus.start_in_metadata(sent)
        assert start is None or 0 <= start < 10**MAX_DIGITS


def checksum(data: bytes) -> None:
    """Parse Upload-Checksum: an accepted one is a whole digest of an offered algorithm."""
    with suppress(InvalidInput):
        found = tus.checksum_of(request(("upload-checksum", data)))
        assert found is not None
        assert found.algorithm in CHECKSUMS
        algorithm, _, encoded = data.decode("latin-1").partition(" ")
        assert algorithm == found.algorithm
        assert base64.b64encode(found.digest).decode() == encoded or base64.b64decode(encoded) == found.digest


def concatenation(data: bytes) -> None:
    """Parse the addresses of Upload-Concat, and join partial uploads whose sizes are in the same bytes."""
    with suppress(InvalidInput):
        ids = tus.joined_ids(data.decode("latin-1"))
        assert ids
        assert all(set(one) <= _ID_CHARACTERS for one in ids)
    whole, partials = replace(_WHOLE, length=sum(data[:8]) or 1), list[Upload]()
    for number, size in enumerate(data[:8]):
        start = None if size % 3 else sum(one.length for one in partials)
        with suppress(Conflict, TooLarge):
            check_new_partial(whole, partials, size, start)
            partials.append(
                replace(whole, id=str(number), length=size, offset=size - (size % 17 == 5), partial_of="w", start=start)
            )
    with suppress(Conflict):
        joined = join(whole, partials)
        assert [one.start for one in joined] == [sum(one.length for one in joined[:n]) for n in range(len(joined))]
        assert sum(one.length for one in joined) == whole.length
        assert remaining_for_partials(whole, joined) == 0
