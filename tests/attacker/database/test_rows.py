"""Rows inserted, moved, exchanged or put back as they were open nothing at any route."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import pytest
from sqlalchemy import Connection, insert, update

from deldokument.services.accounts import integrations, members
from deldokument.services.shares.published import changes, publishing
from deldokument.services.tenants import administrators, operators
from deldokument.store.engine.schema import metadata
from tests.attacker.attack import Attack, Request, Rows, as_writer, rows_of
from tests.attacker.victims import CONTENT
from tests.support.stage.api import NEIGHBOUR, integrate
from tests.support.stage.confirmed import add_administrator, add_member
from tests.support.stage.stage import KARI, OLA, SIV, VIGDIS, person

pytestmark = pytest.mark.timeout(600)
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Writer:
    """An attacker who writes to the database, and its content."""

    connection: Connection
    attack: Attack
    rows: Rows

    def put(self, table: str, row: Row, **changes: Any) -> None:
        """A copy of a row, with another id."""
        taken = row | {"id": f"forged-{len(self.rows[table])}-{changes.get('share_id', '')}"[:40]} | changes
        self.connection.execute(insert(metadata.tables[table]).values(taken))

    def change(self, table: str, row: Row, **changes: Any) -> None:
        """Other values in a row."""
        one = metadata.tables[table]
        self.connection.execute(update(one).where(one.c.id == row["id"]).values(changes))

    def one(self, table: str, **values: Any) -> Row:
        """The first row with these values."""
        return next(row for row in self.rows[table] if values.items() <= row.items())

    @property
    def vigdis(self) -> Row:
        """Her membership elsewhere."""
        return self.one("member", account_id=self.attack.victims.stage.barnevern.id)

    @property
    def kari(self) -> Row:
        """Her membership in the account."""
        return self.one("member", id=self.attack.victims.ids["member_id"])


def insert_roles(writer: Writer) -> None:
    ids, mine = writer.attack.victims.ids, writer.vigdis
    person_of = {name: mine[name] for name in ("lookup_hash", "sealed_identifier", "sealed_name", "role_hash", "tag")}
    writer.put("operator", person_of)
    writer.put("administrator", person_of, tenant_id=ids["tenant_id"])
    writer.put("member", mine, account_id=ids["account_id"])
    writer.put("integration", writer.one("integration", organization_number=NEIGHBOUR), account_id=ids["account_id"])


def insert_recipients(writer: Writer) -> None:
    own = writer.one("recipient", share_id=own_share(writer)["id"])
    for share_id in writer.attack.victims.shares.values():
        writer.put("recipient", own, share_id=share_id)


def move_shares(writer: Writer) -> None:
    account = writer.attack.victims.stage.barnevern
    for share_id in writer.attack.victims.shares.values():
        writer.change("share", {"id": share_id}, account_id=account.id, tenant_id=account.tenant_id)


def move_roles(writer: Writer) -> None:
    ids = writer.attack.victims.ids
    administrator = writer.one("administrator", tenant_id=writer.attack.victims.stage.barnevern.tenant_id)
    writer.change("administrator", administrator, tenant_id=ids["tenant_id"])
    writer.change("member", writer.vigdis, account_id=ids["account_id"])
    system = writer.one("integration", organization_number=NEIGHBOUR)
    writer.change("integration", system, account_id=ids["account_id"])
    for upload in writer.rows["upload"]:
        if upload["member_id"] == writer.vigdis["id"]:
            writer.change("upload", upload, share_id=writer.attack.victims.shares["draft"])


def exchange_people(writer: Writer) -> None:
    kari, mine = writer.kari, writer.vigdis
    for one, other in ((kari, mine), (mine, kari)):
        writer.change("member", one, **{name: other[name] for name in other if name not in {"id", "account_id"}})


def exchange_shares(writer: Writer) -> None:
    own, victim = own_share(writer), writer.one("share", id=writer.attack.victims.shares["available"])
    for one, other in ((own, victim), (victim, own)):
        writer.change("share", one, **{name: other[name] for name in other if name != "id"})


def own_share(writer: Writer) -> Row:
    """The open share that Odd's account has for Siv."""
    avtaler = writer.attack.victims.stage.avtaler.id
    return writer.one("share", account_id=avtaler, state=writer.one("share", id=available(writer.attack))["state"])


def available(attack: Attack) -> str:
    return attack.victims.shares["available"]


SIVS, ODDS, VIGDIS_AND_HER_SYSTEM = ("stranger",), ("stranger", "other-account"), ("other-tenant", "system", "ks")
"""Those who would gain by an attack, and so ask."""


def judge(
    attack: Attack,
    requests: list[Request],
    forge: Callable[[Writer], None],
    *,
    attackers: Collection[str],
    is_about_shares: bool,
) -> set[str]:
    """Forge rows and ask as some attackers; the kinds of rows that an alarm was raised for."""
    with as_writer(attack.victims.stage.database_url) as connection:
        tables = ("member", "administrator", "operator", "integration", "recipient", "share", "upload")
        forge(Writer(connection, attack, rows_of(connection, *tables)))
    asked = [request for request in requests if request.actor in attackers]
    faults = attack.faults(asked, set(), is_about_shares=is_about_shares)
    assert not faults, "\n".join(faults)
    return {kind for kind, _ in attack.alarms()}


@pytest.mark.parametrize(
    ("forge", "attackers", "kinds"),
    [
        (insert_roles, VIGDIS_AND_HER_SYSTEM, {"operator", "administrator", "member", "integration"}),
        (insert_recipients, SIVS, {"share"}),
        (move_shares, VIGDIS_AND_HER_SYSTEM, {"share"}),
        (move_roles, VIGDIS_AND_HER_SYSTEM, {"administrator", "member", "integration"}),
        (exchange_people, VIGDIS_AND_HER_SYSTEM, {"member"}),
        (exchange_shares, ODDS, {"share"}),
    ],
)
def test_forged_rows_open_nothing_at_any_route(
    attack: Attack,
    every_route: list[Request],
    forge: Callable[[Writer], None],
    attackers: Collection[str],
    kinds: set[str],
) -> None:
    about = kinds == {"share"}
    assert judge(attack, every_route, forge, attackers=attackers, is_about_shares=about) >= kinds


def test_an_older_role_that_was_removed_opens_nothing(attack: Attack, every_route: list[Request]) -> None:
    tables = ("member", "administrator", "operator", "integration")
    stage, where = attack.victims.stage, {"tenant_id": attack.victims.stage.tenant.id}
    account = where | {"account_id": stage.byggesak.id}
    member = add_member(stage.deps, **account, number=VIGDIS, name="Vigdis Myhre")
    administrator = add_administrator(stage.deps, **where, number=VIGDIS, name="Vigdis Myhre")
    operator = operators.add_operator(stage.deps, number=VIGDIS, name="Vigdis Myhre")
    system = integrate(stage, NEIGHBOUR, stage.byggesak)
    older = {"member": member.id, "administrator": administrator.id, "operator": operator.id, "integration": system}
    with as_writer(stage.database_url) as connection:
        kept = rows_of(connection, *tables)
    members.remove_member(stage.deps, **account, member_id=member.id)
    administrators.remove_administrator(stage.deps, **where, administrator_id=administrator.id)
    operators.remove_operator(stage.deps, operator_id=operator.id)
    integrations.remove_integration(stage.deps, **account, integration_id=system)

    def put_back(writer: Writer) -> None:
        for table, row_id in older.items():
            row = next(row for row in kept[table] if row["id"] == row_id)
            gone = row_id not in {one["id"] for one in writer.rows[table]}
            writer.put(table, row, id=row_id) if gone else writer.change(table, row, **row)

    asked = VIGDIS_AND_HER_SYSTEM
    assert judge(attack, every_route, put_back, attackers=asked, is_about_shares=False) == set(tables)


def test_an_older_row_with_its_older_card_opens_nothing(attack: Attack, every_route: list[Request]) -> None:
    url, share_id = attack.victims.stage.database_url, available(attack)
    with as_writer(url) as connection:
        older = Writer(connection, attack, rows_of(connection, "share")).one("share", id=share_id)
    publishing.withdraw_share(attack.victims.deps, person(KARI), share_id)

    def put_back(writer: Writer) -> None:
        writer.change("share", older, **older)

    assert judge(attack, every_route, put_back, attackers=SIVS, is_about_shares=True) == {"share"}
    answer = attack.ask([Request("recipient", "GET", f"/d/{share_id}")]).popitem()[1]
    assert answer.status_code == 404


@pytest.mark.parametrize("tables", [("recipient",), ("recipient", "share")], ids=["row", "row-and-card"])
def test_a_removed_recipient_that_is_put_back_opens_nothing(attack: Attack, tables: tuple[str, ...]) -> None:
    stage = attack.victims.stage
    share_id = stage.publish(OLA, SIV)
    with as_writer(stage.database_url) as connection:
        older = rows_of(connection, *tables)
        [siv] = [row for row in older["recipient"] if row["share_id"] == share_id and row["position"] == 2]
    changes.remove_recipient(stage.deps, person(KARI), share_id, siv["id"])
    with as_writer(stage.database_url) as connection:
        writer = Writer(connection, attack, rows_of(connection, *tables))
        writer.change("recipient", siv, **siv)
        for share in (one for one in older.get("share", []) if one["id"] == share_id):
            writer.change("share", share, **share)
    [answer] = attack.ask([Request("stranger", "GET", f"/d/{share_id}")]).values()
    assert answer.status_code == 404
    assert {kind for kind, _ in attack.alarms()} == {"share"}


def test_a_removed_document_that_is_put_back_opens_nothing(attack: Attack) -> None:
    stage, tables = attack.victims.stage, ("document", "upload", "part", "share")
    share_id = stage.publish(OLA, also=["kart.pdf"])
    with as_writer(stage.database_url) as connection:
        older = rows_of(connection, *tables)
    removed = stage.document_ids(share_id)[0]
    changes.remove_document(stage.deps, person(KARI), share_id, removed)
    uploads = [row for row in older["upload"] if row["document_id"] == removed]
    parts = [row for row in older["part"] if row["upload_id"] in {one["id"] for one in uploads}]
    [row] = [row for row in older["document"] if row["id"] == removed]
    [share] = [row for row in older["share"] if row["id"] == share_id]
    with as_writer(stage.database_url) as connection:
        writer = Writer(connection, attack, older)
        for table, rows in (("document", [row]), ("upload", uploads), ("part", parts)):
            for one in rows:
                writer.put(table, one, id=one["id"])
        writer.change("share", share, **share)
    paths = (f"/d/{share_id}/dokument/{removed}", f"/d/{share_id}/alt.zip", f"/d/{share_id}")
    answers = attack.ask([Request("recipient", "GET", path) for path in paths])
    assert {answer.status_code for answer in answers.values()} == {404}
    assert {kind for kind, _ in attack.alarms()} == {"share"}


def test_a_row_of_a_pending_document_changed_to_published_opens_nothing(attack: Attack) -> None:
    stage = attack.victims.stage
    share_id = stage.publish(OLA)
    document_id = stage.upload_beside(share_id, "venter.pdf", CONTENT)
    with as_writer(stage.database_url) as connection:
        rows = rows_of(connection, "document")
        [row] = [one for one in rows["document"] if one["id"] == document_id]
        Writer(connection, attack, rows).change("document", row, pending_since=None)
    paths = (f"/d/{share_id}/dokument/{document_id}", f"/d/{share_id}/alt.zip", f"/d/{share_id}")
    answers = list(attack.ask([Request("recipient", "GET", path) for path in paths]).values())
    assert [answer.status_code for answer in answers] == [404, 404, 404]
    assert all(CONTENT not in answer.content and b"venter.pdf" not in answer.content for answer in answers)
    assert {kind for kind, _ in attack.alarms()} == {"share"}


def test_a_shorter_length_cuts_no_download_off(attack: Attack) -> None:
    stage = attack.victims.stage
    share_id = stage.publish(OLA)
    [document_id] = stage.document_ids(share_id)
    with as_writer(stage.database_url) as connection:
        rows = rows_of(connection, "document")
        [row] = [one for one in rows["document"] if one["id"] == document_id]
        Writer(connection, attack, rows).change("document", row, length=row["length"] - 1)
    paths = (f"/d/{share_id}/dokument/{document_id}", f"/d/{share_id}/alt.zip", f"/d/{share_id}")
    answers = attack.ask([Request("recipient", "GET", path) for path in paths])
    assert [answer.status_code for answer in answers.values()] == [404, 500, 200]
    assert all(CONTENT[:-1] not in answer.content for answer in answers.values())
    assert {kind for kind, _ in attack.alarms()} == {"document"}


def test_an_own_upload_accepts_no_bytes_for_another_share(attack: Attack) -> None:
    secret = "a token that the attacker chose"
    url, victims = attack.victims.stage.database_url, attack.victims
    with as_writer(url) as connection:
        writer = Writer(connection, attack, rows_of(connection, "upload"))
        theirs = writer.one("upload", token_hash=sha256(victims.tokens["sharer"].encode()).digest())
        writer.put("upload", theirs, token_hash=sha256(secret.encode()).digest())
    headers = {"Authorization": f"Bearer {secret}", "Tus-Resumable": "1.0.0", "Upload-Offset": "0"}
    sent = headers | {"Content-Type": "application/offset+octet-stream"}
    browser = victims.browsers["stranger"]
    address = f"/uploads/forged-{len(writer.rows['upload'])}-"
    statuses = [
        browser.request("HEAD", address, headers=headers).status_code,
        browser.request("PATCH", address, headers=sent, content=b"nye bytes").status_code,
        browser.request("DELETE", address, headers=headers).status_code,
    ]
    assert all(400 <= status < 500 for status in statuses), statuses
    assert {kind for kind, _ in attack.alarms()} == {"upload"}
