"""With Altinn's decision point and Altinn's own tokens, by settings alone: who gets in, and what is written down."""

from collections.abc import Iterator

import pytest

from deldokument.domain.audit import EventKind
from tests.support.deployment.deployment import FJELL, LISE, PER, SIV, Deployment
from tests.support.deployment.memory import folder_in_memory

CONFIDENTIAL, ORDINARY = "deldokument-taushetsbelagt", "deldokument-ordinaer"


@pytest.fixture(scope="module")
def strict() -> Iterator[Deployment]:
    """An Altinn that takes no tokens of Maskinporten's, and decides by its own policies."""
    settings = {
        "altinn_token_exchange": True,
        "altinn_rights": "pdp",
        "altinn_resource_confidential": CONFIDENTIAL,
        "altinn_resource_ordinary": ORDINARY,
        # The codes of the list are good for nothing here.
        "access_codes_confidential": "nothing",
        "access_codes_ordinary": "nothing",
    }
    options = ["--only-altinn-tokens"]
    with folder_in_memory() as folder, Deployment(folder, settings=settings, altinn_options=options) as running:
        yield running


def status(strict: Deployment, name: str, share_id: str) -> int:
    return strict.session(name).get(f"/d/{share_id}").status_code


def test_the_policies_at_altinn_say_who_gets_in(strict: Deployment) -> None:
    secret = strict.share([FJELL], {"vedtak.txt": b"x"})
    plain = strict.share([FJELL], {"kart.txt": b"x"}, confidential=False)
    assert [status(strict, name, secret) for name in (PER, LISE, SIV)] == [200, 403, 404]
    assert [status(strict, name, plain) for name in (PER, LISE, SIV)] == [200, 200, 404]
    assert f"resource:{CONFIDENTIAL}" in strict.session(LISE).get(f"/d/{secret}").text
    with strict.node.deps.database.read() as tx:
        events = [event for share in (secret, plain) for _, event in tx.audit.events(share_id=share)]
    grounds = [(event.details or {})["ground"] for event in events if event.kind is EventKind.SHARE_OPENED]
    assert grounds == [f"resource:{resource}" for resource in (CONFIDENTIAL, ORDINARY, ORDINARY)]


def test_with_altinn_silent_known_and_unknown_links_are_answered_alike(strict: Deployment) -> None:
    share_id = strict.share([FJELL], {"vedtak.txt": b"x"})
    siv = strict.session(SIV, fresh=True)
    strict.registers.fail("altinn", "500")
    try:
        strict.restart()
        answers = {siv.get(f"/d/{link}").status_code for link in (share_id, "A" * 22)}
    finally:
        strict.registers.fail("altinn", "ok")
    assert answers == {503}
