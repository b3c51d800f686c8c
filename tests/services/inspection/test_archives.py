"""Archives above the engine's limit: opened here, and clean only if every byte of them was examined."""

import gzip
import hashlib
import io
import struct
import tarfile
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from deldokument.adapters.scan_samples import ENCRYPTED_ARCHIVE, TEST_VIRUS
from deldokument.domain.errors import existing
from deldokument.domain.shares.scan_policy import DEFAULT_POLICY
from deldokument.domain.shares.share import Verdict
from deldokument.services.downloads.part_reader import STEP
from deldokument.services.encryption import existing_key, share_key_id
from deldokument.services.inspection import zip_members
from deldokument.services.inspection.archives import Members, opener_of, scan_archive, scan_opened
from deldokument.services.inspection.tar_members import tar_members
from deldokument.services.inspection.zip_members import ArchiveMember, UnexaminedError, unpack
from deldokument.services.shares.scans.verdicts import finding_of
from tests.fakes.scanner import MemoryScanner
from tests.support.stage.inspection import inspect_documents
from tests.support.stage.stage import NOON, Stage

PLAIN = b"innhold " * 1000


def zipped(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED, stream: bool = False) -> bytes:
    """A zip; as a ``stream``, the lengths come after each member's content."""
    out = io.BytesIO()
    with zipfile.ZipFile(out if not stream else Pipe(out), "w", method) as archive:  # type: ignore[arg-type]
        for name, content in members:
            archive.writestr(name, content)
    return out.getvalue()


class Pipe:
    """Takes bytes in order only."""

    def __init__(self, out: io.BytesIO) -> None:
        self.write, self.flush = out.write, out.flush


def tarred(*members: tuple[str, bytes], form: int = tarfile.GNU_FORMAT, **headers: str) -> bytes:
    """A tar; ``headers`` are extended ones."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form, pax_headers=headers) as archive:
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return out.getvalue()


def verdict_of(content: bytes, *, limit: int = 10**9, members_of: Members = zip_members.zip_members) -> Verdict:
    """The verdict of an archive, with a scanner that takes members up to ``limit``."""
    scanner = MemoryScanner(NOON, max_bytes=limit)

    def read(start: int, stop: int) -> bytes:
        return content[start:stop]

    def stream(start: int, stop: int) -> list[bytes]:
        return [content[at : min(at + 1000, stop)] for at in range(start, stop, 1000)]

    return scan_archive(scanner, members_of, read, stream, len(content), bool).verdict


def zip64(content: bytes, name: bytes = b"a.txt") -> bytes:
    """A zip of one stored member whose numbers are all those of zip64."""
    crc, later = zlib.crc32(content), 0xFFFFFFFF
    numbers = struct.pack("<QQ", len(content), len(content))
    extra = struct.pack("<HHH", 99, 2, 0) + struct.pack("<HH", 1, 16) + numbers
    local = struct.pack("<4s5H3L2H", b"PK\x03\x04", 45, 0, 0, 0, 0, crc, later, later, len(name), len(extra))
    directory_at = len(local) + len(name) + len(extra) + len(content)
    more = struct.pack("<HH", 1, 24) + numbers + struct.pack("<Q", 0)
    head = (b"PK\x01\x02", 45, 45, 0, 0, 0, 0, crc, later, later, len(name), len(more), 0, 0, 0, 0, later)
    directory = struct.pack("<4s6H3L5H2L", *head) + name + more
    end_at = directory_at + len(directory)
    end_64 = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 1, 1, len(directory), directory_at)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, end_at, 1)
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, later, later, 0)
    return local + name + extra + content + directory + end_64 + locator + end


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("stream", [False, True])
def test_an_archive_is_what_the_worst_of_its_members_is(method: int, stream: bool) -> None:
    def packed(*members: tuple[str, bytes]) -> bytes:
        return zipped(*members, method=method, stream=stream)

    assert verdict_of(packed(("a.txt", PLAIN), ("b.txt", b""))) is Verdict.CLEAN
    assert verdict_of(packed(("a.txt", PLAIN), ("b.com", TEST_VIRUS))) is Verdict.INFECTED
    assert verdict_of(packed(("a.txt", PLAIN), ("b.txt", b"b"), ("c.txt", b"")), limit=7999) is Verdict.TOO_LARGE
    assert verdict_of(packed(("a.txt", PLAIN), ("b.com", TEST_VIRUS)), limit=7999) is Verdict.INFECTED


def test_a_zip64_is_opened() -> None:
    assert verdict_of(zip64(PLAIN)) is Verdict.CLEAN
    assert verdict_of(zip64(TEST_VIRUS)) is Verdict.INFECTED


def test_an_encrypted_member_hides_no_malware_in_another() -> None:
    assert verdict_of(ENCRYPTED_ARCHIVE) is Verdict.ENCRYPTED
    both = zipped(("a.txt", bytes(range(64))), ("b.com", TEST_VIRUS))
    marked = bytearray(both)
    marked[6] |= 1
    marked[both.index(b"PK\x01\x02") + 8] |= 1
    assert verdict_of(bytes(marked)) is Verdict.INFECTED


def test_a_member_in_an_unknown_format_cannot_be_read() -> None:
    assert verdict_of(zipped(("a.txt", PLAIN), method=zipfile.ZIP_BZIP2)) is Verdict.UNREADABLE


GOOD = zipped(("a.txt", PLAIN), ("b.txt", b"b"))
DIRECTORY = GOOD.index(b"PK\x01\x02")
END = len(GOOD) - 22
BIG = zip64(b"innhold")


def changed(content: bytes, at: int, new: bytes) -> bytes:
    """The same bytes with others at that place."""
    return content[:at] + new + content[at + len(new) :]


@pytest.mark.parametrize(
    "spoilt",
    [
        b"",
        b"MZ" + GOOD,
        GOOD + b"x",
        changed(GOOD, len(GOOD) - 2, b"\x01\x00") + b"c",
        GOOD[:DIRECTORY] + b"x" + GOOD[DIRECTORY:],
        changed(GOOD, END, b"XX"),
        changed(GOOD, END + 10, b"\x03"),
        changed(GOOD, END + 12, b"\xff\xff\xff\x0f"),
        changed(GOOD, DIRECTORY, b"XX"),
        changed(GOOD, DIRECTORY + 28, b"\xff\xff"),
        changed(GOOD, DIRECTORY + 42, b"\x01"),
        changed(GOOD, DIRECTORY + 20, b"\x01\x00"),
        changed(GOOD, 0, b"XX"),
        changed(GOOD, 8, b"\x00"),
        changed(GOOD, 6, b"\x02"),
        changed(GOOD, 18, b"\x01"),
        changed(GOOD, 26, b"\x04"),
        changed(GOOD, 30, b"x"),
        changed(BIG, len(BIG) - 42, b"XX"),
        changed(BIG, len(BIG) - 34, b"\xff"),
        changed(BIG, len(BIG) - 98, b"XX"),
        BIG[-22:],
        changed(BIG, BIG.index(b"PK\x01\x02") + 46 + 5, b"\x02"),
    ],
)
def test_an_archive_with_other_bytes_or_two_readings_is_never_clean(spoilt: bytes) -> None:
    assert verdict_of(spoilt) is Verdict.ARCHIVE_LIMITS


def test_an_archive_cut_in_its_directory_is_never_clean() -> None:
    short = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, 3, 0, 0)
    assert verdict_of(b"PK\x01" + short) is Verdict.ARCHIVE_LIMITS


@pytest.mark.parametrize(("limit", "value"), [("MAX_MEMBERS", 1), ("MAX_DIRECTORY", 50), ("MAX_UNPACKED", 8000)])
def test_an_archive_above_our_limits_is_not_opened(monkeypatch: pytest.MonkeyPatch, limit: str, value: int) -> None:
    assert verdict_of(GOOD) is Verdict.CLEAN
    monkeypatch.setattr(f"deldokument.services.inspection.zip_members.{limit}", value)
    assert verdict_of(GOOD) is Verdict.ARCHIVE_LIMITS


@pytest.mark.parametrize(
    "spoil",
    [
        lambda member: replace(member, length=member.length - 1),
        lambda member: replace(member, length=member.length + 1),
        lambda member: replace(member, crc32=1),
        lambda member: replace(member, stop=member.stop - 1),
        lambda member: replace(member, stop=member.stop + 1),
        lambda member: replace(member, start=member.start + 1),
    ],
)
def test_a_member_that_is_not_what_its_header_says_cannot_be_read(
    spoil: Callable[[ArchiveMember], ArchiveMember],
) -> None:
    member = zip_members.zip_members(lambda start, stop: GOOD[start:stop], len(GOOD))[0]
    spoilt = spoil(member)
    with pytest.raises(UnexaminedError, match="unreadable"):
        list(unpack(spoilt, [GOOD[spoilt.start : spoilt.stop]]))


def test_a_bomb_is_unpacked_step_by_step_and_not_beyond_its_length() -> None:
    bomb = zipped(("a", b"".join(bytes([n % 251]) * 40 for n in range(5 * zip_members.STEP // 40))))
    [member] = zip_members.zip_members(lambda start, stop: bomb[start:stop], len(bomb))
    pieces = list(unpack(member, [bomb[member.start : member.stop]]))
    assert max(map(len, pieces)) == zip_members.STEP
    assert sum(map(len, pieces)) == 5 * zip_members.STEP
    with pytest.raises(UnexaminedError):
        list(unpack(replace(member, length=zip_members.STEP), [bomb[member.start : member.stop]]))


TAR = tarred(("a.txt", PLAIN), ("b.txt", b"b"))
LONG = "mappe/" * 30 + "a.txt"


@pytest.mark.parametrize(
    ("content", "verdict"),
    [
        (TAR, Verdict.CLEAN),
        (tarred(), Verdict.CLEAN),
        (tarred(("a.txt", PLAIN), ("b.com", TEST_VIRUS)), Verdict.INFECTED),
        (tarred((LONG, PLAIN)), Verdict.CLEAN),
        (tarred((LONG, PLAIN), form=tarfile.PAX_FORMAT), Verdict.CLEAN),
        (tarred(("a.txt", PLAIN), form=tarfile.PAX_FORMAT, comment=TEST_VIRUS.decode()), Verdict.INFECTED),
        (tarred(("a.txt", PLAIN), form=tarfile.PAX_FORMAT, size="1"), Verdict.ARCHIVE_LIMITS),
        (TAR + TEST_VIRUS, Verdict.ARCHIVE_LIMITS),
        (TAR + bytes(2**20), Verdict.ARCHIVE_LIMITS),
        (changed(TAR, 512 + 8000 + 5, b"x"), Verdict.ARCHIVE_LIMITS),
        (TAR[:600], Verdict.ARCHIVE_LIMITS),
        (TAR[:100], Verdict.UNREADABLE),
        (changed(TAR, 0, b"b"), Verdict.UNREADABLE),
    ],
)
def test_a_tar_is_examined_with_its_extended_headers_and_nothing_beside_them(content: bytes, verdict: Verdict) -> None:
    assert verdict_of(content, members_of=tar_members) is verdict


@pytest.mark.parametrize("offset", [2_100_000_000, 4_900_000_000])
def test_malware_deep_in_a_member_above_the_engines_limit_is_never_clean(offset: int) -> None:
    """The tar is as a sparse file: bytes exist where they are read."""
    member = tarfile.TarInfo("disk.img")
    member.size = offset + len(TEST_VIRUS)
    header, whole = member.tobuf(tarfile.GNU_FORMAT), 512 + -(-member.size // 512) * 512 + 1024
    known = {0: header, 512 + offset: TEST_VIRUS}

    def read(start: int, stop: int) -> bytes:
        return known.get(start, b"")[: stop - start].ljust(min(stop, whole) - start, b"\0")

    scanner = MemoryScanner(NOON)
    report = scan_archive(scanner, tar_members, read, lambda *_: [], whole, bool)
    assert (report.verdict, report.limit) == (Verdict.TOO_LARGE, scanner.max_bytes)


def test_archives_are_known_by_their_beginnings() -> None:
    assert [opener_of(one) for one in (GOOD, TAR, PLAIN)] == [zip_members.zip_members, tar_members, None]


def gzip_verdict(content: bytes, *, limit: int = 10**9) -> Verdict | None:
    """The verdict of a gzip, with a scanner that takes up to ``limit``; None if it is not opened."""

    def stream(start: int, stop: int) -> list[bytes]:
        return [content[at : min(at + 50, stop)] for at in range(start, stop, 50)]

    scanner = MemoryScanner(NOON, max_bytes=limit)
    report = scan_opened(scanner, content[:1000], lambda *_: b"", stream, len(content), bool)
    return report.verdict if report else None


PACKED = gzip.compress(PLAIN)


@pytest.mark.parametrize(
    ("content", "verdict"),
    [
        (PACKED, Verdict.CLEAN),
        (gzip.compress(b""), Verdict.CLEAN),
        (gzip.compress(hashlib.shake_128(b"").digest(5000) + TEST_VIRUS), Verdict.INFECTED),
        (gzip.compress(TEST_VIRUS), Verdict.INFECTED),
        (gzip.compress(TAR), Verdict.CLEAN),
        (gzip.compress(tarred(("a.txt", PLAIN), (LONG, b"b"), ("b.com", TEST_VIRUS))), Verdict.INFECTED),
        (gzip.compress(changed(TAR, 512 + 8000 + 5, b"x")), Verdict.ARCHIVE_LIMITS),
        (PACKED + gzip.compress(TEST_VIRUS), Verdict.INFECTED),
        (changed(PACKED, 3, b"\x08")[:10] + b"a.txt\0" + PACKED[10:], Verdict.CLEAN),
        (changed(PACKED, 3, b"\x08")[:10] + b"a" * 2000 + b"\0" + PACKED[10:], Verdict.ARCHIVE_LIMITS),
        (changed(PACKED, 3, b"\x10")[:10] + TEST_VIRUS + b"\0" + PACKED[10:], Verdict.ARCHIVE_LIMITS),
        (PACKED + TEST_VIRUS, Verdict.ARCHIVE_LIMITS),
        (PACKED[:5], Verdict.ARCHIVE_LIMITS),
        (PACKED[:-1], Verdict.UNREADABLE),
        (changed(PACKED, len(PACKED) - 8, b"xxxx"), Verdict.UNREADABLE),
        (changed(PACKED, 10, b"\xff\xff"), Verdict.UNREADABLE),
        (gzip.compress(bytes(10**6)), Verdict.ARCHIVE_LIMITS),
        (PLAIN, None),
    ],
    # A gzip contains the time of its creation: with its bytes as the id, the test would differ between processes.
    ids=lambda given: "" if isinstance(given, bytes) else str(given),
)
def test_a_gzip_and_a_tar_in_it_are_examined_and_nothing_is_hidden_beside_them(
    content: bytes, verdict: Verdict | None
) -> None:
    assert gzip_verdict(content) is verdict


def test_what_a_gzip_unpacks_to_may_be_too_large_for_the_engine_but_a_tar_of_smaller_ones_is_not() -> None:
    assert gzip_verdict(PACKED, limit=7999) is Verdict.TOO_LARGE
    assert gzip_verdict(gzip.compress(TAR), limit=8000) is Verdict.CLEAN


EMPTY = gzip.compress(b"")


def test_a_gzip_may_have_as_many_members_as_another_archive() -> None:
    assert gzip_verdict(PACKED + EMPTY * (zip_members.MAX_MEMBERS - 1)) is Verdict.CLEAN
    assert gzip_verdict(PACKED + EMPTY * zip_members.MAX_MEMBERS) is Verdict.ARCHIVE_LIMITS


def test_a_gzip_of_empty_members_without_end_holds_no_inspector() -> None:
    read = list[int]()

    def stream(start: int, stop: int) -> Iterator[bytes]:
        for at in range(start, stop, STEP):
            read.append(at)
            yield EMPTY * (STEP // len(EMPTY))

    scanner, length = MemoryScanner(NOON), 5 * 2**30
    began = time.process_time()
    report = scan_opened(scanner, EMPTY, lambda *_: b"", stream, length, bool)
    assert existing(report).verdict is Verdict.ARCHIVE_LIMITS
    assert len(read) == 1
    assert time.process_time() - began < 10


def test_a_zip_that_unpacks_to_far_more_than_it_is_long_is_not_opened() -> None:
    assert verdict_of(zipped(("zeros", bytes(10**6)))) is Verdict.ARCHIVE_LIMITS


@pytest.mark.parametrize(
    ("content", "verdict"),
    [
        (gzip.compress(TAR + bytes(8192)), Verdict.CLEAN),
        (tarred(("a.txt", PLAIN)), Verdict.CLEAN),
        (zipped(("a.txt", PLAIN), method=zipfile.ZIP_STORED), Verdict.CLEAN),
        (zipped(("a.txt", PLAIN), ("b.com", TEST_VIRUS), method=zipfile.ZIP_STORED), Verdict.INFECTED),
        (b"PK\x03\x04" + bytes(20_000), Verdict.ARCHIVE_LIMITS),
        (bytes(20_000), Verdict.TOO_LARGE),
    ],
)
def test_the_worker_opens_an_archive_above_the_engines_limit(stage: Stage, content: bytes, verdict: Verdict) -> None:
    stage.deps = replace(stage.deps, scanner=MemoryScanner(NOON, max_bytes=len(PLAIN)))
    document_id = stage.upload(stage.draft().id, "a.zip", content)
    inspect_documents(stage.deps)
    with stage.deps.database.read() as tx:
        document = existing(tx.shares.document(document_id))
    key = existing_key(stage.deps.keyring, share_key_id(document.share_id))
    assert existing(finding_of(key, document, DEFAULT_POLICY)).verdict is verdict
