"""Fields of the JSON body of a page's call. Raises: InvalidInput for a field of another type."""

from deldokument.domain.errors import InvalidInput
from deldokument.web.http.request import RequestContext


def json_text(call: RequestContext, name: str) -> str:
    """Return a text; empty if it is missing."""
    value = call.body.get(name, "")
    if not isinstance(value, str):
        raise InvalidInput(name, "body_malformed")
    return value


def json_number(call: RequestContext, name: str) -> int:
    """Return a number that JavaScript represents exactly."""
    value = call.body.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) >= 2**53:
        raise InvalidInput(name, "body_malformed")
    return value


def json_ids(call: RequestContext, name: str) -> list[str] | None:
    """Return the list of ids; None if it is missing."""
    value = call.body.get(name)
    if value is not None and not (isinstance(value, list) and all(isinstance(one, str) for one in value)):
        raise InvalidInput(name, "body_malformed")
    return value


def json_flag(call: RequestContext, name: str, *, otherwise: bool) -> bool:
    """Return a flag; ``otherwise`` if it is missing."""
    value = call.body.get(name, otherwise)
    if not isinstance(value, bool):
        raise InvalidInput(name, "body_malformed")
    return value
