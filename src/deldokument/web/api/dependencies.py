"""What a handler of the API is given: the world, and who calls."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request

from deldokument.domain.identifiers import Consumer
from deldokument.ports.dependencies import Dependencies


@dataclass(frozen=True, slots=True)
class ApiCall:
    """One request of a consumer whose token has been verified (see gate).

    ``new_id``: what the request makes is to have this id, so that the same request done again, after a crash, makes no
    second one; empty when the caller gave no Idempotency-Key.
    """

    deps: Dependencies
    consumer: Consumer
    body: bytes = field(repr=False)
    new_id: str = ""


async def _call(request: Request) -> ApiCall:
    call = request.state.call
    assert isinstance(call, ApiCall)
    return call


ApiContext = Annotated[ApiCall, Depends(_call)]
