"""Waiting for threads: they end before whoever waits goes on, however often the waiting is cancelled."""

from __future__ import annotations

import asyncio
import threading

import pytest

from deldokument.web.lanes import outlived


def test_a_thread_is_never_left_behind_by_a_request_that_is_cancelled_twice() -> None:
    may_end, has_ended = threading.Event(), threading.Event()

    def work() -> int:
        may_end.wait(20)
        has_ended.set()
        return 7

    async def cancelled_twice() -> None:
        waiting = asyncio.ensure_future(outlived(asyncio.get_running_loop().run_in_executor(None, work)))
        for _ in range(2):
            await asyncio.sleep(0)
            waiting.cancel()
        await asyncio.sleep(0)
        assert not waiting.done()
        may_end.set()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert has_ended.is_set()

    asyncio.run(cancelled_twice())


def test_what_the_thread_comes_to_is_told() -> None:
    async def told() -> int:
        return await outlived(asyncio.get_running_loop().run_in_executor(None, lambda: 7))

    assert asyncio.run(told()) == 7
