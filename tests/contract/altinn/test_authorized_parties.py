"""Rights from the Altinn simulator with tokens from the Maskinporten simulator; malformed answers; the cache."""

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import httpx
import pytest

from deldokument.adapters.altinn.authorized_parties import (
    AltinnAuthorizedParties,
    AltinnCalls,
    CachedRights,
    GuardedRights,
    RightsUnavailable,
)
from deldokument.adapters.http.circuit_breaker import FAILURES, PAUSE_SECONDS, Breaker
from deldokument.adapters.http.client import signing_key
from deldokument.adapters.http.token_cache import TokenUnavailable
from deldokument.adapters.maskinporten.client import MaskinportenClient
from deldokument.config.groups import PARTIES_SCOPE
from deldokument.domain.identifiers import PersonIdentifier
from deldokument.ports.registers import MAX_DENIAL_AGE, OrganizationGrant
from tests.support.deployment.simulators import Running

SIMULATORS = ["altinn"]

PER, LISE, MONA, TOR, SIV, OLA, NOBODY = (
    PersonIdentifier(number, "foedselsnummer")
    for number in (
        "05877914102",
        "17888814825",
        "30857614883",
        "09816914180",
        "14839114193",
        "21879498012",
        "20914695016",
    )
)
FJELL, FJELL_TROMSO, BRYGGA, DELETED = "312824450", "314758625", "311905007", "310488003"
ORDINARY = "ordinaer-post-til-virksomheten"
CONFIDENTIAL = "post-til-virksomheten-med-taushetsbelagt-innhold"


@pytest.fixture
def altinn(running: Running, outbound: httpx.Client, maskinporten: MaskinportenClient) -> AltinnAuthorizedParties:
    return AltinnAuthorizedParties(
        AltinnCalls(running.altinn, lambda: maskinporten.token(PARTIES_SCOPE), running.subscription_key, outbound)
    )


def codes(grants: tuple[OrganizationGrant, ...]) -> dict[str, frozenset[str]]:
    return {grant.organization_number: grant.codes for grant in grants}


def test_rights_on_a_unit_are_rights_on_its_subunits(altinn: AltinnAuthorizedParties) -> None:
    held = codes(altinn.grants(PER))
    assert held[FJELL] == held[FJELL_TROMSO] == {"a0236"}


def test_every_organisation_of_a_person_is_listed_with_its_name(altinn: AltinnAuthorizedParties) -> None:
    names = {grant.organization_number: grant.name for grant in altinn.grants(PER)}
    assert names == {FJELL: "FJELL AS", FJELL_TROMSO: "FJELL AS AVD TROMSØ", BRYGGA: "BRYGGA REGNSKAP AS"}


def test_roles_and_packages_are_listed_together(altinn: AltinnAuthorizedParties) -> None:
    assert codes(altinn.grants(PER))[BRYGGA] == {"daglig-leder", "dagl", "a0236", ORDINARY}
    assert codes(altinn.grants(LISE))[FJELL] == {ORDINARY}
    assert codes(altinn.grants(MONA))[FJELL] == {CONFIDENTIAL}


def test_a_right_in_a_subunit_gives_nothing_in_the_unit_above(altinn: AltinnAuthorizedParties) -> None:
    assert codes(altinn.grants(TOR)) == {FJELL_TROMSO: frozenset({"a0236"})}


def test_a_stranger_and_a_persons_own_party_give_nothing(altinn: AltinnAuthorizedParties) -> None:
    assert altinn.grants(SIV) == ()
    assert altinn.grants(NOBODY) == ()


def test_a_deleted_organisation_gives_nothing(altinn: AltinnAuthorizedParties) -> None:
    assert DELETED not in codes(altinn.grants(PER))


def test_rights_changed_at_altinn_count_at_the_next_question(altinn: AltinnAuthorizedParties, running: Running) -> None:
    running.set_rights("ola", FJELL, roles=["A0236"])
    assert codes(altinn.grants(OLA))[FJELL] == {"a0236"}
    running.set_rights("ola", FJELL)
    assert altinn.grants(OLA) == ()


@pytest.mark.parametrize(("token", "key"), [("not-a-token", "simulator-subscription-key"), ("x", "wrong")])
def test_a_refusal_of_us_is_unavailable(running: Running, outbound: httpx.Client, token: str, key: str) -> None:
    with pytest.raises(RightsUnavailable, match="401"):
        AltinnAuthorizedParties(AltinnCalls(running.altinn, lambda: token, key, outbound)).grants(PER)


def test_without_a_token_rights_are_unavailable(running: Running, outbound: httpx.Client) -> None:
    nobody = MaskinportenClient(running.maskinporten_issuer, "nobody", signing_key(running.client_key), outbound)
    altinn = AltinnAuthorizedParties(
        AltinnCalls(running.altinn, lambda: nobody.token(PARTIES_SCOPE), running.subscription_key, outbound)
    )
    with pytest.raises(RightsUnavailable, match="maskinporten"):
        altinn.grants(PER)


def test_a_failed_lookup_does_not_name_the_person(altinn: AltinnAuthorizedParties, running: Running) -> None:
    running.fail("altinn", "garbage")
    try:
        with pytest.raises(RightsUnavailable) as failure:
            altinn.grants(PER)
    finally:
        running.fail("altinn", "ok")
    assert PER.value not in str(failure.value)


# Tokens.


def test_a_token_is_used_again_until_ten_seconds_before_its_end(running: Running, outbound: httpx.Client) -> None:
    offset = 0.0
    client = MaskinportenClient(
        running.maskinporten_issuer,
        running.client_id,
        signing_key(running.client_key),
        outbound,
        clock=lambda: time.time() + offset,
    )
    first = client.token(PARTIES_SCOPE)
    assert client.token(PARTIES_SCOPE) == first
    running.fail("maskinporten", "down")
    try:
        offset = 108.0
        assert client.token(PARTIES_SCOPE) == first
        offset = 111.0
        with pytest.raises(TokenUnavailable):
            client.token(PARTIES_SCOPE)
    finally:
        running.fail("maskinporten", "ok")


def test_a_scope_that_is_not_granted_is_unavailable(maskinporten: MaskinportenClient) -> None:
    with pytest.raises(TokenUnavailable, match="400"):
        maskinporten.token("krr:global/kontaktinformasjon.read")


# Answers that an Altinn should never give.


class Replying:
    """A server that answers every POST with ``status`` and ``body``."""

    def __init__(self) -> None:
        self.status = 200
        self.body = b""
        replying = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                self.send_response(replying.status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(replying.body)))
                self.end_headers()
                self.wfile.write(replying.body)

            def log_message(self, *_: Any) -> None:
                """Keep the test's output clean."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture(scope="module")
def replying() -> Iterator[Replying]:
    replying = Replying()
    thread = threading.Thread(target=replying.server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield replying
    replying.server.shutdown()
    replying.server.server_close()
    thread.join()


def party(**changes: Any) -> dict[str, Any]:
    right = {
        "name": "FJELL AS",
        "organizationNumber": FJELL,
        "type": "Organization",
        "isDeleted": False,
        "onlyHierarchyElementWithNoAccess": False,
        "authorizedRoles": ["a0236"],
        "authorizedAccessPackages": [],
        "subunits": [],
    }
    return {**right, **changes}


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in party().items() if key != name}


def nested(depth: int) -> dict[str, Any]:
    tree = party()
    for _ in range(depth):
        tree = party(subunits=[tree])
    return tree


def ask(replying: Replying, http: httpx.Client, document: Any) -> tuple[OrganizationGrant, ...]:
    replying.body = json.dumps(document).encode()
    return AltinnAuthorizedParties(AltinnCalls(replying.url, lambda: "token", "key", http)).grants(PER)


MALFORMED: dict[str, Any] = {
    "an object": {},
    "null": None,
    "a list of texts": ["FJELL AS"],
    "a list of numbers": [7],
    "no type": [without("type")],
    "no flag of deletion": [without("isDeleted")],
    "no flag of access": [without("onlyHierarchyElementWithNoAccess")],
    "a flag as text": [party(isDeleted="false")],
    "a flag as null": [party(onlyHierarchyElementWithNoAccess=None)],
    "no roles": [without("authorizedRoles")],
    "roles as text": [party(authorizedRoles="a0236")],
    "a role as an object": [party(authorizedRoles=[{"code": "a0236"}])],
    "no packages": [without("authorizedAccessPackages")],
    "no subunits": [without("subunits")],
    "no number": [party(organizationNumber=None)],
    "a short number": [party(organizationNumber="31282445")],
    "a number in other digits": [party(organizationNumber="٣12824450")],
    "no name": [party(name=None)],
    "a good party beside a bad one": [party(), without("isDeleted")],
    "a bad subunit": [party(subunits=[without("isDeleted")])],
    "a bottomless tree": [nested(40)],
}


@pytest.mark.parametrize("document", MALFORMED.values(), ids=MALFORMED.keys())
def test_an_answer_that_is_not_understood_gives_nobody_anything(
    replying: Replying, outbound: httpx.Client, document: Any
) -> None:
    with pytest.raises(RightsUnavailable):
        ask(replying, outbound, document)


def test_codes_are_compared_without_case_and_urn(replying: Replying, outbound: httpx.Client) -> None:
    roles = ["urn:altinn:rolecode:A0236", "KOMAB"]
    packages = ["urn:altinn:accesspackage:Ordinaer-post-til-virksomheten"]
    grants = ask(replying, outbound, [party(authorizedRoles=roles, authorizedAccessPackages=packages)])
    assert codes(grants) == {FJELL: {"a0236", "komab", ORDINARY}}


def test_a_code_of_another_kind_does_not_become_a_role(replying: Replying, outbound: httpx.Client) -> None:
    grants = ask(replying, outbound, [party(authorizedRoles=["urn:altinn:resource:a0236"])])
    assert "a0236" not in codes(grants)[FJELL]


@pytest.mark.parametrize("flag", ["isDeleted", "onlyHierarchyElementWithNoAccess"])
def test_a_marked_entry_gives_nothing_for_any_codes_that_it_lists(
    replying: Replying, outbound: httpx.Client, flag: str
) -> None:
    subunit = party(organizationNumber=FJELL_TROMSO)
    grants = ask(replying, outbound, [party(**{flag: True}, subunits=[subunit])])
    assert codes(grants) == {FJELL_TROMSO: {"a0236"}}


def test_an_entry_without_roles_and_packages_gives_nothing(replying: Replying, outbound: httpx.Client) -> None:
    assert ask(replying, outbound, [party(authorizedRoles=[])]) == ()


def test_a_subunit_has_just_what_altinn_says_of_it(replying: Replying, outbound: httpx.Client) -> None:
    below = party(organizationNumber=BRYGGA, authorizedRoles=["komab"])
    subunit = party(organizationNumber=FJELL_TROMSO, authorizedRoles=["a0236"], subunits=[below])
    grants = ask(replying, outbound, [party(authorizedRoles=["dagl"], subunits=[subunit])])
    assert codes(grants) == {FJELL: {"dagl"}, FJELL_TROMSO: {"a0236"}, BRYGGA: {"komab"}}


def test_a_deleted_subunit_of_a_living_unit_gives_nothing(replying: Replying, outbound: httpx.Client) -> None:
    subunit = party(organizationNumber=FJELL_TROMSO, isDeleted=True)
    assert codes(ask(replying, outbound, [party(subunits=[subunit])])) == {FJELL: {"a0236"}}


@pytest.mark.parametrize("kind", ["Person", "SelfIdentified", "None"])
def test_a_party_that_is_no_organisation_gives_nothing(replying: Replying, outbound: httpx.Client, kind: str) -> None:
    assert ask(replying, outbound, [party(type=kind)]) == ()


# The cache.


class Rights:
    """A source that counts questions and can fail."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.failing = False
        self.empty = False

    def grants(self, person: PersonIdentifier) -> tuple[OrganizationGrant, ...]:
        self.asked.append(person.value)
        if self.failing:
            raise RightsUnavailable("down")
        if self.empty:
            return ()
        return (OrganizationGrant(FJELL, "FJELL AS", frozenset({str(len(self.asked))})),)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_rights_are_remembered_for_five_minutes_and_no_longer() -> None:
    rights, clock = Rights(), Clock()
    cached = CachedRights(rights, clock=clock)
    first = cached.grants(PER)
    clock.now += 299
    assert cached.grants(PER) == first
    clock.now += 1
    assert cached.grants(PER) != first


def test_that_there_is_nothing_is_remembered_for_half_a_minute_and_no_longer() -> None:
    rights, clock = Rights(), Clock()
    rights.empty = True
    cached = CachedRights(rights, clock=clock)
    assert cached.grants(PER) == ()
    rights.empty = False
    clock.now += 29
    assert cached.grants(PER) == ()
    clock.now += 1
    assert cached.grants(PER) != ()


def test_who_would_be_denied_can_have_a_younger_answer_and_others_keep_theirs() -> None:
    rights, clock = Rights(), Clock()
    cached = CachedRights(rights, clock=clock)
    first = cached.grants(PER)
    clock.now += 29
    assert cached.grants(PER, MAX_DENIAL_AGE) == first
    clock.now += 1
    rights.failing = True
    with pytest.raises(RightsUnavailable):
        cached.grants(PER, MAX_DENIAL_AGE)
    assert cached.grants(PER) == first
    rights.failing = False
    assert cached.grants(PER, MAX_DENIAL_AGE) != first


def test_nobody_gets_an_answer_older_than_five_minutes_by_asking_for_one() -> None:
    rights, clock = Rights(), Clock()
    cached = CachedRights(rights, clock=clock)
    first = cached.grants(PER, timedelta(days=1))
    clock.now += 300
    assert cached.grants(PER, timedelta(days=1)) != first


def test_the_age_of_an_answer_counts_from_the_question() -> None:
    clock = Clock()

    class Slow(Rights):
        def grants(self, person: PersonIdentifier) -> tuple[OrganizationGrant, ...]:
            clock.now += 200
            return super().grants(person)

    rights = Slow()
    cached = CachedRights(rights, clock=clock)
    cached.grants(PER)
    clock.now += 100
    cached.grants(PER)
    assert len(rights.asked) == 2


def test_one_persons_rights_are_never_anothers() -> None:
    cached = CachedRights(Rights(), clock=Clock())
    assert cached.grants(PER) != cached.grants(SIV)


def test_a_failure_is_not_remembered_and_does_not_live_on_an_old_answer() -> None:
    rights, clock = Rights(), Clock()
    cached = CachedRights(rights, clock=clock)
    cached.grants(PER)
    clock.now += 300
    rights.failing = True
    with pytest.raises(RightsUnavailable):
        cached.grants(PER)
    rights.failing = False
    assert cached.grants(PER)


def test_the_cache_forgets_the_oldest_when_it_is_full() -> None:
    rights = Rights()
    cached = CachedRights(rights, clock=Clock(), size=2)
    for person in (PER, LISE, MONA, LISE, MONA, PER):
        cached.grants(person)
    assert rights.asked == [person.value for person in (PER, LISE, MONA, PER)]


def test_the_cache_serves_many_threads() -> None:
    rights = Rights()
    cached = CachedRights(rights, clock=Clock(), size=3)
    failures: list[BaseException] = []

    def work(start: int) -> None:
        try:
            for step in range(300):
                assert cached.grants(PersonIdentifier(f"{(start + step) % 7:011d}", "foedselsnummer"))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(start,)) for start in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


# The breaker.


@dataclass
class Silence:
    """An Altinn that hears questions, and does not answer while it is ``down``."""

    down: bool = True
    heard: int = 0

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.heard += 1
        if self.down:
            raise httpx.ReadTimeout("silent", request=request)
        return httpx.Response(200, json=[party()])


@pytest.fixture
def silence() -> Silence:
    return Silence()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def guarded(silence: Silence, clock: Clock) -> Iterator[GuardedRights]:
    with httpx.Client(transport=httpx.MockTransport(silence.answer)) as http:
        yield GuardedRights(
            AltinnAuthorizedParties(AltinnCalls("https://altinn.example", lambda: "token", "key", http)), Breaker(clock)
        )


def fail(rights: GuardedRights, times: int) -> None:
    for _ in range(times):
        with pytest.raises(RightsUnavailable):
            rights.grants(PER)


def test_a_silent_altinn_is_not_waited_for_again_and_again(guarded: GuardedRights, silence: Silence) -> None:
    fail(guarded, FAILURES + 20)
    assert silence.heard == FAILURES


def test_after_a_while_one_question_goes_through_and_the_others_still_need_not_wait(
    guarded: GuardedRights, silence: Silence, clock: Clock
) -> None:
    fail(guarded, FAILURES)
    clock.now += PAUSE_SECONDS - 1
    fail(guarded, 1)
    assert silence.heard == FAILURES
    clock.now += 1
    fail(guarded, 5)
    assert silence.heard == FAILURES + 1


def test_while_a_probe_is_under_way_nobody_else_asks(clock: Clock) -> None:
    breaker = Breaker(clock)
    for _ in range(FAILURES):
        assert breaker.admits()
        breaker.record_failure()
    clock.now += PAUSE_SECONDS
    assert [breaker.admits() for _ in range(4)] == [True, False, False, False]
    # The request that was admitted may have been cut off unrecorded.
    clock.now += PAUSE_SECONDS
    assert breaker.admits()


def test_the_first_answer_heals_it_for_everybody(guarded: GuardedRights, silence: Silence, clock: Clock) -> None:
    fail(guarded, FAILURES)
    silence.down = False
    clock.now += PAUSE_SECONDS
    assert codes(guarded.grants(PER)) == codes(guarded.grants(LISE)) == {FJELL: {"a0236"}}
    silence.down = True
    fail(guarded, FAILURES + 1)
    assert silence.heard == 2 * FAILURES + 2


def test_failures_with_an_answer_between_them_are_not_on_end(guarded: GuardedRights, silence: Silence) -> None:
    for _ in range(3):
        silence.down = True
        fail(guarded, FAILURES - 1)
        silence.down = False
        assert guarded.grants(PER)


def test_without_a_token_altinn_is_silent_too(silence: Silence, clock: Clock) -> None:
    asked = []

    def token() -> str:
        asked.append("token")
        raise TokenUnavailable("ReadTimeout")

    with httpx.Client(transport=httpx.MockTransport(silence.answer)) as http:
        fail(
            GuardedRights(
                AltinnAuthorizedParties(AltinnCalls("https://altinn.example", token, "key", http)), Breaker(clock)
            ),
            20,
        )
    assert (len(asked), silence.heard) == (FAILURES, 0)


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_server_that_says_that_it_cannot_answer_is_left_alone(
    replying: Replying, outbound: httpx.Client, clock: Clock, status: int
) -> None:
    rights = GuardedRights(
        AltinnAuthorizedParties(AltinnCalls(replying.url, lambda: "token", "key", outbound)), Breaker(clock)
    )
    replying.status, replying.body = status, b"[]"
    try:
        fail(rights, FAILURES)
        replying.status = 200
        fail(rights, 1)
        clock.now += PAUSE_SECONDS
        assert rights.grants(PER) == ()
    finally:
        replying.status = 200


@pytest.mark.parametrize(("status", "body"), [(400, b"{}"), (403, b""), (200, b"<html>"), (200, b"[{}]")], ids=str)
def test_an_answer_about_one_person_that_is_not_understood_keeps_nobody_else_out(
    replying: Replying, outbound: httpx.Client, clock: Clock, status: int, body: bytes
) -> None:
    rights = GuardedRights(
        AltinnAuthorizedParties(AltinnCalls(replying.url, lambda: "token", "key", outbound)), Breaker(clock)
    )
    replying.status, replying.body = status, body
    try:
        fail(rights, 20)
    finally:
        replying.status = 200
    replying.body = json.dumps([party()]).encode()
    assert codes(rights.grants(LISE)) == {FJELL: {"a0236"}}
