"""An identity in a log or a traceback names no person."""

from datetime import UTC, datetime

from deldokument.ports.login import Identity

NUMBER, TOKEN = "21879498012", "an id_token"
AT = datetime(2026, 11, 28, tzinfo=UTC)


def test_an_identity_is_shown_without_the_persons_number_and_the_token() -> None:
    claims: dict[str, str | int] = {"pid": NUMBER}
    shown = repr(Identity(NUMBER, "idporten-loa-high", AT, AT, "nb", "session", TOKEN, claims))
    assert shown == "<Identity idporten-loa-high 2026-11-28T00:00:00+00:00>"
