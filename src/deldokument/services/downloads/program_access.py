"""A recipient's approval of a program on the person's own machine, which then receives the documents of one share.

Guarantees:
- Only a person who may open the share can approve.
- A person approves a limited number of times in an hour.
"""

from deldokument.ports.dependencies import Dependencies
from deldokument.services.auth.programs import issue_code
from deldokument.services.auth.sessions import Session
from deldokument.services.downloads.access import authorize
from deldokument.services.rate_limit import RateLimit, check_rate


def approve_program(deps: Dependencies, session: Session, share_id: str, challenge: str) -> str:
    """Return a code for the program with this challenge. Raises: as ``authorize``; RateLimited."""
    authorize(deps, session.person, share_id)
    check_rate(deps, RateLimit("program_limit", deps.config.logins_per_hour), session.person.value)
    return issue_code(deps, session, share_id, challenge)
