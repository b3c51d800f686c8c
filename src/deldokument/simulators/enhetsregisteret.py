"""Enhetsregisteret's open API on loopback: one unit or subunit by its number.

Guarantees:
- 200 for an existing unit; a deleted one has a reduced body.
- 410 for a unit removed for legal reasons, 404 for an unknown one.
- 400 for a malformed number, 406 for an unsupported Accept header.

Has no search, roles or updates.

Source: brreg/openAPI, Enhetsregisteret v2.
"""

from argparse import Namespace
from collections.abc import Sequence
from typing import Any, Final, Literal

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from deldokument.simulators.common.cast import Cast, Organization, load_cast
from deldokument.simulators.common.failures import Failures
from deldokument.simulators.common.numbers import is_organization_number
from deldokument.simulators.common.server import command_line, serve

Kind = Literal["enhet", "underenhet"]

_DATE: Final = "2026-03-31"


class Enhetsregisteret:
    """The register, with the organisations of one cast."""

    def __init__(self, cast: Cast) -> None:
        self._cast = cast

    def routes(self) -> list[Route]:
        return [
            Route("/enhetsregisteret/api/enheter/{number}", self._unit),
            Route("/enhetsregisteret/api/underenheter/{number}", self._subunit),
        ]

    async def _unit(self, request: Request) -> Response:
        return self._answer(request, "enhet")

    async def _subunit(self, request: Request) -> Response:
        return self._answer(request, "underenhet")

    def _answer(self, request: Request, kind: Kind) -> Response:
        number = request.path_params["number"]
        media_type = f"application/vnd.brreg.enhetsregisteret.{kind}.v2+json;charset=UTF-8"
        if not _accepts(request.headers.get("accept", "*/*"), media_type):
            return _refusal(request, 406, "Ingen av formatene i Accept støttes")
        if not is_organization_number(number):
            return _refusal(request, 400, f"Organisasjonsnummer {number} er ikke gyldig")
        unit = self._cast.organization(number)
        if unit is None or (unit.parent is not None) != (kind == "underenhet"):
            return _refusal(request, 404, f"Fant ingen {kind} med organisasjonsnummer {number}")
        if unit.status == "removed":
            return _refusal(request, 410, "Enheten er fjernet av juridiske årsaker")
        return JSONResponse(_body(unit), media_type=media_type)


def _body(unit: Organization) -> dict[str, Any]:
    form = {"kode": unit.form}
    identity = {"organisasjonsnummer": unit.number, "navn": unit.name, "organisasjonsform": form}
    if unit.status == "deleted":
        return {**identity, "slettedato": _DATE}
    if unit.parent is not None:
        return {**identity, "overordnetEnhet": unit.parent}
    return {
        **identity,
        "maalform": unit.language,
        "konkurs": unit.status == "bankrupt",
        "underAvvikling": unit.status == "winding_up",
        "underTvangsavviklingEllerTvangsopplosning": unit.status == "forced_winding_up",
    }


def _accepts(accept: str, media_type: str) -> bool:
    offered = media_type.partition(";")[0]
    wanted = {entry.partition(";")[0].strip().lower() for entry in accept.split(",")}
    return not wanted.isdisjoint({"*/*", "application/*", "application/json", offered})


def _refusal(request: Request, status: int, words: str) -> Response:
    return JSONResponse({"status": status, "feilmelding": words, "sti": request.url.path}, status)


def build(_url: str, _options: Namespace) -> ASGIApp:
    return Failures().application(Enhetsregisteret(load_cast()).routes())


def main(arguments: Sequence[str] | None = None) -> None:
    parser = command_line("enhetsregisteret", "Enhetsregisteret for the demo and the tests, on loopback")
    serve("enhetsregisteret", parser.parse_args(arguments), build)


if __name__ == "__main__":
    main()
