"""Time of a refusal at a link: the same for ids that exist and ids that do not.

A refusal leaves at the next multiple of ``STEP_SECONDS`` after the request's arrival. The module
services.downloads.access does nearly the same work for both, so both miss a step equally often. The wait is on the
event loop and holds no thread.
"""

import asyncio

STEP_SECONDS = 0.05
"""Several times what a refusal takes, so that few of them miss their step; too short to be noticed."""


def now() -> float:
    """Return the event loop's time."""
    return asyncio.get_running_loop().time()


async def wait_for_step(arrived: float) -> None:
    """Wait until a whole number of steps has passed since the loop's time ``arrived``."""
    await asyncio.sleep((arrived - now()) % STEP_SECONDS)
