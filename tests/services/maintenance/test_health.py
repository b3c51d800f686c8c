"""Each health check grades what it examines, and one that fails hides no other."""

from contextlib import closing
from datetime import timedelta

import pytest

from deldokument.adapters.clock import SystemClock
from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Unavailable
from deldokument.services.audit.damage import record_damage
from deldokument.services.audit.recording import record_event
from deldokument.services.audit.verification import record_verification
from deldokument.services.maintenance import health
from deldokument.services.maintenance.health import Check, Level
from deldokument.services.maintenance.retention import record_heartbeat
from deldokument.store.database import Database
from deldokument.store.engine.integrity import DamagedRow
from deldokument.store.maintenance.backlog import Queue
from deldokument.store.migrations import migrate
from tests.support.deployment.memory import folder_in_memory
from tests.support.stage.stage import NOON, OLA, Stage, run_all


def silent() -> health.Grade:
    raise Unavailable("blobs", detail="no answer")


def nameless() -> health.Grade:
    raise RuntimeError


def test_a_check_that_fails_is_critical_and_hides_no_other() -> None:
    fine = Check("fine", lambda: (Level.OK, "well"))
    found = health.examine([Check("silent", silent), Check("nameless", nameless), fine])
    assert [(one.name, one.level) for one in found] == [
        ("silent", Level.CRITICAL), ("nameless", Level.CRITICAL), ("fine", Level.OK)
    ]  # fmt: skip
    assert [one.message for one in found] == ["blobs (no answer)", "RuntimeError()", "well"]
    assert (health.worst(found), health.worst(found[2:]), health.worst([])) == (2, 0, 0)


def test_a_dead_worker_is_critical(stage: Stage) -> None:
    database, clock = stage.deps.database, stage.deps.clock
    assert health.check_worker(database, clock) == (Level.CRITICAL, "no worker has ever run")
    record_heartbeat(stage.deps)
    stage.clock.advance(seconds=60)
    assert health.check_worker(database, clock)[0] is Level.OK
    stage.clock.advance(seconds=1)
    level, message = health.check_worker(database, clock)
    assert (level, message.endswith("no worker runs")) == (Level.CRITICAL, True)


def test_a_halt_is_critical(stage: Stage) -> None:
    record_heartbeat(stage.deps)
    assert health.check_destruction(stage.deps.database)[0] is Level.OK
    stage.clock.advance(days=1)
    record_heartbeat(stage.deps)
    assert health.check_destruction(stage.deps.database)[0] is Level.CRITICAL


@pytest.mark.parametrize(
    ("late", "level"),
    [(timedelta(seconds=59), Level.OK), (timedelta(minutes=2), Level.WARNING), (timedelta(hours=2), Level.CRITICAL)],
)
def test_a_key_that_outlives_its_share_is_a_warning_and_then_critical(
    stage: Stage, late: timedelta, level: Level
) -> None:
    stage.publish(OLA)
    run_all(stage.deps)
    assert health.check_backlog(stage.deps.database, stage.deps.clock) == (Level.OK, "nothing")
    stage.clock.advance(days=10, seconds=late.total_seconds())
    found, message = health.check_backlog(stage.deps.database, stage.deps.clock)
    assert (found, message) == (level, f"{Queue.KEYS.value} 1 ({late.total_seconds():.0f} s)")


@pytest.mark.parametrize(("seconds", "level"), [(1, Level.OK), (2, Level.WARNING), (3, Level.CRITICAL)])
def test_a_wrong_clock_is_graded(stage: Stage, seconds: int, level: Level) -> None:
    stage.clock.off = timedelta(seconds=seconds)
    assert health.check_clock(stage.deps.clock, stage.deps.config.max_skew)[0] is level


@pytest.mark.parametrize(
    ("left", "level"), [(30, Level.OK), (29, Level.WARNING), (0, Level.WARNING), (-1, Level.CRITICAL)]
)
def test_a_validity_that_ends_is_a_warning_a_month_before(left: int, level: Level) -> None:
    assert health.grade_expiry(NOON + timedelta(days=left), NOON)[0] is level


def test_damaged_rows_and_persons_refused_too_often_are_a_warning(stage: Stage) -> None:
    database, clock = stage.deps.database, stage.deps.clock
    assert (health.check_damage(database), health.check_refusals(database, clock)[0]) == ((0, "none"), Level.OK)
    stage.deps.damage.report(DamagedRow("share", "a" * 22))
    record_damage(stage.deps)
    with database.write() as tx:
        record_event(stage.deps, tx, EventKind.REFUSALS_LIMITED)
    assert health.check_damage(database)[0] is health.check_refusals(database, clock)[0] is Level.WARNING


def test_a_deployment_without_tenants_and_operators_needs_no_worker() -> None:
    with folder_in_memory() as folder:
        url = f"sqlite:///{folder}/empty.sqlite3"
        migrate(url)
        with closing(Database(url)) as database:
            assert health.check_worker(database, SystemClock()) == (Level.OK, "no heartbeat yet")
            assert health.check_trail(database, SystemClock()) == (Level.OK, "no event yet")


def test_an_audit_trail_that_nobody_verifies_is_a_warning(stage: Stage) -> None:
    def level() -> Level:
        return health.check_trail(stage.deps.database, stage.deps.clock)[0]

    with stage.deps.database.write() as tx:
        record_event(stage.deps, tx, EventKind.OPERATOR_ADDED)
    began = stage.deps.clock.now()
    stage.clock.advance(days=2)
    assert level() is Level.OK
    stage.clock.advance(seconds=1)
    assert level() is Level.WARNING
    record_verification(stage.deps, began + timedelta(days=1))
    assert level() is Level.OK
    stage.clock.advance(days=1)
    assert level() is Level.WARNING
