"""The pages of the ID-porten simulator, in Norwegian, without script.

Promises that nothing loads from elsewhere, but for the clients' own frames at logout, and nothing is stored. Knows
nothing of protocols.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from starlette.responses import Response

from deldokument.simulators.cast import Person
from deldokument.simulators.pages import page

# No form-action: browsers apply it to the redirect back to the client as well, whose address differs per client.
_CSP = "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'"


def login_page(
    transaction: str, people: tuple[Person, ...], customer: str, *, identifier: str = "", error: str = ""
) -> Response:
    """``customer`` is whom the client asks for, when not for itself."""
    return page(
        "login.html",
        status=400 if error else 200,
        policy=_CSP,
        transaction=transaction,
        people=people,
        customer=customer,
        identifier=identifier,
        error=error,
    )


def logout_page() -> Response:
    return page("logout.html", policy=_CSP)


def message_page(heading: str, words: str, status: int = 200, frames: Sequence[str] = ()) -> Response:
    """``frames`` are addresses of clients, each loaded unseen."""
    origins = {"{0.scheme}://{0.netloc}".format(urlsplit(frame)) for frame in frames} or {"'none'"}
    policy = f"{_CSP}; frame-src {' '.join(origins)}"
    return page("message.html", status=status, policy=policy, heading=heading, words=words, frames=frames)


def stylesheet() -> Response:
    return Response(Path(__file__).with_name("idporten.css").read_bytes(), media_type="text/css")
