"""Programs of a person: a code after the person's approval, and the token that a program gets for it.

    approval in the browser ── code, 60 seconds ──> program ── code and verifier ──> token

Guarantees:
- Codes and tokens are stored only as hashes. A code can be tried once.
- A token is valid for one share, as long as the session in which the person approved it.
- All refused codes share one rate limit, which does not affect valid codes.
- A writer of the database cannot create a token: share and session are encrypted for the hash of the code or token.

At every request, a program has the access of its person (services.downloads.access).
"""

import hashlib
import secrets
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from deldokument.crypto.errors import IntegrityError
from deldokument.domain.errors import TokenRefused
from deldokument.domain.shares.program_access import proves
from deldokument.ports.dependencies import Dependencies
from deldokument.services.auth.sessions import MAX_AGE, Session, living_session
from deldokument.services.encryption import EncryptedColumn, open_json, seal_json
from deldokument.services.people import directory_key
from deldokument.services.rate_limit import RateLimit, check_rate
from deldokument.store.auth.programs import ProgramRecord
from deldokument.store.engine.integrity import DamagedRow
from deldokument.store.transaction import Transaction

CODE_LIFETIME = timedelta(seconds=60)
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class ProgramGrant:
    """The grant of a code or a token. ``challenge`` is that of a code; a token has none."""

    share_id: str
    session_hash: bytes
    at: datetime
    challenge: str = ""


@dataclass(frozen=True, slots=True)
class ProgramToken:
    """A token for a program, and its latest end."""

    token: str
    expires_at: datetime


def issue_code(deps: Dependencies, session: Session, share_id: str, challenge: str) -> str:
    """Return a new code for the program with this challenge. The caller has authorised the person."""
    return _issue(deps, "code", ProgramGrant(share_id, session.token_hash, deps.clock.now(), challenge))


def redeem_code(deps: Dependencies, share_id: str, code: str, verifier: str) -> ProgramToken:
    """Return a token for a code. The code cannot be used again, even if it is refused here.

    Raises: TokenRefused; RateLimited if too many codes were refused.
    """
    redeemed = _redeem_code(deps, share_id, code, verifier)
    if redeemed is None:
        check_rate(deps, RateLimit("rate_limited", deps.config.api_requests_per_minute, _MINUTE), "refused codes")
        raise TokenRefused("program_code_refused")
    return redeemed


def _redeem_code(deps: Dependencies, share_id: str, code: str, verifier: str) -> ProgramToken | None:
    now, code_hash = deps.clock.now(), _hash("code", code)
    grant = _grant(deps, code_hash)
    if grant is not None:
        with deps.database.write() as tx:
            # If two programs have the same code, only one of them gets a token.
            grant = grant if tx.programs.take(code_hash) else None
    if grant is None or grant.share_id != share_id or now - grant.at > CODE_LIFETIME:
        return None
    session = living_session(deps, grant.session_hash, MAX_AGE)
    if session is None or not proves(verifier, grant.challenge):
        return None
    token = _issue(deps, "token", replace(grant, at=now, challenge=""))
    return ProgramToken(token, session.began_at + MAX_AGE)


def find_program(deps: Dependencies, token: str, share_id: str) -> Session:
    """Return the session in which the token was approved for the share. This counts as activity of the session.

    It has no CSRF token, because a program sends no forms. Raises: TokenRefused.
    """
    session = _living(deps, token, share_id, MAX_AGE)
    if session is None:
        raise TokenRefused("program_token_refused")
    return replace(session, csrf_token="")


def program_continues(deps: Dependencies, token: str, share_id: str) -> bool:
    """Return whether a program's running download may continue, as `services.auth.sessions.continues`."""
    return _living(deps, token, share_id, timedelta.max) is not None


def granted_programs(
    deps: Dependencies, tx: Transaction, session_hashes: Collection[bytes]
) -> dict[bytes, ProgramGrant]:
    """Return the grants of programs that have got a token within these sessions, by the hash of the token."""
    opened = {one.secret_hash: _open_grant(deps, one) for one in tx.programs.of_sessions(session_hashes)}
    return {secret_hash: grant for secret_hash, grant in opened.items() if grant and not grant.challenge}


def _living(deps: Dependencies, token: str, share_id: str, max_age: timedelta) -> Session | None:
    grant = _grant(deps, _hash("token", token))
    if grant is None or grant.share_id != share_id:
        return None
    return living_session(deps, grant.session_hash, max_age)


def _grant(deps: Dependencies, secret_hash: bytes) -> ProgramGrant | None:
    with deps.database.read() as tx:
        found = tx.programs.get(secret_hash)
    return _open_grant(deps, found) if found else None


def _issue(deps: Dependencies, kind: str, grant: ProgramGrant) -> str:
    secret = secrets.token_urlsafe(32)
    secret_hash = _hash(kind, secret)
    body = {
        "share": grant.share_id,
        "session": grant.session_hash.hex(),
        "at": grant.at.isoformat(),
        "challenge": grant.challenge,
    }
    sealed = seal_json(directory_key(deps), body, EncryptedColumn.PROGRAM_GRANT, secret_hash.hex())
    with deps.database.write() as tx:
        tx.programs.add(ProgramRecord(secret_hash, grant.session_hash, sealed))
    return secret


def _open_grant(deps: Dependencies, found: ProgramRecord) -> ProgramGrant | None:
    """Return the grant in the row; None, with an alarm, if it was not encrypted for its secret."""
    context = found.secret_hash.hex()
    try:
        body = open_json(directory_key(deps), found.sealed_grant, EncryptedColumn.PROGRAM_GRANT, context)
    except IntegrityError:
        body = {}
    if not body:
        deps.damage.report(DamagedRow("program", context))
        return None
    at = datetime.fromisoformat(body["at"])
    return ProgramGrant(body["share"], bytes.fromhex(body["session"]), at, body["challenge"])


def _hash(kind: str, secret: str) -> bytes:
    """Return the hash of a secret of a kind. The kind is hashed too, so that a token is never a code."""
    return hashlib.sha256(f"{kind} {secret}".encode()).digest()
