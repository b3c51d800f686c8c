"""The time of a refusal tells nobody whether a link is real.

A stranger's best guess from the means of many samples is no better than chance. The samples are interleaved, so that a
busy machine disturbs both kinds alike.
"""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import replace
from statistics import mean

import pytest
import uvloop

from deldokument.web.http.limits.refusal_time import wait_for_step
from tests.support.browser import Web, serve, stage_in_memory
from tests.support.stage.stage import FJELL, OLA, SIV

TRIALS, SAMPLES, AT_ONCE = 60, 8, 4
MAX_RIGHT = 0.75
"""Of 60 guesses by chance, more than 45 are right once in 10 000 runs; without the steps more than 54 are."""
UNREAL = "A" * 22


@pytest.fixture
def web() -> Iterator[Web]:
    with stage_in_memory() as stage:
        stage.members["share"] = stage.publish(OLA, FJELL)
        endless = replace(stage.deps.config, refusals_per_hour=1_000_000)
        served = serve(replace(stage, deps=replace(stage.deps, config=endless)))
        served.runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
        yield served
        served.close()


async def _trial(web: Web, browser: object, path: str) -> bool:
    """Whether the slower of the two kinds is the real one, by the means of the samples."""
    times: dict[str, list[float]] = {web.stage.members["share"]: [], UNREAL: []}
    for number in range(SAMPLES):
        for share_id in sorted(times, reverse=bool(number % 2)):
            began = time.perf_counter()
            answer = await browser.http.get(path.format(share_id))  # type: ignore[attr-defined]
            times[share_id].append(time.perf_counter() - began)
            assert answer.status_code == 404
    real, unreal = (mean(samples) for samples in times.values())
    return real > unreal


def test_the_time_of_a_refusal_does_not_show_whether_the_share_exists(web: Web) -> None:
    siv, paths = web.browser(SIV), ["/d/{}", "/d/{}/alt.zip"] * (AT_ONCE // 2)

    async def trials() -> list[bool]:
        right: list[bool] = []
        while len(right) < TRIALS:
            right += await asyncio.gather(*(_trial(web, siv, path) for path in paths))
        return right

    right = mean(web.runner.run(trials()))
    assert max(right, 1 - right) <= MAX_RIGHT


LONG_STEP = 0.4
"""So long that half of it is more than a busy machine delays a wait."""


def test_a_wait_ends_at_a_whole_number_of_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deldokument.web.http.limits.refusal_time.STEP_SECONDS", LONG_STEP)

    async def waited(already: float) -> float:
        loop = asyncio.get_running_loop()
        arrived = loop.time() - already * LONG_STEP
        await wait_for_step(arrived)
        return (loop.time() - arrived) / LONG_STEP

    for already, steps in ((0.2, 1), (0.9, 1), (1.3, 2)):
        assert steps - 0.01 <= asyncio.run(waited(already)) < steps + 0.5


@pytest.mark.parametrize("path", ["/d/{}", "/d/{}/alt.zip"])
def test_a_refusal_is_sent_at_a_step(web: Web, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    siv = web.browser(SIV)
    monkeypatch.setattr("deldokument.web.http.limits.refusal_time.STEP_SECONDS", LONG_STEP)
    for share_id in (web.stage.members["share"], UNREAL):
        began = time.perf_counter()
        assert siv.get(path.format(share_id)).status_code == 404
        assert time.perf_counter() - began >= LONG_STEP - 0.01
