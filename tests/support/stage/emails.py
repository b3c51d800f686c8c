"""E-mails of the use cases: plan and send them, and confirm an address with the code."""

import re

from deldokument.domain.messages.outbox import Channel, Result
from deldokument.services.notifications import email_addresses
from deldokument.services.notifications.dispatch import plan_messages, send_message, take_messages
from deldokument.services.notifications.registry import CHANNELS, PLANNERS
from tests.support.stage.stage import Stage, person


def deliver(stage: Stage) -> list[Result]:
    """Plan e-mails for the new events and send all that are due; return the result of each."""
    plan_messages(stage.deps, PLANNERS)
    results: list[Result] = []
    while messages := take_messages(stage.deps, Channel.EMAIL):
        results += [send_message(stage.deps, CHANNELS[Channel.EMAIL], message) for message in messages]
    return results


def mailed_code(stage: Stage) -> str:
    """The code in the letter that came last."""
    found = re.search(r"\b\d{8}\b", stage.mail.letters[-1].text)
    assert found
    return found.group()


def settle(stage: Stage, number: str, address: str) -> None:
    """The person has confirmed the address; no letter is left."""
    email_addresses.enter_address(stage.deps, person(number), address)
    deliver(stage)
    email_addresses.confirm_address(stage.deps, person(number), mailed_code(stage))
    stage.mail.letters.clear()
