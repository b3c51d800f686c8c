"""What is asked after each change of the database: what can each person, system, session and token get or do?

A probe's answer is the facts that it gives: ids, texts, bytes, roles. A refusal gives none. So nothing has opened if
the facts are among those of before, and damage, which only hides, is no opening.
"""

import re
from collections.abc import Callable, Collection, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Protocol

from sqlalchemy import event

from deldokument.crypto.errors import IntegrityError
from deldokument.domain.errors import ServiceError
from deldokument.domain.identifiers import Consumer, OrganizationNumber, PersonIdentifier, Sharer
from deldokument.domain.messages.outbox import Channel
from deldokument.ports.dependencies import Dependencies
from deldokument.services.accounts import members
from deldokument.services.api import idempotency
from deldokument.services.auth import own_sessions, programs, roles, sessions
from deldokument.services.downloads import content, offers
from deldokument.services.notifications import email_addresses, webhooks
from deldokument.services.notifications.dispatch import send_message, take_messages
from deldokument.services.notifications.registry import CHANNELS
from deldokument.services.shares.display import queries
from deldokument.services.shares.display.receipts import list_receipts
from deldokument.services.shares.drafts import drafts
from deldokument.services.shares.published import changes, publishing
from deldokument.services.uploads import append
from deldokument.services.uploads.exchange_keys import exchange_pairs
from deldokument.store.database import Database
from deldokument.store.engine.schema import metadata
from deldokument.store.transaction import Transaction
from tests.attacker.furnished import GONE, READS, WAITING, Furnished
from tests.attacker.staff_probes import staff_probes
from tests.services.auth.test_programs import VERIFIER
from tests.support.browser import EWA
from tests.support.stage.api import NEIGHBOUR
from tests.support.stage.stage import FJELL, KARI, LISE, ODD, OLA, PER, SIV, VIGDIS, FakeMail, FakeWebhookCalls, person

Facts = frozenset[str]
Probe = Callable[[Dependencies], Iterator[str]]
Query = tuple[str, str]
"""The text of a query, and its values as a text."""
PEOPLE = {
    "Siv": SIV,
    "Ola": OLA,
    "Kari": KARI,
    "Odd": ODD,
    "Vigdis": VIGDIS,
    "Ewa": EWA,
    "Per": PER,
    "Lise": LISE,
    "a former colleague": GONE,
    "an unconfirmed colleague": WAITING,
}
SYSTEMS = {
    "Fjell's system": Consumer(OrganizationNumber(FJELL)),
    "another tenant's system": Consumer(OrganizationNumber(NEIGHBOUR)),
    "a former system": READS,
}
STRANGERS = ("Odd", "Vigdis", "a former colleague", "an unconfirmed colleague")
_REFUSALS = (ServiceError, IntegrityError)
_WORD = re.compile(r"\w+")


class Cursor(Protocol):
    """A cursor of either driver."""

    def execute(self, statement: str, values: Any, /) -> Any: ...


class _Undone(Exception):
    """Ends a transaction that is not to be committed."""


@dataclass
class Unwritten:
    """A database of which every transaction is rolled back, so that one probe changes nothing for the next."""

    inner: Database

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """As the database."""
        with self.inner.read() as tx:
            yield tx

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """As the database, up to the commit."""
        try:
            with self.inner.write() as tx:
                yield tx
                tx.flush()  # type: ignore[attr-defined]
                raise _Undone
        except _Undone:
            pass


def _roles(number: str, deps: Dependencies) -> Iterator[str]:
    found = roles.roles_of(deps, person(number))
    yield from (f"shares from {one.account.id}, as {one.id}, absent {one.is_absent}" for one in found.memberships)
    yield from (f"administers {one.id}" for one in found.administered)
    yield from (f"signs for {one.id}" for one in found.signs)
    yield from ["operates"] * found.operates


def _accounts(system: Consumer, deps: Dependencies) -> Iterator[str]:
    with deps.database.read() as tx:
        found = members.memberships_in(deps, tx, system)
    yield from (f"{one.account.id} {'reads' if one.reads_only else 'shares'}" for one in found)
    yield from (one.url for one in webhooks.list_webhooks(deps, system))


def _offers(number: str, deps: Dependencies) -> Iterator[str]:
    for one in offers.list_offers(deps, person(number)).offers:
        yield from (one.id, one.title)


def _opened(number: str, share_id: str, deps: Dependencies) -> Iterator[str]:
    offer = offers.open_share(deps, person(number), share_id)
    yield from (share_id, offer.texts.title, offer.texts.message)
    for one in offer.documents:
        yield from (one.id, one.name)


def _downloaded(number: str, share_id: str, document_id: str, deps: Dependencies) -> Iterator[str]:
    yield from _bytes(deps, content.open_document(deps, person(number), share_id, document_id))


def _bytes(deps: Dependencies, found: content.Content) -> Iterator[str]:
    yield b"".join(bytes(one) for one in content.read_content(deps, found, 0, found.length)).hex()


def _archive(number: str, share_id: str, deps: Dependencies) -> Iterator[str]:
    found = content.open_archive(deps, person(number), share_id)
    yield from found.sources.ids()


def _own_document(system: Consumer, document_id: str, deps: Dependencies) -> Iterator[str]:
    yield from _bytes(deps, content.open_own_document(deps, system, document_id))


def _shares(sharer: Sharer, deps: Dependencies) -> Iterator[str]:
    for one in queries.list_shares(deps, sharer).shares:
        yield from (one.share.id, one.texts.title)


def _shown(sharer: Sharer, share_id: str, deps: Dependencies) -> Iterator[str]:
    view, _ = queries.show_share(deps, sharer, share_id)
    yield from (share_id, view.texts.title, view.texts.message, view.texts.reference)
    for named in (*view.recipients, *view.documents, *view.pending_documents):
        yield from (named.id, named.name)
    for one in list_receipts(deps, sharer, share_id).receipts:
        receipt = f"{one.recipient_id} {one.document_id}"
        yield from [receipt, f"{receipt} whole" * one.complete, f"{receipt} confirmed" * (one.confirmed_at is not None)]


def _act(deed: Callable[..., object], who: Sharer, share_id: str, *given: Any) -> Iterator[str]:
    *more, deps = given
    yield f"done {getattr(deed(deps, who, share_id, *more), 'state', '')}"


def _session(secret: str, deps: Dependencies) -> Iterator[str]:
    found = sessions.find_session(deps, secret)
    if found is not None:
        yield f"logged in as {found.person.value}"
        yield from (f"session {one.id}" for one in own_sessions.list_own_sessions(deps, found))


def _program(token: str, share_id: str, deps: Dependencies) -> Iterator[str]:
    yield f"{share_id} as {programs.find_program(deps, token, share_id).person.value}"


def _redeemed(code: str, share_id: str, deps: Dependencies) -> Iterator[str]:
    programs.redeem_code(deps, share_id, code, VERIFIER)
    yield f"token for {share_id}"


def _upload(token: str, upload_id: str | None, deps: Dependencies) -> Iterator[str]:
    found = append.find_upload(deps, token, upload_id)
    append.begin_append(deps, token, found.id, offset=0, announced=1)
    yield f"bytes for {found.id}, {found.document_id} in {found.share_id}"


def _address(one: PersonIdentifier, deps: Dependencies) -> Iterator[str]:
    yield email_addresses.show_address(deps, one).address


def _answer(system: Consumer, deps: Dependencies) -> Iterator[str]:
    found = idempotency.begin_request(deps, system, "first", b"a" * 32)
    if isinstance(found, idempotency.StoredResponse):
        yield found.body.decode()


def _pairs(system: Consumer, deps: Dependencies) -> Iterator[str]:
    yield from map(str, exchange_pairs(deps, system))


def _sent(deps: Dependencies) -> Iterator[str]:
    mail, calls = FakeMail(), FakeWebhookCalls()
    deps = replace(deps, mail=mail, webhook_calls=calls)
    for channel in (Channel.EMAIL, Channel.WEBHOOK):
        for message in take_messages(deps, channel):
            # The worker logs every error, and retries later.
            with suppress(Exception):
                send_message(deps, CHANNELS[channel], message)
    yield from (letter.to for letter in mail.letters)
    yield from (url for url, _, _ in calls.sent)


def probes(place: Furnished) -> dict[str, Probe]:
    """Every probe by its name."""
    return {name: partial(*given) for name, given in _listed(place)} | staff_probes(place)


def _listed(place: Furnished) -> Iterator[tuple[str, tuple[Any, ...]]]:
    shares, documents, secrets = place.shares, place.documents, place.secrets
    for name, number in PEOPLE.items():
        yield f"roles of {name}", (_roles, number)
        yield f"offers of {name}", (_offers, number)
        yield f"shares of {name}", (_shares, person(number))
    for name, system in SYSTEMS.items():
        yield f"accounts of {name}", (_accounts, system)
        yield f"shares of {name}", (_shares, system)
        yield f"answer to {name}", (_answer, system)
        yield f"keys of {name}", (_pairs, system)
    for name, number, share in _RECIPIENTS:
        yield f"{name} opens {share}", (_opened, number, shares[share])
        yield f"{name} downloads from {share}", (_downloaded, number, shares[share], documents[share])
    for name, number, share in _REFUSED:
        yield f"{name} downloads from {share}", (_downloaded, number, shares[share], documents[share])
    yield "Siv downloads all that is left", (_archive, SIV, shares["narrowed"])
    yield "another tenant's system reads", (_own_document, SYSTEMS["another tenant's system"], documents["available"])
    yield from _managed(place)
    for name in ("living", "ended"):
        yield f"session: {name}", (_session, secrets[name])
    for share in ("narrowed", "available"):
        yield f"program opens {share}", (_program, secrets["program"], shares[share])
        yield f"code for {share}", (_redeemed, secrets["code"], shares[share])
    for name, token in place.victims.tokens.items():
        yield f"upload of {name}", (_upload, token, None)
        yield f"upload of {name} at Kari's", (_upload, token, place.victims.ids["upload_id"])
    for name in ("Kari", "Vigdis"):
        yield f"address of {name}", (_address, person(PEOPLE[name]))
    yield "messages", (_sent,)


_RECIPIENTS = (("Ola", OLA, "available"), ("Per", PER, "confidential"), ("Siv", SIV, "narrowed"))
_REFUSED = (
    *(("Siv", SIV, name) for name in ("revoked", "over", "stopped", "erased", "undone", "unnamed", "two-eyes")),
    *(("Siv", SIV, name) for name in ("confidential", "available", "proposed", "draft")),
    *(("Ola", OLA, name) for name in ("destroyed", "withdrawn", "ended", "frozen", "proposed", "draft", "two-eyes")),
    ("Lise", LISE, "confidential"),
)
"""Who opens what, and who opens nothing: the document that was taken away, or the first."""


def _managed(place: Furnished) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """What one person must not do alone, and what needs a role."""
    shares, words, kari = place.shares, place.stage.words(), person(KARI)
    seen = {name: place.secrets[f"seen-{name}"] for name in ("proposed", "two-eyes")}
    yield "Kari looks at available", (_shown, kari, shares["available"])
    for name, who in {**{one: person(PEOPLE[one]) for one in STRANGERS}, **SYSTEMS}.items():
        for share in ("available", "draft") if name != "Fjell's system" else ():
            yield f"{name} looks at {share}", (_shown, who, shares[share])
        if name != "Fjell's system":
            yield f"{name} ends a share", (_act, publishing.withdraw_share, who, shares["available"])
    for name in STRANGERS:
        one = person(PEOPLE[name])
        yield f"{name} fills in", (_act, drafts.save_draft, one, shares["draft"], words)
        yield f"{name} publishes", (_act, publishing.publish_share, one, shares["lone"])
    yield "Kari publishes alone", (_act, publishing.publish_share, kari, shares["lone"])
    approve = partial(publishing.approve_share, seen=seen["proposed"])
    yield "Kari approves her own", (_act, approve, kari, shares["proposed"])
    yield "Kari lets in alone", (_act, partial(changes.approve_change, seen=seen["two-eyes"]), kari, shares["two-eyes"])


@dataclass
class Asked:
    """The probes with what each gave before anything was changed, what it read for that, and what it writes."""

    deps: Dependencies
    every: dict[str, Probe]
    golden: dict[str, Facts] = field(default_factory=dict)
    read: dict[str, set[Query]] = field(default_factory=dict)
    written: dict[str, set[str]] = field(default_factory=dict)
    inserted: dict[str, set[str]] = field(default_factory=dict)
    values: dict[Query, Any] = field(default_factory=dict)
    found: dict[Query, Any] = field(default_factory=dict)

    def concerned(self, look: Cursor, tables: Collection[str], *, has_new_keys: bool) -> list[str]:
        """The probes that may give something else after a change of these tables.

        The others find what they found before, by each of their queries, and so do what they did before. What they
        write to these tables may have another result: an insert only if the change has made keys.
        """
        now = self._results(look)
        other = {query for query, before in self.found.items() if now[query] != before}
        written = {name: self.written[name] | (self.inserted[name] if has_new_keys else set()) for name in self.every}
        return [
            name for name in self.every if not (written[name].isdisjoint(tables) and self.read[name].isdisjoint(other))
        ]

    def note_results(self, look: Cursor) -> None:
        """Note what the queries find."""
        self.found = self._results(look)

    def _results(self, look: Cursor) -> dict[Query, Any]:
        return {query: _result(look, query[0], values) for query, values in self.values.items()}

    def openings(self, names: list[str]) -> Iterator[str]:
        """What has opened, and errors that are none of the domain."""
        for name in names:
            facts, error = ask(self.deps, self.every[name])
            if more := sorted(facts - self.golden[name]):
                yield f"{name}: {more}"
            if error:
                yield f"{name}: {error!r}"


def ask(deps: Dependencies, probe: Probe) -> tuple[Facts, Exception | None]:
    """The facts that a probe gives, and the error that ended it if it is none of the domain."""
    facts, error = set[str](), None
    try:
        facts.update(probe(deps))
    except _REFUSALS:
        pass
    except Exception as unexpected:
        error = unexpected
    return frozenset(facts - {""}), error


def _result(look: Cursor, statement: str, values: Any) -> Any:
    try:
        return look.execute(statement, values).fetchall()
    except Exception as error:
        return repr(error)


def learn(place: Furnished, look: Cursor) -> Asked:
    """Ask everything once, before the attack."""
    deps, read, written, inserted = place.stage.deps, dict[Query, Any](), set[str](), set[str]()

    def note(*given: Any) -> None:
        _, _, statement, values, *_ = given
        if statement.startswith(("SELECT", "WITH")):
            read[statement, repr(values)] = values
        else:
            is_plain = statement.startswith("INSERT") and "ON CONFLICT" not in statement
            (inserted if is_plain else written).update(metadata.tables.keys() & set(_WORD.findall(statement)))

    result = Asked(replace(deps, database=Unwritten(deps.database)), probes(place))
    with closing(Database(place.stage.database_url)) as opened:
        for engine in {opened._engines.reader, opened._engines.writer}:
            event.listen(engine, "before_cursor_execute", note)
        observed = replace(deps, database=Unwritten(opened.authenticated(deps.integrity, deps.damage, deps.behind)))
        for name, probe in result.every.items():
            facts, error = ask(observed, probe)
            assert error is None, (name, error)
            result.golden[name], result.read[name] = facts, set(read)
            result.written[name], result.inserted[name] = set(written), set(inserted)
            result.values |= read
            for noted in (read, written, inserted):
                noted.clear()
    result.note_results(look)
    return result
