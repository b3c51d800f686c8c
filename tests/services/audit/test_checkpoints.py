"""How far the chains of events have come is signed, and nothing that does not follow from what was signed before."""

from dataclasses import replace
from datetime import timedelta

import pytest

from deldokument.adapters.documents.signing import MissingSeal, verify_signature
from deldokument.domain.audit import NO_TENANT, EventKind
from deldokument.domain.chain import Checkpoint
from deldokument.domain.errors import Broken, Conflict, Unavailable
from deldokument.ports.dependencies import Dependencies
from deldokument.services.audit import checkpoints
from deldokument.services.audit.recording import record_event
from tests.support.stage.stage import NOON, Stage
from tests.support.stored_data import do_as_owner

LAST = "chain = ? AND number = (SELECT max(number) FROM audit_event WHERE chain = ?)"


def happen(stage: Stage, tenant_id: str | None) -> None:
    with stage.deps.database.write() as tx:
        record_event(stage.deps, tx, EventKind.ACCOUNT_RENAMED, tenant_id=tenant_id)


def last_seal(stage: Stage, chain: str) -> Checkpoint | None:
    with stage.deps.database.read() as tx:
        return tx.checkpoints.last(chain)


def tamper(stage: Stage, statement: str) -> None:
    do_as_owner(stage.database_url, statement)


def test_every_chain_is_sealed_as_far_as_it_has_come(stage: Stage) -> None:
    happen(stage, None)
    with stage.deps.database.read() as tx:
        heads = {chain: tx.audit.head(chain) for chain in tx.audit.chains()}
    assert heads.keys() >= {stage.tenant.id, NO_TENANT}
    assert checkpoints.sign_checkpoints(stage.deps) == len(heads)
    for chain, head in heads.items():
        seal = last_seal(stage, chain)
        assert seal
        assert (seal.mark, seal.signed_at) == (head, NOON)
    with stage.deps.database.read() as tx:
        assert tx.audit.verify() is None


def test_a_seal_is_verified_with_the_certificate_alone(stage: Stage) -> None:
    checkpoints.sign_checkpoints(stage.deps)
    seal = last_seal(stage, stage.tenant.id)
    assert seal
    with stage.deps.database.read() as tx:
        certificate = tx.checkpoints.certificates()[seal.certificate]
    assert certificate == stage.deps.signer.certificate()
    assert verify_signature(certificate, seal.statement(), seal.signature)
    assert not verify_signature(certificate, replace(seal, number=1).statement(), seal.signature)


def test_a_chain_is_sealed_again_when_it_has_moved_and_its_seal_is_an_hour_old(stage: Stage) -> None:
    checkpoints.sign_checkpoints(stage.deps)
    happen(stage, stage.tenant.id)
    stage.clock.advance(minutes=59)
    assert checkpoints.sign_checkpoints(stage.deps) == 0
    stage.clock.advance(minutes=1)
    assert checkpoints.sign_checkpoints(stage.deps) == 1
    stage.clock.advance(hours=2)
    assert checkpoints.sign_checkpoints(stage.deps) == 0
    hasty = replace(stage.deps, config=replace(stage.deps.config, seal_every=timedelta(seconds=5)))
    happen(stage, stage.tenant.id)
    assert checkpoints.sign_checkpoints(hasty) == 1


def test_without_a_seal_an_error_is_reported_and_nothing_is_read_or_sealed(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr("deldokument.store.audit.audit.Audit.verify_since")
    with pytest.raises(Unavailable, match="seal_missing"):
        checkpoints.sign_checkpoints(replace(stage.deps, signer=MissingSeal()))
    assert last_seal(stage, stage.tenant.id) is None


@pytest.mark.parametrize(
    "statement",
    [
        f"UPDATE audit_event SET kind = 'x' WHERE {LAST}",
        f"DELETE FROM audit_event WHERE {LAST}",
        "UPDATE audit_head SET number = 1 WHERE chain = ?",
        "UPDATE audit_event SET hash = previous WHERE chain = ? "
        "AND number = (SELECT max(number) FROM audit_checkpoint)",
    ],
)
def test_what_does_not_follow_from_the_last_seal_is_never_sealed(stage: Stage, statement: str) -> None:
    checkpoints.sign_checkpoints(stage.deps)
    sealed = last_seal(stage, stage.tenant.id)
    happen(stage, stage.tenant.id)
    happen(stage, None)
    tamper(stage, statement.replace("?", f"'{stage.tenant.id}'"))
    stage.clock.advance(hours=1)
    with pytest.raises(Broken, match=f"of {stage.tenant.id}"):
        checkpoints.sign_checkpoints(stage.deps)
    assert last_seal(stage, stage.tenant.id) == sealed
    others = last_seal(stage, NO_TENANT)
    assert others
    assert others.signed_at == stage.clock.instant


def test_two_workers_at_once_seal_once(stage: Stage) -> None:
    class Overtaken:
        """The other worker seals while this one signs."""

        def sign(self, data: bytes) -> bytes:
            checkpoints.sign_checkpoints(stage.deps)
            return stage.deps.signer.sign(data)

        def certificate(self) -> bytes:
            return stage.deps.signer.certificate()

    slow: Dependencies = replace(stage.deps, signer=Overtaken())  # type: ignore[arg-type]
    checkpoints.sign_checkpoints(slow)
    with stage.deps.database.read() as tx:
        assert len(tx.checkpoints.following(stage.tenant.id, after=0, limit=9)) == 1
    with pytest.raises(Conflict), stage.deps.database.write() as tx:
        tx.checkpoints.add(tx.checkpoints.following(stage.tenant.id, after=0, limit=1)[0])


def test_a_fingerprint_is_that_of_the_certificate_itself(stage: Stage) -> None:
    certificate = stage.deps.signer.certificate()
    assert len(checkpoints.fingerprint(certificate)) == 64
    assert checkpoints.fingerprint(certificate.replace(b"\n", b"\r\n")) == checkpoints.fingerprint(certificate)


def test_a_seal_by_a_clock_that_had_leapt_ahead_keeps_nothing_from_being_sealed(stage: Stage) -> None:
    right = stage.clock.now()
    stage.clock.advance(days=30)
    checkpoints.sign_checkpoints(stage.deps)
    stage.clock.instant = right
    happen(stage, stage.tenant.id)
    assert checkpoints.sign_checkpoints(stage.deps) == 1
    sealed = last_seal(stage, stage.tenant.id)
    assert sealed
    assert sealed.signed_at == right
