"""A writer of the database with a login of their own becomes nobody's recipient: while a share is open, and after."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest

from deldokument.domain.errors import existing
from deldokument.services.encryption import existing_key, identifier_hash
from deldokument.services.shares.drafts import drafts
from deldokument.services.shares.drafts.drafts import DraftFields
from deldokument.services.shares.published import publishing
from tests.support.browser import Browser, Web
from tests.support.stage.inspection import inspect_documents
from tests.support.stage.stage import KARI, OLA, SIV, VIGDIS, Stage, person, run_all
from tests.support.stored_data import do_as_owner

TITLE = "Vedtak om Ola"
UNKNOWN = "AAAAAAAAAAAAAAAAAAAAAA"


@dataclass(frozen=True, slots=True)
class Attack:
    """A share that names Ola and Vigdis, and two that name the attacker: in the same account, and in another tenant."""

    stage: Stage
    share_id: str
    own_id: str
    elsewhere_id: str

    def write(self, *statements: str) -> None:
        """Statements in which VICTIM, OWN and ELSEWHERE stand for the shares, as literals."""
        places = {"VICTIM": self.share_id, "OWN": self.own_id, "ELSEWHERE": self.elsewhere_id}
        for statement in statements:
            for name, share_id in places.items():
                statement = statement.replace(name, f"'{share_id}'")
            do_as_owner(self.stage.database_url, statement)

    @property
    def leaked_hash(self) -> str:
        """The attacker's hash under the share's audit key, as a literal."""
        with self.stage.deps.database.read() as tx:
            key_id = existing(tx.shares.get(self.share_id)).audit_key_id
        digits = identifier_hash(existing_key(self.stage.deps.keyring, key_id), person(SIV)).hex()
        return f"X'{digits}'" if self.stage.database_url.startswith("sqlite") else f"'\\x{digits}'::bytea"

    @property
    def nothing(self) -> str:
        return "X''" if self.stage.database_url.startswith("sqlite") else "''::bytea"


def inserted_with_a_hash(attack: Attack) -> None:
    empty = attack.nothing
    attack.write(
        "INSERT INTO recipient (id, share_id, kind, lookup_hash, sealed_identifier, sealed_name, sealed_label, "
        "confirmed, position, sealed_grant, sealed_audit_grant) "
        f"VALUES ('forged' || VICTIM, VICTIM, 'person', {attack.leaked_hash}, {empty}, {empty}, {empty}, true, 9, "
        f"{empty}, {empty})"
    )


def moved(attack: Attack) -> None:
    attack.write("UPDATE recipient SET share_id = VICTIM WHERE share_id = OWN")


def copied(attack: Attack) -> None:
    attack.write(
        "INSERT INTO recipient (id, share_id, kind, lookup_hash, sealed_identifier, sealed_name, sealed_label, "
        "confirmed, position, sealed_grant, sealed_audit_grant) SELECT 'forged' || VICTIM, VICTIM, kind, lookup_hash, "
        "sealed_identifier, sealed_name, sealed_label, confirmed, 9, sealed_grant, sealed_audit_grant "
        "FROM recipient WHERE share_id = OWN"
    )


def overwritten(attack: Attack) -> None:
    columns = ("lookup_hash", "sealed_identifier", "sealed_grant", "sealed_audit_grant")
    own = ", ".join(f"{name} = (SELECT {name} FROM recipient WHERE share_id = OWN)" for name in columns)
    attack.write(f"UPDATE recipient SET {own} WHERE share_id = VICTIM AND position = 2")


def found_by_another_hash(attack: Attack) -> None:
    attack.write(f"UPDATE recipient SET lookup_hash = {attack.leaked_hash} WHERE share_id = VICTIM AND position = 2")


def put_in_its_place(attack: Attack) -> None:
    with attack.stage.deps.database.read() as tx:
        [_, replaced] = tx.shares.recipients([attack.share_id])
    attack.write(
        f"DELETE FROM receipt WHERE recipient_id = '{replaced.id}'",
        f"DELETE FROM recipient WHERE id = '{replaced.id}'",
        f"UPDATE recipient SET id = '{replaced.id}', share_id = VICTIM WHERE share_id = OWN",
    )


def under_the_key_of_another_tenant(attack: Attack) -> None:
    empty = attack.nothing
    attack.write(
        "UPDATE share SET audit_key_id = (SELECT audit_key_id FROM share WHERE id = ELSEWHERE), "
        f"sealed_audit_texts = {empty} WHERE id = VICTIM",
        f"UPDATE document SET sealed_name = {empty} WHERE share_id = VICTIM",
        f"UPDATE recipient SET sealed_name = {empty}, share_id = VICTIM WHERE share_id = ELSEWHERE",
    )


IN_PLACE_OF_ANOTHER = [overwritten, found_by_another_hash, put_in_its_place]
DAMAGING_THE_SHARE = [inserted_with_a_hash, moved, copied, under_the_key_of_another_tenant]
"""They differ from what the share's card says, so nobody opens the share any more."""


def from_elsewhere(stage: Stage) -> str:
    """A share of another tenant for the attacker; returns its id."""
    vigdis = person(VIGDIS)
    draft = drafts.start_draft(stage.deps, vigdis, account_id=stage.barnevern.id)
    until = stage.clock.now() + timedelta(days=10)
    drafts.save_draft(stage.deps, vigdis, draft.id, DraftFields(stage.barnevern.id, archived=True, expires_at=until))
    stage.add_recipients(draft.id, SIV, sharer=VIGDIS)
    stage.upload(draft.id, "vedtak.pdf", b"innhold", sharer=VIGDIS)
    publishing.publish_share(stage.deps, vigdis, draft.id)
    return draft.id


def prepared(stage: Stage) -> Attack:
    return Attack(
        stage, stage.publish(OLA, VIGDIS, title=TITLE), stage.publish(SIV, title="Eget"), from_elsewhere(stage)
    )


def answers(browser: Browser, share_id: str, document_id: str) -> Iterator[tuple[int, str]]:
    """Status and text of every route to a share, for one reader."""
    document = f"/d/{share_id}/dokument/{document_id}"
    for method, path, headers in (
        ("GET", f"/d/{share_id}", {}),
        ("GET", document, {}),
        ("GET", document, {"Range": "bytes=0-2"}),
        ("HEAD", document, {}),
        ("GET", f"/d/{share_id}/alt.zip", {}),
        ("GET", f"/d/{share_id}/alt.zip", {"Range": "bytes=0-2"}),
    ):
        answer = browser.request(method, path, headers=headers)
        yield answer.status_code, answer.text.replace(share_id, "ID").replace(document_id, "DOCUMENT")


def statuses(browser: Browser, share_id: str, document_id: str) -> set[int]:
    return {status for status, _ in answers(browser, share_id, document_id)}


def listed(browser: Browser) -> str:
    """The list of what is shared with the reader."""
    page = browser.get("/mine")
    assert page.status_code == 200
    return page.text


@pytest.mark.parametrize("forge", IN_PLACE_OF_ANOTHER + DAMAGING_THE_SHARE)
def test_a_forged_row_opens_nothing_before_and_after_the_end(web: Web, forge: Callable[[Attack], None]) -> None:
    stage = web.stage
    destroyed, withdrawn, is_open = (prepared(stage) for _ in range(3))
    attacks = [destroyed, withdrawn, is_open]
    ids = [stage.document_ids(attack.share_id)[0] for attack in attacks]
    inspect_documents(stage.deps)
    publishing.withdraw_share(stage.deps, person(KARI), destroyed.share_id)
    run_all(stage.deps)
    publishing.withdraw_share(stage.deps, person(KARI), withdrawn.share_id)
    siv, ola = web.browser(SIV), web.browser(OLA)
    strange = list(answers(siv, UNKNOWN, "ab" * 16))
    assert [status for status, _ in strange] == [404] * len(strange)
    for attack, document_id in zip(attacks, ids, strict=True):
        rightful = {200, 206} if attack is is_open else {410}
        assert statuses(ola, attack.share_id, document_id) == rightful
        forge(attack)
        assert list(answers(siv, attack.share_id, document_id)) == strange
        assert attack.share_id not in listed(siv)
        assert TITLE not in listed(siv)
        assert statuses(ola, attack.share_id, document_id) == ({404} if forge in DAMAGING_THE_SHARE else rightful)
