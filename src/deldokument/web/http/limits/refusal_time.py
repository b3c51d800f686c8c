"""Response time of a refusal at a link, which is the same for existing and unknown ids.

A refusal is sent at the next multiple of ``STEP_SECONDS`` after the request's arrival. `services.downloads.access` does
nearly the same work in both cases, so both miss a step equally often. The event loop waits, not a thread.
"""

import asyncio

STEP_SECONDS = 0.05
"""Several times what a refusal takes, so that few of them miss their step; too short to be noticed."""


def now() -> float:
    """Return the event loop's time."""
    return asyncio.get_running_loop().time()


async def wait_for_step(arrived: float) -> None:
    """Wait until a whole number of steps has passed since ``arrived``, a time of the event loop."""
    await asyncio.sleep((arrived - now()) % STEP_SECONDS)
