"""How many text messages a text takes, as networks count."""

import pytest

from deldokument.domain.messages.text_messages import message_count


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 1),
        ("æøå" * 53 + "Å", 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("č" * 70, 1),
        ("č" * 71, 2),
        ("č" * 135, 3),
        ("\U0001f600" * 35, 1),
        ("\U0001f600" * 36, 2),
    ],
)
def test_a_text_takes_as_many_messages_as_networks_count(text: str, count: int) -> None:
    assert message_count(text) == count
