"""Control characters in paths: no route takes one, whether at the end or within."""

import asyncio
from urllib.parse import unquote

import pytest
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from deldokument.web.app import ENDPOINTS
from deldokument.web.http.request import Endpoint
from deldokument.web.http.requests.path_encoding import EncodedControls
from deldokument.web.transfer import tus
from tests.support.browser import Web
from tests.support.stage.stage import KARI
from tests.web.test_surface import a_draft, an_address, person_allowed

PAGES = [(endpoint, method) for endpoint in ENDPOINTS for method in endpoint.methods]


@pytest.fixture(scope="module")
def draft(still: Web) -> str:
    return a_draft(still)


@pytest.mark.parametrize(("endpoint", "method"), PAGES, ids=lambda value: getattr(value, "path", value))
def test_a_line_break_after_an_address_is_not_that_address(
    still: Web, draft: str, endpoint: Endpoint, method: str
) -> None:
    browser, address = still.browser(person_allowed(endpoint)), an_address(still, endpoint, draft)
    answer = browser.call(method, f"{address}%0A")
    assert not answer.is_success
    assert "set-cookie" not in answer.headers
    if not endpoint.path.endswith("}"):
        # 405: the path of another route whose last part may be any word.
        assert answer.status_code in {404, 405}


def test_a_line_break_after_an_address_of_uploads_is_not_that_address(web: Web) -> None:
    for route in tus.routes(web.stage.deps):
        assert isinstance(route, Route)
        for method in set(route.methods or ()) - {"OPTIONS"} if "{id}" in route.path else route.methods or ():
            headers = {"Tus-Resumable": tus.VERSION, "X-HTTP-Method-Override": "HEAD"}
            answer = web.browser().request(method, route.path.replace("{id}", "x") + "%0A", headers=headers)
            assert answer.status_code == 404


@pytest.mark.parametrize("code", ["%00", "%01", "%09", "%0A", "%0D", "%1F", "%7F"])
def test_a_control_character_leads_nowhere(web: Web, code: str) -> None:
    kari = web.browser(KARI)
    for path in ("/kontakt", "/", "/static/app.css", "/helse/live", "/d/x"):
        assert kari.get(path + code).status_code == 404


def test_no_control_character_of_a_path_reaches_an_application_or_the_database() -> None:
    seen = list[str]()

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        seen.append(scope["path"])

    async def nothing() -> Message:
        raise AssertionError

    async def nowhere(_: Message) -> None:
        raise AssertionError

    every = "".join(map(chr, range(0x80)))
    asyncio.run(EncodedControls(app)({"type": "http", "path": f"/uploads/{every}æ"}, nothing, nowhere))
    assert seen[0].isprintable()
    assert unquote(seen[0]) == f"/uploads/{every}æ"
