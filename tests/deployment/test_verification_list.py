"""What Digdir has a client show before it may use ID-porten in production, each with a test named after it.

    single sign-on in both directions, at levels substantial and high
    level upgrade
    logout from here, and from another service
    onbehalfof
    errors at ID-porten end in a page

A running deployment, ID-porten's simulator, and another service that uses it. The browser is a plain HTTP client: what
a real one adds (frames, scripts) is in tests/browser/general/test_logout_elsewhere.py.
"""

import html
import re
from collections.abc import Iterator
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from deldokument.adapters.http.client import outbound_client, signing_key
from deldokument.adapters.idporten.login import IdPorten
from deldokument.ports.login import Identity
from deldokument.services.tenants.registration import change_tenant_rules
from tests.support.deployment.deployment import Deployment
from tests.support.deployment.simulators import log_in

SUBSTANTIAL, HIGH = "idporten-loa-substantial", "idporten-loa-high"
BACK, GOODBYE = "http://127.0.0.1:9/svar", "http://127.0.0.1:9/farvel"
OTHER, CUSTOMER = "another-service", "eksempel_kommune"
# Every error code of RFC 6749 (4.1.2.1) and OpenID Connect Core (3.1.2.6), and one that nobody has heard of.
REFUSALS = (
    "invalid_request",
    "unauthorized_client",
    "unsupported_response_type",
    "invalid_scope",
    "interaction_required",
    "login_required",
    "account_selection_required",
    "consent_required",
    "invalid_request_uri",
    "invalid_request_object",
    "request_not_supported",
    "request_uri_not_supported",
    "registration_not_supported",
    "made_up",
)


class OtherService:
    """Another client of the same ID-porten, which demands ``level``."""

    def __init__(self, deployment: Deployment, http: httpx.Client, level: str) -> None:
        registers = deployment.registers
        self._client = IdPorten(
            registers.idporten, OTHER, signing_key(registers.client_key), BACK, GOODBYE, http, level
        )

    def log_in(self, browser: httpx.Client, level: str) -> Identity:
        """Whom the page at ID-porten, which is to be filled in at ``level``, has let in."""
        login = self._client.begin("nb")
        back = log_in(browser, login.url, person="Kari Lunde", level=level)
        return self._client.complete(_params(back), login)

    def is_logged_in(self, browser: httpx.Client) -> bool:
        """Whether ID-porten lets the person through without a page."""
        return browser.get(self._client.begin("nb").url).is_redirect

    def single_sign_on(self, browser: httpx.Client) -> Identity:
        """Who is let in without a page."""
        login = self._client.begin("nb")
        answer = browser.get(login.url)
        assert answer.is_redirect, "ID-porten showed its page"
        return self._client.complete(_params(answer.headers["location"]), login)

    def log_out(self, browser: httpx.Client, identity: Identity) -> None:
        form = self._client.logout(identity.id_token, "farvel")
        assert browser.post(form.action, data=dict(form.fields)).headers["location"].startswith(GOODBYE)


@pytest.fixture(scope="module", autouse=True)
def registered(deployment: Deployment) -> None:
    """Both clients as they are registered in production: with the addresses for logout."""
    shared = {"jwks": "client-jwks.json", "organization": "310240001"}
    ours = {
        "client_id": deployment.registers.client_id,
        "redirect_uris": [f"{deployment.url}/logg-inn/svar"],
        "post_logout_redirect_uris": [f"{deployment.url}/logget-ut"],
        "backchannel_logout_uri": f"{deployment.url}/logg-ut/bakkanal",
        "customers": [CUSTOMER],
        "scopes": ["altinn:accessmanagement/authorizedparties.resourceowner"],
    }
    theirs = {"client_id": OTHER, "redirect_uris": [BACK], "post_logout_redirect_uris": [GOODBYE]}
    for client in (ours, theirs):
        deployment.registers.register_client(shared | client)


@pytest.fixture
def browser() -> Iterator[httpx.Client]:
    """One browser for both services: ID-porten's cookie is in it."""
    with httpx.Client(timeout=60) as client:
        yield client


@pytest.fixture
def other(deployment: Deployment) -> Iterator[OtherService]:
    with outbound_client() as http:
        yield OtherService(deployment, http, SUBSTANTIAL)


@pytest.fixture
def strict(deployment: Deployment) -> Iterator[OtherService]:
    """Another service that demands level high."""
    with outbound_client() as http:
        yield OtherService(deployment, http, HIGH)


def _params(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query))


def to_idporten(deployment: Deployment, browser: httpx.Client, query: str = "neste=/mine") -> str:
    """Where the browser is sent to log in here."""
    answer = browser.get(f"{deployment.url}/logg-inn?{query}")
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


def is_logged_in_here(deployment: Deployment, browser: httpx.Client) -> bool:
    return browser.get(f"{deployment.url}/mine").status_code == 200


def log_in_here(deployment: Deployment, browser: httpx.Client, level: str = HIGH) -> httpx.Response:
    """The answer to a browser that has filled in ID-porten's page."""
    return browser.get(log_in(browser, to_idporten(deployment, browser), person="Kari Lunde", level=level))


# Single sign-on.


@pytest.mark.parametrize("level", [SUBSTANTIAL, HIGH])
def test_single_sign_on_from_another_service_to_here(
    deployment: Deployment, browser: httpx.Client, other: OtherService, level: str
) -> None:
    other.log_in(browser, level)
    answer = browser.get(to_idporten(deployment, browser))
    # Here level high is demanded: a login at substantial spares nobody the page.
    assert answer.is_redirect == (level == HIGH)
    if level == HIGH:
        assert browser.get(answer.headers["location"]).headers["location"] == "/mine"
    assert is_logged_in_here(deployment, browser) == (level == HIGH)


def test_single_sign_on_from_here_to_another_service_at_level_substantial(
    deployment: Deployment, browser: httpx.Client, other: OtherService
) -> None:
    log_in_here(deployment, browser)
    assert other.single_sign_on(browser).acr == HIGH


def test_single_sign_on_from_here_to_another_service_at_level_high(
    deployment: Deployment, browser: httpx.Client, strict: OtherService
) -> None:
    log_in_here(deployment, browser)
    assert strict.single_sign_on(browser).acr == HIGH


# Level upgrade.


def test_level_upgrade(
    deployment: Deployment, browser: httpx.Client, other: OtherService, strict: OtherService
) -> None:
    assert other.log_in(browser, SUBSTANTIAL).acr == SUBSTANTIAL
    assert not strict.is_logged_in(browser)
    assert log_in_here(deployment, browser, HIGH).headers["location"] == "/mine"
    assert is_logged_in_here(deployment, browser)
    assert strict.single_sign_on(browser).acr == other.single_sign_on(browser).acr == HIGH


def test_level_upgrade_that_the_person_does_not_do_ends_in_a_page_that_says_so(
    deployment: Deployment, browser: httpx.Client, other: OtherService
) -> None:
    other.log_in(browser, SUBSTANTIAL)
    refusal = log_in_here(deployment, browser, SUBSTANTIAL)
    assert refusal.status_code == 403
    assert "høyeste nivå" in refusal.text
    assert not is_logged_in_here(deployment, browser)
    assert log_in_here(deployment, browser, HIGH).headers["location"] == "/mine"


# Logout.


def test_logout_from_here(deployment: Deployment, browser: httpx.Client, other: OtherService) -> None:
    log_in_here(deployment, browser)
    assert other.is_logged_in(browser)
    token = browser.get(f"{deployment.url}/del/csrf").json()["csrf_token"]
    page = browser.post(f"{deployment.url}/logg-ut", headers={"Origin": deployment.url, "X-CSRF-Token": token})
    assert page.status_code == 200
    assert not is_logged_in_here(deployment, browser)
    address, fields = _goodbye_form(page.text)
    goodbye = browser.post(address, data=fields)
    assert goodbye.headers["location"].startswith(f"{deployment.url}/logget-ut?state=")
    assert not other.is_logged_in(browser)


def test_logout_from_another_service(deployment: Deployment, browser: httpx.Client, other: OtherService) -> None:
    log_in_here(deployment, browser)
    assert is_logged_in_here(deployment, browser)
    other.log_out(browser, other.single_sign_on(browser))
    assert not is_logged_in_here(deployment, browser)


def test_logout_at_idporten_itself(deployment: Deployment, browser: httpx.Client) -> None:
    log_in_here(deployment, browser)
    browser.post(f"{deployment.registers.idporten}/endsession", data={"confirmed": "1"})
    assert not is_logged_in_here(deployment, browser)


# onbehalfof.


@pytest.fixture
def named(deployment: Deployment) -> Iterator[str]:
    """The number of the tenant that ID-porten knows."""
    with deployment.node.deps.database.read() as tx:
        tenant = tx.tenants.by_number("310240001")
    assert tenant is not None
    change_tenant_rules(deployment.node.deps, tenant_id=tenant.id, on_behalf_of=CUSTOMER)
    yield tenant.organization_number
    change_tenant_rules(deployment.node.deps, tenant_id=tenant.id, on_behalf_of="")


def test_onbehalfof(deployment: Deployment, browser: httpx.Client, named: str) -> None:
    login = to_idporten(deployment, browser, f"neste=/mine&for={named}")
    assert f"På vegne av {CUSTOMER}" in browser.get(login).text
    login = to_idporten(deployment, browser, f"neste=/mine&for={named}")
    assert browser.get(log_in(browser, login, person="Kari Lunde")).headers["location"] == "/mine"
    assert is_logged_in_here(deployment, browser)


@pytest.mark.usefixtures("named")
def test_onbehalfof_is_in_no_link_and_on_no_page_that_has_an_id(deployment: Deployment, browser: httpx.Client) -> None:
    share_id = deployment.share(["21879498012"], {"vedtak.txt": b"x"})
    for page in (f"/d/{share_id}", "/delinger", f"/d/{'A' * 22}", "/"):
        assert "På vegne av" not in browser.get(to_idporten(deployment, browser, f"neste={page}")).text


def test_onbehalfof_that_is_not_registered_stops_no_other_login(
    deployment: Deployment, browser: httpx.Client, named: str
) -> None:
    with deployment.node.deps.database.read() as tx:
        tenant = tx.tenants.by_number(named)
    assert tenant is not None
    change_tenant_rules(deployment.node.deps, tenant_id=tenant.id, on_behalf_of="somebody_else")
    refusal = browser.get(f"{deployment.url}/logg-inn?for={named}")
    assert refusal.status_code == 503
    assert "ID-porten" in refusal.text
    assert log_in_here(deployment, browser).headers["location"] == "/mine"


# Errors at ID-porten.


@pytest.mark.parametrize("error", REFUSALS)
def test_an_error_of_idporten_ends_in_a_page_to_begin_anew_from(
    deployment: Deployment, browser: httpx.Client, error: str
) -> None:
    page = came_back_with(deployment, browser, error)
    assert page.status_code == 403
    assert "Innloggingen ble ikke fullført" in page.text
    assert 'href="/logg-inn?neste=/mine"' in page.text
    assert "<b>words</b>" not in page.text


@pytest.mark.parametrize("error", ["server_error", "temporarily_unavailable"])
def test_a_failure_at_idporten_ends_in_a_page_that_asks_for_patience(
    deployment: Deployment, browser: httpx.Client, error: str
) -> None:
    page = came_back_with(deployment, browser, error)
    assert page.status_code == 503
    assert "Prøv igjen om noen minutter" in page.text


def test_a_cancelled_login_ends_in_a_page_to_begin_anew_from(deployment: Deployment, browser: httpx.Client) -> None:
    page = came_back_with(deployment, browser, "access_denied")
    assert page.status_code == 403
    assert "Innloggingen ble avbrutt" in page.text
    assert 'href="/logg-inn?neste=/mine"' in page.text


@pytest.mark.parametrize("mode", ["down", "garbage", "500", "slow"])
def test_a_silent_idporten_ends_in_a_page_that_asks_for_patience(
    deployment: Deployment, browser: httpx.Client, mode: str
) -> None:
    back = log_in(browser, to_idporten(deployment, browser), person="Kari Lunde")
    deployment.registers.fail("idporten", mode, seconds=20)
    try:
        page = browser.get(back)
    finally:
        deployment.registers.fail("idporten", "ok")
    assert page.status_code == 503
    assert "Prøv igjen om noen minutter" in page.text


def came_back_with(deployment: Deployment, browser: httpx.Client, error: str) -> httpx.Response:
    """What the browser is answered that ID-porten sends back with ``error``."""
    back = log_in(browser, to_idporten(deployment, browser), cancel=True)
    address, _, _ = back.partition("?")
    return browser.get(address, params=_params(back) | {"error": error, "error_description": "<b>words</b>"})


def _goodbye_form(page: str) -> tuple[str, dict[str, str]]:
    """What the page posts to ID-porten by itself."""
    [form] = re.findall(r'<form method="post" action="([^"]+)" data-submit-at-once>(.*?)</form>', page, re.DOTALL)
    fields = dict(re.findall(r'name="([^"]+)" value="([^"]*)"', form[1]))
    return html.unescape(form[0]), {name: html.unescape(value) for name, value in fields.items()}
