"""Grants are written for whom somebody entered, follow every change, and are never made from a row alone."""

from dataclasses import replace

import pytest

from deldokument.domain.errors import InvalidFields, NotFound, existing
from deldokument.domain.shares.share import Recipient, Share
from deldokument.ports.dependencies import Dependencies
from deldokument.services.downloads import access
from deldokument.services.shares.drafts import api_drafts, drafts
from deldokument.services.shares.published import publishing
from deldokument.services.shares.recipients import organization_names
from deldokument.services.shares.rights.grants import grants_with, report_damaged_recipients, share_grants
from deldokument.store.engine.integrity import DamagedRow
from tests.support.stage.stage import FJELL, KARI, OLA, PER, SIV, Stage, person, run_all
from tests.support.stored_data import do_as_owner


def stored(stage: Stage, share_id: str) -> tuple[Share, list[Recipient]]:
    with stage.deps.database.read() as tx:
        return existing(tx.shares.get(share_id)), tx.shares.recipients([share_id])


def holders(stage: Stage, share_id: str) -> list[str]:
    """Numbers of those whom the share provably names, and an empty text for each other row."""
    share, recipients = stored(stage, share_id)
    grants = share_grants(stage.deps, share)
    found = [grants.holder(recipient) for recipient in recipients]
    return [holder.value if holder else "" for holder in found]


def filled(stage: Stage, *numbers: str) -> str:
    """A draft that lacks nothing; returns its id."""
    share = stage.draft()
    drafts.save_draft(stage.deps, person(KARI), share.id, stage.words())
    stage.add_recipients(share.id, *numbers)
    stage.upload(share.id, "vedtak.pdf", b"innhold")
    return share.id


def forge(stage: Stage, share_id: str, position: int, source: str) -> None:
    """Give the recipient at a position the hash and the grants of another share's, as a writer of the database does."""
    columns = ("lookup_hash", "sealed_grant", "sealed_audit_grant")
    other = ", ".join(f"{name} = (SELECT {name} FROM recipient WHERE share_id = '{source}')" for name in columns)
    do_as_owner(
        stage.database_url,
        f"UPDATE recipient SET {other} WHERE share_id = '{share_id}' AND position = {position}",
    )


@pytest.mark.parametrize("column", ["confirmed", "kind"])
def test_a_recipient_with_a_row_unlike_its_grant_is_nobody(stage: Stage, column: str) -> None:
    share_id = stage.publish(OLA)
    assert holders(stage, share_id) == [OLA]
    value = "false" if column == "confirmed" else "'organization'"
    do_as_owner(stage.database_url, f"UPDATE recipient SET {column} = {value} WHERE share_id = '{share_id}'")
    assert holders(stage, share_id) == [""]
    with pytest.raises(NotFound):
        access.authorize(stage.deps, person(OLA), share_id)


def test_recipients_stay_when_their_draft_moves_to_another_account(stage: Stage) -> None:
    share_id = filled(stage, OLA, FJELL)
    drafts.save_draft(stage.deps, person(KARI), share_id, stage.words(account_id=stage.avtaler.id))
    assert holders(stage, share_id) == [OLA, FJELL]
    api_drafts.change_draft(stage.deps, person(KARI), share_id, lambda w: replace(w, account_id=stage.byggesak.id))
    assert holders(stage, share_id) == [OLA, FJELL]
    share, recipients = stored(stage, share_id)
    elsewhere = share_grants(stage.deps, replace(share, account_id=stage.avtaler.id))
    assert [elsewhere.holder(recipient) for recipient in recipients] == [None, None]


def test_a_draft_that_moves_takes_nobody_along_whom_a_row_alone_names(stage: Stage) -> None:
    share_id, other = filled(stage, OLA, FJELL), filled(stage, SIV)
    forge(stage, share_id, 2, other)
    drafts.save_draft(stage.deps, person(KARI), share_id, stage.words(account_id=stage.avtaler.id))
    assert holders(stage, share_id) == [OLA, ""]


def test_nothing_is_published_to_a_recipient_that_a_row_alone_names(stage: Stage) -> None:
    share_id, other = filled(stage, OLA), filled(stage, SIV)
    forge(stage, share_id, 1, other)
    with pytest.raises(InvalidFields) as caught:
        publishing.publish_share(stage.deps, person(KARI), share_id)
    assert [error.code for error in caught.value.errors] == ["recipients_unconfirmed"]


def test_confirming_labelling_or_naming_a_row_makes_no_grant(stage: Stage) -> None:
    stage.register.down = True
    share_id, other = filled(stage, OLA, FJELL), filled(stage, SIV)
    forge(stage, share_id, 2, other)
    assert holders(stage, share_id) == [OLA, ""]
    share, recipients = stored(stage, share_id)
    for one in recipients:
        drafts.change_recipient(stage.deps, person(KARI), share_id, one.id, label="Ny", confirmed=True)
    with stage.deps.database.write() as tx:
        organization_names.take_answers(stage.deps, tx, share, {one.id: "FJELL AS" for one in recipients})
    assert holders(stage, share_id) == [OLA, ""]


def test_a_copy_leaves_out_whom_a_row_alone_names(stage: Stage) -> None:
    share_id, other = stage.publish(OLA, PER), stage.publish(SIV)
    forge(stage, share_id, 2, other)
    copy = publishing.copy_share(stage.deps, person(KARI), share_id)
    assert holders(stage, copy.id) == [OLA]


def test_after_the_end_the_grant_under_the_audit_key_counts(stage: Stage) -> None:
    share_id = stage.publish(OLA, FJELL)
    publishing.withdraw_share(stage.deps, person(KARI), share_id)
    run_all(stage.deps)
    assert holders(stage, share_id) == [OLA, FJELL]
    share, [ola, _] = stored(stage, share_id)
    grants = share_grants(stage.deps, share)
    sealed = grants.sealed(ola, person(OLA))
    assert grants.share_key is None
    assert not sealed.sealed_grant
    assert grants.holder(replace(sealed, sealed_audit_grant=b"")) is None
    assert grants.holder(sealed) == person(OLA)


def test_recipients_are_reported_only_where_their_grants_count(stage: Stage) -> None:
    share, [recipient] = stored(stage, stage.publish(OLA))
    do_as_owner(stage.database_url, "UPDATE recipient SET lookup_hash = sealed_grant")

    def reported(deps: Dependencies) -> list[DamagedRow]:
        with deps.database.read() as tx:
            report_damaged_recipients(deps, tx, [share])
        return deps.damage.take()

    assert reported(stage.deps) == [DamagedRow("recipient", recipient.id)]
    stage.deps.damage._known.clear()
    stage.deps.keyring.destroy([share.audit_key_id])
    assert reported(stage.deps) == []


def test_a_recipient_of_a_damaged_share_is_not_reported_besides(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    do_as_owner(stage.database_url, f"UPDATE share SET account_id = '{stage.avtaler.id}' WHERE id = '{share_id}'")
    with pytest.raises(NotFound):
        access.authorize(stage.deps, person(OLA), share_id)
    assert stage.deps.damage.take() == [DamagedRow("share", share_id)]


def test_without_its_audit_key_a_share_names_nobody(stage: Stage) -> None:
    share, _ = stored(stage, stage.publish(OLA))
    assert grants_with(share, {}) is None
    claim = access.claim_of(stage.deps, None, {}, (), person(OLA), ())
    assert (claim.named, claim.represented) == ((), ())


def test_a_recipient_without_a_valid_grant_is_nobody_though_its_sealed_number_opens(stage: Stage) -> None:
    share_id = stage.publish(OLA, FJELL)
    do_as_owner(stage.database_url, "UPDATE recipient SET sealed_grant = sealed_identifier")
    assert holders(stage, share_id) == ["", ""]
    for reader in (OLA, PER):
        with pytest.raises(NotFound):
            access.authorize(stage.deps, person(reader), share_id)
