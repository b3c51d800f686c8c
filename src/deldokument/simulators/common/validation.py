"""Validation errors in ASP.NET's format, as Altinn's services send them."""

from collections.abc import Mapping, Sequence

from pydantic import ValidationError
from starlette.responses import JSONResponse, Response


def invalid(error: ValidationError) -> Response:
    """Return 400 with the errors by field."""
    return problem(400, {".".join(map(str, one["loc"])) or "$": [one["msg"]] for one in error.errors()})


def problem(status: int, errors: Mapping[str, Sequence[str]]) -> Response:
    body = {"title": "One or more validation errors occurred.", "status": status, "errors": dict(errors)}
    return JSONResponse(body, status, media_type="application/problem+json")
