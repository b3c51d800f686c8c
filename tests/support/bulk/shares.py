"""Very many published shares at once, with recipients, documents, uploads and parts, as the program leaves them.

    crowd = BulkShares(make_homes(database, 20), 1_000_000, ends_at=lambda number: soon if number < 10 else later)
    fill_shares(database_url, crowd)
    fill_keyring(keyring_path, root_key, map(share_id, range(crowd.shares)))
    fill_blobs(blobs_dir, crowd, range(10))

They go past the use cases, which would take hours for them: by COPY on PostgreSQL, by ``executemany`` on SQLite.
Without ``seal`` none of them can be opened, which is enough to count, end or list them by their ids.
"""

import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import psycopg

from deldokument.adapters.keys.sqlite import SLOT
from deldokument.crypto.keys import RootKey, new_key
from deldokument.crypto.share_cards import SHARE_KIND, ShareCard, seal_card
from deldokument.domain.tenants.tenancy import Account, Contact, Member, PeriodRule, Tenant
from deldokument.services.encryption import EncryptedColumn, share_key_id
from deldokument.store.database import Database
from deldokument.store.engine.integrity import IntegrityKeys
from tests.support.tables import every_table

PUBLISHED = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
LENGTH = 400_000
TABLES = ("share", "recipient", "document", "upload", "part")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_STEP = 10_000

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Home:
    """From where somebody shares."""

    tenant_id: str
    account_id: str
    member_id: str


def _opaque(_number: int, _field: EncryptedColumn, text: str, _record_id: str) -> bytes:
    return b"\1" * (28 + len(text))


def _one_key(_number: int) -> str:
    return "audit:crowd:2026-11"


def _never(_number: int) -> bool:
    return False


def _ola(_number: int) -> str:
    return "21879498012"


def _nobody(number: int) -> bytes:
    return hashlib.sha256(b"%d" % number).digest()


@dataclass(frozen=True, slots=True)
class BulkShares:
    """What is to be there. Shares take the homes in turn; a share's number is its place from zero.

    ``audit_key_id``, ``seal``, ``recipient`` and ``recipient_hash`` take a share's number, for tests that open them.
    They give its key, the content of its sealed columns, its recipient and the recipient's lookup hash. ``downloaded``:
    whether somebody has downloaded all of it. ``inspection`` is of every document.
    """

    homes: Sequence[Home]
    shares: int
    ends_at: Callable[[int], datetime]
    documents: int = 3
    audit_key_id: Callable[[int], str] = _one_key
    published_at: datetime = PUBLISHED
    seal: Callable[[int, EncryptedColumn, str, str], bytes] = _opaque
    recipient: Callable[[int], str] = _ola
    recipient_hash: Callable[[int], bytes] = _nobody
    downloaded: Callable[[int], bool] = _never
    inspection: bytes = b"\1" * 150
    keys: IntegrityKeys | None = None

    def parts(self, numbers: Iterable[int]) -> Iterator[str]:
        """The names of the objects of these shares."""
        return (_hex("part", number, place) for number in numbers for place in range(self.documents))


def share_id(number: int) -> str:
    """The id of the share in this place."""
    return f"share{number:017}"


def document_id(number: int, place: int) -> str:
    """The id of the document in this place of the share in that place."""
    return _hex("document", number, place)


def make_homes(database: Database, tenants: int) -> list[Home]:
    """So many tenants with one account of one member each, all in use."""
    contact, now = Contact("22 00 00 00", "post@eksempel.example", "9-15"), PUBLISHED - timedelta(days=30)
    homes = [Home(f"tenant{n:016}", f"account{n:015}", f"member{n:016}") for n in range(tenants)]
    with database.write() as tx:
        for number, home in enumerate(homes):
            retention, name = timedelta(days=365), f"Kommune {number}"
            tx.tenants.add(Tenant(home.tenant_id, f"9{number:08}", name, contact, PeriodRule(), True, retention, now))
            tx.accounts.add(Account(home.account_id, home.tenant_id, "Byggesak"))
            sealed = hashlib.sha256(home.member_id.encode()).digest()
            tx.members.add(Member(home.member_id, home.account_id, sealed, sealed, sealed, now))
    return homes


def fill_shares(database_url: str, crowd: BulkShares) -> None:
    """Put the crowd into a migrated database, and let PostgreSQL look at what it has got."""
    if database_url.startswith("sqlite"):
        _fill_sqlite(database_url.removeprefix("sqlite:///"), crowd)
    else:
        _fill_postgres(database_url, crowd)


def fill_keyring(path: Path, root_key: RootKey, share_ids: Iterable[str]) -> None:
    """Entries as the keyring's own `create` makes them, in one transaction; the file has been made by the keyring."""
    entries = ((share_key_id(one), root_key.wrap(share_key_id(one), new_key())) for one in share_ids)
    with closing(sqlite3.connect(path)) as connection, connection:
        (last,) = connection.execute("SELECT coalesce(max(number), 0) FROM slot").fetchone()
        while step := [
            (last + place, entry, (bytes([len(sealed)]) + sealed).ljust(SLOT, b"\0"))
            for place, (entry, sealed) in enumerate(islice(entries, _STEP), 1)
        ]:
            connection.executemany("INSERT INTO slot (number, sealed) VALUES (?, ?)", [(n, s) for n, _, s in step])
            connection.executemany(
                "INSERT INTO entry (id, slot, root_key_id) VALUES (?, ?, ?)",
                [(entry, number, root_key.key_id) for number, entry, _ in step],
            )
            last = step[-1][0]


def fill_blobs(folder: Path, crowd: BulkShares, numbers: Iterable[int], content: bytes = b"x" * 64) -> int:
    """Objects for the parts of these shares in a directory store that is there; how many."""
    count = 0
    for count, name in enumerate(crowd.parts(numbers), 1):  # noqa: B007
        (folder / name[:2] / name).write_bytes(content)
    return count


def _fill_sqlite(path: str, crowd: BulkShares) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        for table in TABLES:
            rows = _rows(table, crowd)
            while step := list(islice(rows, _STEP)):
                columns, places = ", ".join(f'"{name}"' for name in step[0]), ", ".join("?" * len(step[0]))
                statement = f"INSERT INTO {table} ({columns}) VALUES ({places})"
                connection.executemany(statement, [tuple(row.values()) for row in step])


def _fill_postgres(url: str, crowd: BulkShares) -> None:
    """Without asking for each row whether what it refers to is there."""
    with psycopg.connect(url) as connection:
        connection.execute("SET session_replication_role = replica")
        for table in TABLES:
            rows = _rows(table, crowd)
            first = next(rows)
            columns = ", ".join(f'"{name}"' for name in first)
            with connection.cursor().copy(f"COPY {table} ({columns}) FROM STDIN".encode()) as copy:
                copy.write_row(tuple(first.values()))
                for row in rows:
                    copy.write_row(tuple(row.values()))
    with psycopg.connect(url, autocommit=True) as connection:
        for table in TABLES:
            connection.execute(f"VACUUM ANALYZE {table}".encode())


def _rows(table: str, crowd: BulkShares) -> Iterator[Row]:
    """The rows of one table, whose columns are checked against the schema."""
    make = {"share": share_row, "recipient": _recipient, "document": _document, "upload": _upload, "part": _part}[table]
    unknown = set(make(crowd, 0, 0)) - {column.name for column in every_table().tables[table].columns}
    assert not unknown, unknown
    each = {"share": 1, "recipient": 1}.get(table, crowd.documents)
    return (make(crowd, number, place) for number in range(crowd.shares) for place in range(each))


def share_row(crowd: BulkShares, number: int, _place: int = 0) -> Row:
    """The columns of the share in this place."""
    home, key, published = crowd.homes[number % len(crowd.homes)], share_id(number), _at(crowd.published_at)
    texts = json.dumps({"title": f"Vedtak i byggesak {number}"})
    row: Row = {
        "id": key,
        "tenant_id": home.tenant_id,
        "account_id": home.account_id,
        "member_id": home.member_id,
        "state": "available",
        "created_at": published + number,
        "changed_at": published + number,
        "audit_key_id": crowd.audit_key_id(number),
        "published_at": published + number,
        "expires_at": _at(crowd.ends_at(number)),
        "confidential": True,
        "archived": True,
        "notify": False,
        "invites": False,
        "sealed_audit_texts": crowd.seal(number, EncryptedColumn.AUDIT_TEXTS, texts, key),
        "sealed_share_texts": b"",
        "reference_hash": b"",
        "blobs_released": False,
        "document_count": crowd.documents,
        "byte_count": crowd.documents * LENGTH,
        "downloaded_at": published + number if crowd.downloaded(number) else None,
    }
    return row | {"card": _card_of(row, crowd.keys) if crowd.keys else b""}


def _card_of(row: Row, keys: IntegrityKeys) -> bytes:
    """The card of a share with these columns, as far as it decides when the share is over."""
    digests = {"revision": 0, "recipients": b"", "removed_documents": b""}
    card = ShareCard(**{one.name: (row | digests).get(one.name) for one in fields(ShareCard)})
    return seal_card(keys.row_key(SHARE_KIND), row["id"], card)


def _recipient(crowd: BulkShares, number: int, _place: int) -> Row:
    key = f"recipient{number:013}"
    return {
        "id": key,
        "share_id": share_id(number),
        "kind": "person",
        "lookup_hash": crowd.recipient_hash(number),
        "sealed_identifier": crowd.seal(number, EncryptedColumn.RECIPIENT_NUMBER, crowd.recipient(number), key),
        "sealed_name": b"",
        "sealed_label": crowd.seal(number, EncryptedColumn.RECIPIENT_LABEL, "søker", key),
        "confirmed": True,
        "position": 1,
        "sealed_grant": b"",
        "sealed_audit_grant": b"",
    }


def _document(crowd: BulkShares, number: int, place: int) -> Row:
    key = document_id(number, place)
    return {
        "id": key,
        "share_id": share_id(number),
        "sealed_name": crowd.seal(number, EncryptedColumn.FILE_NAME, f"vedtak-{place}.pdf", key),
        "length": LENGTH,
        "position": place + 1,
        "completed_at": _at(crowd.published_at),
        "sealed_manifest": b"\1" * 200,
        "sealed_inspection": crowd.inspection,
        "inspected_at": _at(crowd.published_at),
        "sealed_sha256": crowd.seal(number, EncryptedColumn.FILE_SHA256, "0" * 64, key),
        "tag": b"",
    }


def _upload(crowd: BulkShares, number: int, place: int) -> Row:
    key = _upload_id(number, place)
    return {
        "id": key,
        "document_id": document_id(number, place),
        "share_id": share_id(number),
        "member_id": crowd.homes[number % len(crowd.homes)].member_id,
        "length": LENGTH,
        "offset": LENGTH,
        "token_hash": key.encode(),
        "deadline": _at(crowd.published_at + timedelta(days=1)),
        "finished_at": _at(crowd.published_at),
        "tag": b"",
    }


def _part(_crowd: BulkShares, number: int, place: int) -> Row:
    return {
        "id": _hex("part", number, place),
        "upload_id": _upload_id(number, place),
        "offset": 0,
        "length": LENGTH,
        "header": b"\1" * 40,
    }


def _upload_id(number: int, place: int) -> str:
    return f"upload{number:013}{place:03}"


def _hex(kind: str, number: int, place: int) -> str:
    """As evenly spread as a name that was drawn."""
    return hashlib.md5(f"{kind} {number} {place}".encode(), usedforsecurity=False).hexdigest()


def _at(instant: datetime) -> int:
    return (instant - _EPOCH) // _MICROSECOND
