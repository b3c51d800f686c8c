"""Very many members of an account at once, sealed as the program seals them, and what is asked about them.

They go past the use cases, which would take minutes for them, in one transaction.
"""

import re
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import insert, text

from deldokument.domain.shares.share import new_id
from deldokument.services.accounts.members import PAGE, sealed_member
from deldokument.services.encryption import identifier_hash
from deldokument.services.people import directory_key
from deldokument.store.engine.engines import open_engines
from deldokument.store.engine.statements import Statements
from deldokument.store.tables.tags import MEMBER_TAGS
from deldokument.store.tables.tenancy import member
from deldokument.store.transaction import Transaction
from tests.support.browser import EWA, Web, serve
from tests.support.query_plans import plans, statements
from tests.support.stage.confirmed import add_administrator
from tests.support.stage.numbers import synthetic_numbers
from tests.support.stage.stage import Stage, person, set_stage

FIRST_BYTE = 0.2
"""In seconds: what the pages have before they begin."""

_EVERY_MEMBER_READ = re.compile(r"Seq Scan on member|^SCAN member(?! USING)|USE TEMP B-TREE", re.M)
_STRANGERS = 20_000
_ELSEWHERE = 5
"""One in so many is a member of another account too, and one in so many has been removed once."""


@dataclass(frozen=True, slots=True)
class BulkMembers:
    """«Byggesak» with very many members, the first registered first, before the real application."""

    web: Web
    url: str
    numbers: list[str]

    @property
    def path(self) -> str:
        """The page that lists them."""
        account = self.web.stage.byggesak
        return f"/konfigurasjon/{account.tenant_id}/kontoer/{account.id}/brukere"

    def questions(self) -> dict[str, tuple[Callable[[Transaction], object], str]]:
        """What the pages ask of the database, with the index that answers it."""
        stage, account = self.web.stage, self.web.stage.byggesak.id
        key = directory_key(stage.deps)
        some = self.numbers[: min(500, len(self.numbers) // 50)]
        hashes = [identifier_hash(key, person(number)) for number in some]
        now = stage.clock.now()
        middle = (now - timedelta(seconds=len(self.numbers) // 2), "")
        return {
            "the first page": (
                lambda tx: tx.members.of_account(account, limit=PAGE + 1),
                "ix_member_account",
            ),
            "a later page": (
                lambda tx: tx.members.of_account(account, before=middle, limit=PAGE + 1),
                "ix_member_account",
            ),
            "how many": (lambda tx: tx.members.count(account), "_member_"),
            "one by number": (lambda tx: tx.members.by_hash(account, hashes[7]), "uq_member_living"),
            "those of a list": (lambda tx: tx.members.by_hashes(account, hashes), "member_living"),
            "where a person is one": (lambda tx: tx.members.of_person(hashes[7]), "ix_member_living"),
            "whom to erase": (
                lambda tx: tx.retention.spent_members(now - timedelta(days=300), 200),
                "ix_member_removed",
            ),
        }


@contextmanager
def crowd(url: str | None, count: int) -> Iterator[BulkMembers]:
    """A fresh world on the database (SQLite when there is none) with the application before it."""
    with TemporaryDirectory() as folder:
        stage = set_stage(Path(folder), url)
        add_administrator(stage.deps, tenant_id=stage.tenant.id, number=EWA, name="Ewa Kowalska")
        members = BulkMembers(serve(stage), stage.database_url, _fill(stage, stage.database_url, count))
        try:
            yield members
        finally:
            members.web.close()
            stage.close()


def _fill(stage: Stage, url: str, count: int) -> list[str]:
    numbers = synthetic_numbers(count)
    engines = open_engines(url)
    with engines.write() as connection:
        work = Statements(connection, True, engines.is_postgres, stage.deps.integrity, stage.deps.damage)
        connection.execute(insert(member), [MEMBER_TAGS.with_tag(work, row) for row in _rows(stage, numbers)])
    # As the database does by itself from time to time.
    with engines.writer.connect() as connection:
        words = "VACUUM ANALYZE" if engines.is_postgres else "ANALYZE"
        connection.execution_options(isolation_level="AUTOCOMMIT").execute(text(words))
    engines.close()
    return numbers


def _rows(stage: Stage, numbers: list[str]) -> Iterator[dict[str, Any]]:
    """A second apart, the last one registered just now."""
    key, now = directory_key(stage.deps), stage.clock.now()
    for place, number in enumerate(numbers):
        added = now - timedelta(seconds=len(numbers) - 1 - place)
        kept = sealed_member(
            key, stage.byggesak.id, new_id(), person(number), f"Navn nummer {place}", added, waits=False
        )
        row = {name: getattr(kept, name) for name in kept.__dataclass_fields__}
        yield row
        if place % _ELSEWHERE == 0:
            yield row | {"id": new_id(), "account_id": stage.avtaler.id}
            yield row | {"id": new_id(), "removed_at": now - timedelta(days=place % 700)}
    for place in range(_STRANGERS):
        stranger = {"id": new_id(), "account_id": stage.barnevern.id, "lookup_hash": b"%032d" % place}
        yield row | stranger


def seconds(ask: Callable[[], object], times: int = 7) -> float:
    """How long it takes, as a rule."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        ask()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def check_pages(many: BulkMembers) -> dict[str, float]:
    """Every page of the account's users is quick and has in it what it must have; how long each took."""
    ewa = many.web.browser(EWA)
    first = ewa.get(many.path).text
    assert f"Navn nummer {len(many.numbers) - 1}" in first
    assert f"{len(many.numbers) + 1} brukere" in first
    middle = many.web.stage.clock.now() - timedelta(seconds=len(many.numbers) // 2)
    place = {"etter": f"{middle.isoformat()},!"}
    later = ewa.get(many.path, params=place).text
    assert later.count("Endre<span") == 100
    token, number = {"csrf_token": ewa.csrf_token()}, many.numbers[3]
    lines = "\n".join(f"{number};Navn Navnesen" for number in many.numbers[:500])
    asked = {
        "the first page": lambda: ewa.get(many.path),
        "a later page": lambda: ewa.get(many.path, params=place),
        "finding": lambda: ewa.request("POST", f"{many.path}/sok", data=token | {"number": number}),
    }
    assert "Navn nummer 3<" in asked["finding"]().text
    preview = ewa.request("POST", f"{many.path}/liste", data=token | {"list": lines})
    assert "500 er allerede brukere" in preview.text
    return {name: seconds(ask) for name, ask in asked.items()}


def check_plans(many: BulkMembers) -> None:
    """Each question is answered from its index."""
    for name, (ask, index) in many.questions().items():
        with statements() as asked, many.web.stage.deps.database.write() as tx:
            ask(tx)
        found = plans(many.url, [one for one in asked if re.search(r"\bmember\b", one[0])])
        plan = "\n".join(line[:200] for line in found.splitlines())
        assert index in plan, f"{name}: {plan}"
        assert not _EVERY_MEMBER_READ.search(plan), f"{name}: {plan}"
