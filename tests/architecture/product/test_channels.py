"""A channel is one entry in the registry and modules of its own; nothing else decides by a single channel."""

import ast

import pytest

from deldokument.domain.audit import EventKind
from deldokument.domain.messages.outbox import RECIPIENT_CHANNEL, Channel
from deldokument.services.notifications.registry import CHANNELS
from tests.architecture.rules import PACKAGE, modules

_NOTIFICATIONS = "services/notifications"
_OWN = {
    Channel.ALTINN: {f"{_NOTIFICATIONS}/recipient_notices.py", f"{_NOTIFICATIONS}/recipient_reminders.py"},
    Channel.EMAIL: {f"{_NOTIFICATIONS}/email_notices.py", f"{_NOTIFICATIONS}/email_addresses.py"},
    Channel.WEBHOOK: {f"{_NOTIFICATIONS}/webhooks.py", f"{_NOTIFICATIONS}/webhook_delivery.py"},
}
_OF_ALL = {
    f"{_NOTIFICATIONS}/registry.py",
    # Packages below the registry must know which channels reach recipients: services.shares and the web's timeline.
    "domain/messages/outbox.py",
    # Texts are marked for translation only in the package web.
    "web/pages/event_details.py",
}


def channels_named(source: str) -> set[str]:
    """Return the members of Channel that a module names."""
    return {
        node.attr
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Attribute)
        and ast.unparse(node.value).rpartition(".")[2] == "Channel"
        and node.attr in Channel.__members__
    }


def test_each_channel_has_one_entry_and_modules_of_its_own() -> None:
    assert list(CHANNELS) == list(Channel)
    assert set(_OWN) == set(Channel)
    assert len({entry.queue for entry in CHANNELS.values()}) == len(Channel)


def test_a_module_outside_the_registry_names_no_channel_but_its_own() -> None:
    for path in modules():
        name = path.relative_to(PACKAGE).as_posix()
        if name not in _OF_ALL:
            own = {channel.name for channel, modules in _OWN.items() if name in modules}
            assert channels_named(path.read_text("utf-8")) == own, name


def test_that_a_recipient_was_notified_is_recorded_for_each_channel_to_recipients() -> None:
    recording = [channel for channel in Channel if CHANNELS[channel].sent_event is EventKind.RECIPIENT_NOTIFIED]
    assert recording == [RECIPIENT_CHANNEL]


@pytest.mark.parametrize("source", ["x is Channel.ALTINN", "outbox.Channel.ALTINN", "{Channel.ALTINN: 1}"])
def test_a_named_channel_is_found(source: str) -> None:
    assert channels_named(source) == {"ALTINN"}
    assert channels_named("Channel(name), Channel.__members__, Kind.ALTINN") == set()
