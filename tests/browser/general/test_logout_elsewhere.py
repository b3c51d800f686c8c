"""Logging out at ID-porten ends the session here, told through a frame that the browser lets through."""

from urllib.parse import urljoin

import pytest
from playwright.sync_api import expect

from tests.browser.visitor import Visit


@pytest.mark.parametrize("script", [True, False])
def test_a_logout_at_idporten_ends_the_session_here(visit: Visit, script: bool) -> None:
    kari = visit(java_script_enabled=script)
    kari.log_in("Kari Lunde", "/mine")
    page = kari.page
    idporten = kari.context.request.get("/logg-inn", max_redirects=0).headers["location"]
    page.goto(urljoin(idporten, "/endsession"))
    with page.expect_response(lambda response: "/logg-ut/frontkanal?" in response.url) as logout:
        page.get_by_role("button", name="Logg ut").click()
    assert logout.value.status == 200
    expect(page.get_by_role("heading", name="Du er logget ut")).to_be_visible()
    kari.open("/mine")
    expect(page.get_by_role("heading", name="Logg inn")).to_be_visible()
