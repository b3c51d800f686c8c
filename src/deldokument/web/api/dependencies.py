"""Dependencies of the API's handlers: the ports, and the request."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request

from deldokument.domain.identifiers import Consumer
from deldokument.ports.dependencies import Dependencies


@dataclass(frozen=True, slots=True)
class ApiCall:
    """One request of a consumer whose token has been verified (see middleware).

    ``new_id`` is the id of the object that the request creates. If the request is repeated after a crash, it therefore
    creates no second object. It is empty if the caller sent no Idempotency-Key.
    """

    deps: Dependencies
    consumer: Consumer
    body: bytes = field(repr=False)
    new_id: str = ""


@dataclass(frozen=True, slots=True)
class ProgramCall:
    """One request of a program that receives for a person. Its routes check the token (services.auth.programs)."""

    deps: Dependencies
    token: str = field(repr=False)
    body: bytes = field(repr=False)


async def _call(request: Request) -> ApiCall:
    call = request.state.call
    assert isinstance(call, ApiCall)
    return call


ApiContext = Annotated[ApiCall, Depends(_call)]


async def _program_call(request: Request) -> ProgramCall:
    call = request.state.call
    assert isinstance(call, ProgramCall)
    return call


ProgramContext = Annotated[ProgramCall, Depends(_program_call)]
