"""The deployment's row is read, locked and written as the contract says."""

from threading import Thread

from deldokument.store.database import Database
from deldokument.store.maintenance.deployment import Deployment
from tests.contract.records import DAY, HOUR, NOW


def test_the_deployment_has_one_random_id_and_remembers_its_heart(database: Database) -> None:
    with database.read() as tx:
        fresh = tx.deployment.get()
    assert fresh == Deployment(fresh.id, None, None, None)
    assert len(fresh.id) == 22
    with database.write() as tx:
        tx.deployment.record_heartbeat(NOW)
        tx.deployment.halt(NOW + HOUR)
        tx.deployment.halt(NOW + DAY)
        assert tx.deployment.get() == Deployment(fresh.id, NOW, NOW + HOUR, None)
        tx.deployment.resume(NOW + 2 * DAY)
    with database.read() as tx:
        assert tx.deployment.get() == Deployment(fresh.id, NOW + 2 * DAY, None, None)


def test_a_halt_of_early_ends_is_shown_once_and_beside_that_of_the_clock(database: Database) -> None:
    with database.write() as tx:
        assert tx.deployment.halt_ends(NOW)
        assert not tx.deployment.halt_ends(NOW + HOUR)
        assert tx.deployment.get().ends_halted_at == NOW
        assert tx.deployment.get().halts == {"clock": False, "ends": True}
        tx.deployment.resume_ends()
    with database.read() as tx:
        assert tx.deployment.get().ends_halted_at is None


def test_a_transaction_that_writes_holds_the_deployment_against_others_until_it_ends(database: Database) -> None:
    seen: list[Deployment] = []

    def read_to_write() -> None:
        with database.write() as tx:
            seen.append(tx.deployment.get())

    with database.write() as tx:
        tx.deployment.get()
        other = Thread(target=read_to_write)
        other.start()
        other.join(0.3)
        assert (other.is_alive(), seen) == (True, [])
        tx.deployment.record_heartbeat(NOW)
    other.join()
    assert [deployment.heartbeat_at for deployment in seen] == [NOW]


def test_the_first_keyring_that_is_noted_stays(database: Database) -> None:
    for fingerprint in (b"first", b"second"):
        with database.write() as tx:
            tx.deployment.note_keyring(fingerprint)
    with database.read() as tx:
        assert tx.deployment.get().keyring_fingerprint == b"first"


def test_the_last_verification_of_the_trail_is_remembered(database: Database) -> None:
    for at in (NOW, NOW + DAY):
        with database.write() as tx:
            tx.deployment.note_verification(at)
    with database.read() as tx:
        assert tx.deployment.get().trail_verified_at == NOW + DAY
