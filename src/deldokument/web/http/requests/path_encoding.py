"""Percent-encoding of control characters in paths, which no route accepts.

Guarantees:
- A control character in a path stays percent-encoded, as it was sent, for every route and mounted application.
- So patterns of routes are safe: no line break can make ``$`` match before the end, or ``.`` fail to match.
- No path with a NUL reaches the database.
"""

from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

_ENCODED: Final = {code: f"%{code:02X}" for code in (*range(0x20), 0x7F)}


class EncodedControls:
    """ASGI middleware; must wrap everything that routes requests."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the application with the path encoded."""
        if scope["type"] == "http":
            scope = {**scope, "path": scope["path"].translate(_ENCODED)}
        await self._app(scope, receive, send)
