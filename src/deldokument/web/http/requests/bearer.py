"""Bearer tokens of requests (RFC 6750)."""

from starlette.requests import Request


def bearer_token(request: Request) -> str | None:
    """Return the request's bearer token, if there is one. A token in the address is ignored."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None
