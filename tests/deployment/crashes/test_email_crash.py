"""kill -9 of the worker at every point between a download and its letter: it is sent, always under one Message-ID."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from deldokument.domain.identifiers import parse_person
from deldokument.domain.messages.outbox import FIRST_PAUSE, LEASE, Channel, OutgoingMessage
from deldokument.ports.channels import EmailKind
from deldokument.services.notifications import email_addresses
from deldokument.services.notifications.dispatch import send_message, take_messages
from deldokument.services.notifications.registry import CHANNELS
from deldokument.worker import Sending, plan_from_events
from tests.support.deployment.crash import OUTBOX, die_at
from tests.support.deployment.deployment import KARI, Deployment, wait_until
from tests.support.deployment.memory import folder_in_memory
from tests.support.servers.mail import SENDER, RunningMail, start_mail
from tests.support.stage.inspection import inspect_documents
from tests.support.stored_data import document_receipts

KARIS_NUMBER, OLAS_NUMBER, OLA = "12838514837", "21879498012", "Ola Nordmann"
ADDRESS = "kari.lunde@eksempel.example"
_PATIENCE = 60.0
SMTP = "deldokument.adapters.smtp:SmtpMail"
POINTS = [
    pytest.param(f"{OUTBOX}.add", False, 1, id="before-anything-is-planned"),
    pytest.param(f"{OUTBOX}.move_cursor", True, 1, id="planned-not-committed"),
    pytest.param(f"{OUTBOX}.lease", True, 1, id="leased-not-committed"),
    pytest.param(f"{SMTP}.send", False, 1, id="lease-committed-not-sent"),
    pytest.param(f"{SMTP}._greet", True, 1, id="in-the-midst-of-sending"),
    pytest.param(f"{SMTP}.send", True, 2, id="sent-nothing-noted"),
    pytest.param(f"{OUTBOX}.sent", True, 2, id="noted-not-committed"),
]


@dataclass(frozen=True, slots=True)
class Mailed:
    """A deployment and its mail server."""

    deployment: Deployment
    mail: RunningMail


def settings_of(mail: RunningMail) -> dict[str, Any]:
    """What a deployment needs to hand its letters in there."""
    return {"smtp_host": "127.0.0.1", "smtp_port": mail.port, "smtp_security": "none", "smtp_sender": SENDER}


@pytest.fixture(scope="module")
def mortal() -> Iterator[Mailed]:
    """One whose workers the tests start, and kill. Kari has confirmed an address there."""
    with ExitStack() as stack:
        mail, folder = stack.enter_context(start_mail()), stack.enter_context(folder_in_memory())
        running = stack.enter_context(Deployment(folder, worker=False, settings=settings_of(mail)))
        deps, kari = running.node.deps, parse_person(KARIS_NUMBER, allow_synthetic=True)
        email_addresses.enter_address(deps, kari, ADDRESS)
        for message in take_messages(deps, Channel.EMAIL):
            send_message(deps, CHANNELS[Channel.EMAIL], message)
        code = re.search(r"\b\d{8}\b", mail.letters()[-1]["text"])
        assert code
        email_addresses.confirm_address(deps, kari, code.group())
        yield Mailed(running, mail)


def downloaded(mortal: Mailed) -> str:
    """A share that Ola has downloaded; no e-mail about it is sent yet."""
    share_id = mortal.deployment.draft()
    mortal.deployment.add_recipients(share_id, [OLAS_NUMBER])
    mortal.deployment.upload(share_id, "vedtak.pdf", b"innhold")
    assert mortal.deployment.session(KARI).post(f"/del/utkast/{share_id}/publisering", json={}).is_success
    inspect_documents(mortal.deployment.node.deps)
    [path] = mortal.deployment.document_paths(share_id)
    assert mortal.deployment.session(OLA).get(path).content == b"innhold"
    wait_until(lambda: was_sent(mortal, share_id), _PATIENCE, "the receipt did not come")
    return share_id


def was_sent(mortal: Mailed, share_id: str) -> bool:
    """Whether the download is recorded: only after the client's TCP has acknowledged the last byte."""
    receipts = document_receipts(mortal.deployment.node.deps, share_id)
    return any(receipt.completed_at for receipt in receipts)


def message_of(mortal: Mailed, share_id: str) -> OutgoingMessage | None:
    """The message about the download, once it is planned."""
    with mortal.deployment.node.deps.database.read() as tx:
        planned = tx.outbox.of_shares([share_id], Channel.EMAIL)
    return next((message for message in planned if message.kind == EmailKind.DOWNLOADED), None)


def letters(mortal: Mailed, share_id: str) -> list[dict[str, Any]]:
    return [letter for letter in mortal.mail.to(ADDRESS) if f"/delinger/{share_id}" in letter["text"]]


def go_on(mortal: Mailed, share_id: str) -> OutgoingMessage:
    """What the next worker does, until nothing is due; the message, which is sent then."""
    deps = mortal.deployment.node.deps
    while plan_from_events(deps):
        pass
    while Sending(Channel.EMAIL, CHANNELS[Channel.EMAIL])(deps):
        pass
    message = message_of(mortal, share_id)
    assert message is not None, "a letter was lost"
    assert message.sent_at is not None
    return message


@pytest.mark.parametrize(("function", "after", "most"), POINTS)
def test_no_letter_is_lost_and_each_has_one_message_id_wherever_the_worker_dies(
    mortal: Mailed, function: str, after: bool, most: int
) -> None:
    share_id = downloaded(mortal)
    die_at(mortal.deployment, function, after=after)
    mortal.deployment.move_clock(LEASE + timedelta(seconds=1))
    message = go_on(mortal, share_id)
    taken = letters(mortal, share_id)
    assert len(taken) == most
    assert all(letter == taken[0] for letter in taken)
    assert taken[0]["message_id"] == f"{message.id}@[127.0.0.1]"


def test_a_server_that_breaks_off_when_it_has_taken_a_letter_gets_it_again_under_its_id(
    mortal: Mailed,
) -> None:
    share_id = downloaded(mortal)
    mortal.mail.fail("cut-after")
    mortal.deployment.start_worker()
    try:
        wait_until(lambda: len(letters(mortal, share_id)) == 1, _PATIENCE, "the letter was not tried")
    finally:
        mortal.deployment.stop_worker()
    mortal.mail.fail("ok")
    message = message_of(mortal, share_id)
    assert message is not None
    assert message.sent_at is None
    mortal.deployment.move_clock(FIRST_PAUSE + timedelta(seconds=1))
    go_on(mortal, share_id)
    one, other = letters(mortal, share_id)
    assert one == other


def test_what_the_log_says_of_it_names_no_address(mortal: Mailed) -> None:
    assert "eksempel.example" not in mortal.deployment.log_text()
