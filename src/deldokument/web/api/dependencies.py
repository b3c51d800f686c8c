"""Dependencies of the API's handlers: the ports, and the request.

Guarantees:
- A request with a query parameter or a body field that its route does not declare is rejected.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

from deldokument.domain.errors import Broken
from deldokument.domain.identifiers import Consumer, PersonIdentifier
from deldokument.ports.dependencies import Dependencies
from deldokument.services.auth.sessions import Session
from deldokument.web.http.dispatch import json_object
from deldokument.web.http.requests.media_type import JSON, media_type_of


@dataclass(frozen=True, slots=True)
class ApiCall:
    """One request of a consumer whose token has been verified (see middleware).

    ``new_id`` is the id for the object that the request creates, so that a repetition after a crash creates no second
    object. It is empty if the caller sent no Idempotency-Key.
    """

    deps: Dependencies
    consumer: Consumer
    body: bytes = field(repr=False)
    new_id: str = ""


@dataclass(frozen=True, slots=True)
class ProgramCall:
    """One request of a program that receives for a person.

    ``session``: the session in which the person gave the program access to the share in the path (see middleware). None
    for the route that issues tokens.
    """

    deps: Dependencies
    session: Session | None = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def person(self) -> PersonIdentifier:
        """The person. Raises: Broken at the route that issues tokens."""
        if self.session is None:
            raise Broken("no person yet")
        return self.session.person


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


async def refuse_undeclared(request: Request) -> None:
    """Reject parameters and, on a route without a body, fields. The models of bodies reject their unknown fields.

    Otherwise a misspelt filter would return everything. Raises: RequestValidationError, InvalidInput.
    """
    route = request.scope["route"]
    assert isinstance(route, APIRoute)
    declared = {parameter.alias for parameter in route.dependant.query_params}
    faults = _unknown("query", request.query_params.keys() - declared)
    body = request.state.call.body
    if body and route.body_field is None and media_type_of(request) == JSON:
        faults += _unknown("body", json_object(body, "body"))
    if faults:
        raise RequestValidationError(faults)


def _unknown(place: str, names: Iterable[str]) -> list[dict[str, object]]:
    return [{"type": "extra_forbidden", "loc": (place, name)} for name in sorted(names)]
