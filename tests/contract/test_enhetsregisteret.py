"""Organisations from the Enhetsregisteret simulator."""

import httpx
import pytest

from deldokument.adapters.enhetsregisteret import Enhetsregisteret, RegisterUnavailable
from deldokument.adapters.http.circuit_breaker import FAILURES, PAUSE_SECONDS
from deldokument.domain.identifiers import OrganizationNumber
from deldokument.domain.messages.email_addresses import Language
from deldokument.ports.registers import RegisteredOrganization
from tests.support.deployment.simulators import Running

SIMULATORS = ["enhetsregisteret"]

FJELL, FJELL_TROMSO = OrganizationNumber("312824450"), OrganizationNumber("314758625")


@pytest.fixture
def register(running: Running, outbound: httpx.Client) -> Enhetsregisteret:
    return Enhetsregisteret(running.enhetsregisteret, outbound)


def found(register: Enhetsregisteret, number: OrganizationNumber) -> RegisteredOrganization:
    organization = register.find(number)
    assert organization is not None
    return organization


def test_a_unit_is_found_with_name_and_form(register: Enhetsregisteret) -> None:
    assert register.find(FJELL) == RegisteredOrganization(FJELL.value, "FJELL AS", "AS", "active", Language.BOKMAAL)


def test_a_subunit_is_found_too(register: Enhetsregisteret) -> None:
    assert register.find(FJELL_TROMSO) == RegisteredOrganization(
        FJELL_TROMSO.value, "FJELL AS AVD TROMSØ", "BEDR", "active"
    )


@pytest.mark.parametrize(
    ("number", "status"),
    [
        ("313017001", "bankrupt"),
        ("310488003", "deleted"),
        ("314091000", "forced_winding_up"),
        ("312554003", "winding_up"),
        ("310240001", "active"),
    ],
)
def test_the_state_of_an_organisation_is_returned(register: Enhetsregisteret, number: str, status: str) -> None:
    assert found(register, OrganizationNumber(number)).status == status


@pytest.mark.parametrize("number", ["315003008", "315622018", "312824451"], ids=["unknown", "removed", "misspelt"])
def test_a_number_that_nobody_has_any_more_or_ever_had_is_unknown(register: Enhetsregisteret, number: str) -> None:
    assert register.find(OrganizationNumber(number)) is None


def test_a_failure_is_not_remembered(register: Enhetsregisteret, running: Running) -> None:
    running.fail("enhetsregisteret", "500")
    try:
        with pytest.raises(RegisterUnavailable):
            register.find(FJELL)
    finally:
        running.fail("enhetsregisteret", "ok")
    assert found(register, FJELL).name == "FJELL AS"


def test_an_answer_is_remembered_for_a_day(running: Running, outbound: httpx.Client) -> None:
    now = 1_000_000.0  # whole seconds: of fractions, two additions and one are not always the same
    register = Enhetsregisteret(running.enhetsregisteret, outbound, clock=lambda: now)
    register.find(FJELL)
    running.fail("enhetsregisteret", "500")
    try:
        now += 24 * 60 * 60 - 1
        assert found(register, FJELL).name == "FJELL AS"
        now += 1
        with pytest.raises(RegisterUnavailable):
            register.find(FJELL)
    finally:
        running.fail("enhetsregisteret", "ok")


def test_no_more_answers_are_remembered_than_agreed(running: Running, outbound: httpx.Client) -> None:
    register = Enhetsregisteret(running.enhetsregisteret, outbound, cache_size=1)
    register.find(FJELL)
    register.find(FJELL_TROMSO)
    running.fail("enhetsregisteret", "500")
    try:
        assert found(register, FJELL_TROMSO).form_code == "BEDR"
        with pytest.raises(RegisterUnavailable):
            register.find(FJELL)
    finally:
        running.fail("enhetsregisteret", "ok")


def test_a_silent_register_is_not_waited_for_again_and_again_and_heals() -> None:
    now, heard, down = 1000.0, 0, True

    def answer(request: httpx.Request) -> httpx.Response:
        nonlocal heard
        heard += 1
        if down:
            raise httpx.ConnectTimeout("silent", request=request)
        body = {"organisasjonsnummer": FJELL.value, "navn": "FJELL AS", "organisasjonsform": {"kode": "AS"}}
        return httpx.Response(200, json=body)

    with httpx.Client(transport=httpx.MockTransport(answer)) as http:
        register = Enhetsregisteret("https://register.example", http, clock=lambda: now)
        for _ in range(FAILURES + 20):
            with pytest.raises(RegisterUnavailable):
                register.find(FJELL)
        assert heard == FAILURES
        now += PAUSE_SECONDS
        down = False
        assert found(register, FJELL).name == "FJELL AS"
    assert heard == FAILURES + 1


def test_a_removed_subunit_is_unknown_and_a_closed_one_deleted() -> None:
    answers = {"/enhetsregisteret/api/underenheter/314758625": httpx.Response(410)}
    with httpx.Client(
        transport=httpx.MockTransport(lambda request: answers.get(request.url.path, httpx.Response(404)))
    ) as http:
        assert Enhetsregisteret("https://register.example", http).find(FJELL_TROMSO) is None
        closed = {"organisasjonsnummer": FJELL_TROMSO.value, "navn": "FJELL AS AVD TROMSØ"}
        answers["/enhetsregisteret/api/underenheter/314758625"] = httpx.Response(
            200, json={**closed, "nedleggelsesdato": "2026-03-31"}
        )
        assert found(Enhetsregisteret("https://register.example", http), FJELL_TROMSO).status == "deleted"


def test_each_kind_is_asked_for_in_the_version_that_is_understood() -> None:
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append((request.url.path.rpartition("/enhetsregisteret/api/")[2], request.headers["accept"]))
        return httpx.Response(404)

    with httpx.Client(transport=httpx.MockTransport(answer)) as http:
        assert Enhetsregisteret("https://register.example", http).find(FJELL) is None
    assert asked == [
        (f"{kind}er/{FJELL.value}", f"application/vnd.brreg.enhetsregisteret.{kind}.v2+json;charset=UTF-8")
        for kind in ("enhet", "underenhet")
    ]


@pytest.mark.parametrize(
    ("states", "status"),
    [
        ({}, "active"),
        ({"konkurs": False, "underAvvikling": False}, "active"),
        ({"underAvvikling": True}, "winding_up"),
        ({"underAvvikling": True, "underTvangsavviklingEllerTvangsopplosning": True}, "forced_winding_up"),
        ({"konkurs": True, "underAvvikling": True}, "bankrupt"),
        ({"konkurs": True, "slettedato": "2026-03-31"}, "deleted"),
        ({"nedleggelsesdato": "2026-03-31"}, "deleted"),
    ],
    ids=str,
)
def test_of_several_states_the_gravest_is_returned(states: dict[str, object], status: str) -> None:
    body = {"organisasjonsnummer": FJELL.value, "navn": "FJELL AS", "organisasjonsform": {"kode": "AS"}, **states}
    with httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200, json=body))) as http:
        assert found(Enhetsregisteret("https://register.example", http), FJELL).status == status
