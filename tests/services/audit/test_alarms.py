"""The alarm about a damaged row: once a day, as long as the row is damaged."""

from dataclasses import replace
from datetime import timedelta

from deldokument.domain.audit import AuditEvent, EventKind
from deldokument.services.audit import damage
from deldokument.services.audit.recording import record_at
from deldokument.store.engine.integrity import ALARM_PERIOD, MAX_REMEMBERED, DamagedRow, DamageReports
from tests.support.stage.stage import Stage

ROW = DamagedRow("share", "A" * 22)


def found(stage: Stage) -> list[AuditEvent]:
    """The alarms after a process that was just started has found the row."""
    started = replace(stage.deps, damage=DamageReports())
    started.damage.report(ROW)
    damage.record_damage(started)
    return [event for _, event in stage.trail() if event.kind is EventKind.ROW_DAMAGED]


def test_a_row_that_stays_damaged_raises_an_alarm_each_day(stage: Stage) -> None:
    assert len(found(stage)) == 1
    stage.clock.advance(hours=23)
    assert len(found(stage)) == 1
    stage.clock.advance(hours=2)
    assert len(found(stage)) == 2


def test_an_event_of_the_future_does_not_silence_the_alarm(stage: Stage) -> None:
    forged = {"row": ROW.kind, "id": ROW.id}
    with stage.deps.database.write() as tx:
        record_at(stage.deps, tx, stage.clock.now() + timedelta(days=3650), EventKind.ROW_DAMAGED, forged)
    assert len(found(stage)) == 2


def test_a_process_reports_a_row_again_after_a_day() -> None:
    now = [0.0]
    reports = DamageReports(_seconds=lambda: now[0])
    for _ in range(2):
        reports.report(ROW)
    assert reports.take() == [ROW]
    now[0] += ALARM_PERIOD.total_seconds() - 1
    reports.report(ROW)
    assert reports.is_empty
    now[0] += 1
    reports.report(ROW)
    assert reports.take() == [ROW]


def test_many_damaged_rows_silence_the_alarm_about_others_for_a_day_only() -> None:
    now = [0.0]
    reports = DamageReports(_seconds=lambda: now[0])
    for number in range(MAX_REMEMBERED):
        reports.report(DamagedRow("share", str(number)))
    assert len(reports.take()) == MAX_REMEMBERED
    reports.report(ROW)
    assert reports.is_empty
    now[0] += ALARM_PERIOD.total_seconds()
    reports.report(ROW)
    assert reports.take() == [ROW]
