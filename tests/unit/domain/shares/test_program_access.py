"""What a program may ask for, where the browser then leads, and that only the verifier proves the challenge."""

import pytest

from deldokument.domain.errors import InvalidInput
from deldokument.domain.shares.program_access import parse_request, proves

# RFC 7636, appendix B.
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
STATE = "s" * 43


def test_the_browser_leads_to_loopback_and_nowhere_else() -> None:
    asked = parse_request("50123", CHALLENGE, STATE)
    assert asked.origin == "http://127.0.0.1:50123"
    assert asked.address("kode") == f"http://127.0.0.1:50123/?code=kode&state={STATE}"


@pytest.mark.parametrize(
    "port",
    [
        "",
        "80",
        "1023",
        "65536",
        "99999",
        "050123",
        "50123@evil.example",
        "50123/",
        "-1",
        " 50123",
        "٥٠١٢٣",
        "5e4",
        "123456",
    ],
)
def test_another_port_or_host_is_refused(port: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_request(port, CHALLENGE, STATE)
    assert (caught.value.field, caught.value.code) == ("program", "program_request")


@pytest.mark.parametrize("port", ["1024", "65535"])
def test_every_unprivileged_port_may_be_used(port: str) -> None:
    assert parse_request(port, CHALLENGE, STATE).port == int(port)


@pytest.mark.parametrize("wrong", ["", "x" * 42, "x" * 44, "x" * 42 + "=", "x" * 42 + "&", "x" * 42 + "\n"])
def test_a_challenge_or_a_state_of_another_form_is_refused(wrong: str) -> None:
    for challenge, state in ((wrong, STATE), (CHALLENGE, wrong)):
        with pytest.raises(InvalidInput, match="program_request"):
            parse_request("50123", challenge, state)


def test_only_the_verifier_proves_its_challenge() -> None:
    assert proves(VERIFIER, CHALLENGE)
    assert not proves(VERIFIER + "x", CHALLENGE)
    assert not proves(CHALLENGE, CHALLENGE)
    assert not proves("æøå", CHALLENGE)


def test_the_check_code_is_short_and_differs_between_programs() -> None:
    codes = {parse_request("50123", challenge, STATE).check_code for challenge in (CHALLENGE, STATE, "c" * 43)}
    assert len(codes) == 3
    assert {len(code) for code in codes} == {9}
