"""How far behind the worker is, as monitoring asks."""

from datetime import timedelta

from deldokument.services.audit.verification import record_verification
from deldokument.services.maintenance.lag import measure_lag
from deldokument.services.maintenance.retention import record_heartbeat
from deldokument.store.maintenance.backlog import Queue
from tests.support.stage.stage import OLA, Stage, run_all


def test_what_waits_is_counted_and_dated_until_it_is_done(stage: Stage) -> None:
    stage.publish(OLA)
    before = measure_lag(stage.deps)
    assert (before.waiting[Queue.KEYS].count, before.lags[Queue.KEYS]) == (0, timedelta())
    stage.clock.advance(days=10, minutes=3)
    behind = measure_lag(stage.deps)
    assert (behind.waiting[Queue.KEYS].count, behind.lags[Queue.KEYS]) == (1, timedelta(minutes=3))
    run_all(stage.deps)
    assert measure_lag(stage.deps).waiting[Queue.KEYS].count == 0


def test_a_worker_that_has_never_run_is_distinguished_from_a_silent_one(stage: Stage) -> None:
    assert measure_lag(stage.deps).heartbeat_age is None
    record_heartbeat(stage.deps)
    stage.clock.advance(minutes=7)
    stage.clock.off = timedelta(seconds=2)
    record_verification(stage.deps, stage.deps.clock.now() - timedelta(hours=5))
    later = measure_lag(stage.deps)
    assert later.trail_age == timedelta(hours=5)
    assert (later.heartbeat_age, later.skew) == (timedelta(minutes=7), timedelta(seconds=2))
    assert later.halts == {"clock": False, "ends": False}
