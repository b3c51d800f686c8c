"""Pages of the ID-porten simulator, in Norwegian, without script.

Guarantees:
- Pages load nothing from other origins, except the clients' own frames at logout.
- Nothing is stored.
"""

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from starlette.responses import Response

from deldokument.simulators.common.cast import Person
from deldokument.simulators.common.pages import page

# No form-action: browsers also apply it to the redirect back to the client, whose address differs per client.
_CSP = "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'"


def login_page(
    transaction: str, people: tuple[Person, ...], customer: str, *, identifier: str = "", error: str = ""
) -> Response:
    """Return the login page. ``customer`` is the tenant on whose behalf the client logs in, if any."""
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
    """Return a page with a message. ``frames`` are addresses of clients, loaded invisibly."""
    origins = {"{0.scheme}://{0.netloc}".format(urlsplit(frame)) for frame in frames} or {"'none'"}
    policy = f"{_CSP}; frame-src {' '.join(origins)}"
    return page("message.html", status=status, policy=policy, heading=heading, words=words, frames=frames)


def stylesheet() -> Response:
    return Response(Path(__file__).with_name("idporten.css").read_bytes(), media_type="text/css")
