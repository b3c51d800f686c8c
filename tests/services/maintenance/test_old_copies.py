"""Copies of database and blobs from before the end open nothing with the keyring of after it."""

from dataclasses import replace
from pathlib import Path

import pytest

from deldokument.adapters.documents.signing import verify_signature
from deldokument.crypto.errors import IntegrityError
from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Broken, NotFound, existing
from deldokument.ports.dependencies import Dependencies
from deldokument.services.audit.checkpoints import sign_checkpoints
from deldokument.services.audit.report_verification import verify_report
from deldokument.services.audit.verification import verify_against
from deldokument.services.downloads import content as downloads_content
from deldokument.services.downloads import offers
from deldokument.services.encryption import (
    DIRECTORY,
    CachedDeploymentKeys,
    EncryptedColumn,
    existing_key,
    open_field,
    share_key_id,
)
from deldokument.services.shares.display.report import report_file, share_report
from deldokument.services.shares.display.views import file_name
from deldokument.services.shares.drafts import drafts
from deldokument.services.shares.published import publishing
from deldokument.services.uploads import append as uploads_append
from deldokument.store.database import Database
from tests.support.stage.stage import FJELL, KARI, ODD, OLA, Stage, person, run_all
from tests.support.stored_data import copies


def stored(stage: Stage) -> set[str]:
    return {blob.name for blob in stage.deps.blobs.list()}


@pytest.fixture
def old_copy(stage: Stage, tmp_path: Path) -> tuple[Stage, str, Dependencies]:
    """A share, and a world that stands on copies of database and blobs from before its end, with today's keyring."""
    share_id = stage.publish(OLA, FJELL, title="Vedtak", message="Hei")
    offers.open_share(stage.deps, person(OLA), share_id)
    copy = tmp_path / "copy"
    copy.mkdir()
    url, blobs = copies(stage, copy)
    database = Database(url).authenticated(CachedDeploymentKeys(stage.deps.keyring), stage.deps.damage)
    return stage, share_id, replace(stage.deps, database=database, blobs=blobs)


def test_a_copy_of_database_and_blobs_opens_while_the_key_lives(old_copy: tuple[Stage, str, Dependencies]) -> None:
    _, share_id, deps = old_copy
    content = downloads_content.open_archive(deps, person(OLA), share_id)
    assert b"innhold" in b"".join(bytes(b) for b in downloads_content.read_content(deps, content, 0, content.length))
    assert offers.open_share(deps, person(OLA), share_id).texts.message == "Hei"
    deps.database.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize("end", ["ended", "withdrawn"])
def test_an_old_copy_of_database_and_blobs_opens_nothing_with_the_keyring_of_after(
    old_copy: tuple[Stage, str, Dependencies], end: str
) -> None:
    stage, share_id, deps = old_copy
    before = stage.clock.instant
    if end == "withdrawn":
        publishing.withdraw_share(stage.deps, person(KARI), share_id)
    else:
        stage.clock.advance(days=10)
    run_all(stage.deps)
    stage.clock.instant = before
    with pytest.raises(Broken):
        downloads_content.open_archive(deps, person(OLA), share_id)
    assert offers.open_share(deps, person(OLA), share_id).texts.message == ""
    assert share_key_id(share_id) not in stage.deps.keyring.ids("")
    deps.database.close()  # type: ignore[attr-defined]


def test_beside_a_backup_with_the_ciphertext_the_report_proves_where_the_key_was_destroyed(
    old_copy: tuple[Stage, str, Dependencies],
) -> None:
    stage, share_id, deps = old_copy
    publishing.withdraw_share(stage.deps, person(KARI), share_id)
    run_all(stage.deps)
    sign_checkpoints(stage.deps)
    assert list(deps.blobs.list())
    assert not list(stage.deps.blobs.list())
    with pytest.raises(Broken):
        downloads_content.open_archive(deps, person(OLA), share_id)
    content = report_file(stage.deps, share_report(stage.deps, person(KARI), share_id))
    certificates = [stage.deps.signer.certificate()]
    verdict = verify_report(content, certificates=certificates, is_signed=verify_signature)
    assert (verdict.fault, verdict.is_final) == (None, True)
    with stage.deps.database.read() as tx:
        checkpoint = existing(tx.checkpoints.last(stage.tenant.id))
        events = {number: event for number, event in tx.audit.events(share_id=share_id)}
    assert events[existing(verdict.key_destroyed)].kind is EventKind.SHARE_KEY_DESTROYED
    assert existing(verdict.key_destroyed) <= checkpoint.number
    assert verify_against(stage.deps, verdict.chain, verdict.marks) is None
    deps.database.close()  # type: ignore[attr-defined]


def test_an_old_copy_names_nobody_with_the_keyring_of_after_the_retention_period(
    old_copy: tuple[Stage, str, Dependencies],
) -> None:
    stage, share_id, deps = old_copy
    before = stage.clock.instant
    stage.clock.advance(days=10)
    run_all(stage.deps)
    stage.clock.advance(days=400)
    run_all(stage.deps)
    stage.clock.instant = before
    with deps.database.read() as tx:
        share = existing(tx.shares.get(share_id))
        [document] = tx.shares.documents([share_id])
    with pytest.raises(Broken):
        existing_key(deps.keyring, share.audit_key_id)
    anew = deps.keyring.create(share.audit_key_id)
    with pytest.raises(IntegrityError):
        file_name(anew, document)
    with pytest.raises(NotFound):
        offers.open_share(deps, person(OLA), share_id)
    deps.database.close()  # type: ignore[attr-defined]


def test_an_old_copy_still_names_a_member_who_has_been_erased_since(old_copy: tuple[Stage, str, Dependencies]) -> None:
    """What docs/threat-model.md says of the directory key, and why docs/operate/recovery.md ends backups."""
    stage, _, deps = old_copy
    member_id = stage.members["odd"]
    stage.remove("odd")
    stage.clock.advance(days=400)
    run_all(stage.deps)
    with stage.deps.database.read() as tx:
        assert existing(tx.members.get(member_id)).sealed_name == b""
    with deps.database.read() as tx:
        kept = existing(tx.members.get(member_id))
    key = existing_key(stage.deps.keyring, DIRECTORY)
    assert open_field(key, kept.sealed_name, EncryptedColumn.MEMBER_NAME, member_id) == "Odd Bakken"
    assert open_field(key, kept.sealed_identifier, EncryptedColumn.MEMBER_NUMBER, member_id).endswith(ODD)
    deps.database.close()  # type: ignore[attr-defined]


def test_an_abandoned_drafts_bytes_cannot_be_had_from_an_old_copy(stage: Stage) -> None:
    share = stage.draft(ODD, stage.avtaler)
    ticket = drafts.add_document(stage.deps, person(ODD), share.id, name="a", length=9, modified_at=None)
    append = uploads_append.begin_append(stage.deps, ticket.token, ticket.upload_id, offset=0, announced=None)
    append.write([b"1234"])
    append.finish()
    stage.clock.advance(days=7, hours=1)
    run_all(stage.deps)
    assert stage.deps.keyring.ids("share:") == []
    assert stored(stage) == set()
