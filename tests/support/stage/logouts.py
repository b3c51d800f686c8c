"""What a provider tells of sessions that have ended there, as tests of how it is judged ask for it."""

from deldokument.ports.login import LoginProvider


def ended_session(login: LoginProvider, logout_token: str) -> str:
    """The session that the token ends; the token is spent."""
    with login.ended_session(logout_token) as session_id:
        return session_id
