"""Forms that need a fresh login: kept in the session until the person returns, then sent or discarded.

Guarantees:
- A form is stored encrypted, only as long as its session or the person's next session in that browser.
- A session keeps only the last form.
- A kept form has no effect until the person sends it again from a page that shows it.
"""

from deldokument.domain.errors import TooLarge
from deldokument.ports.dependencies import Dependencies
from deldokument.services.auth.kept_forms import KeptForm, open_form, seal_form
from deldokument.services.auth.sessions import Session
from deldokument.services.people import directory_key

_MAX_SEALED = 16 * 1024


def keep_form(deps: Dependencies, session: Session, form: KeptForm) -> None:
    """Keep the form until the person has logged in again. Raises: TooLarge."""
    sealed = seal_form(directory_key(deps), form, session.token_hash)
    if len(sealed) > _MAX_SEALED:
        raise TooLarge("body_too_large")
    with deps.database.write() as tx:
        tx.sessions.keep_form(session.token_hash, sealed)


def kept_form(deps: Dependencies, session: Session) -> KeptForm | None:
    """Return the kept form, or None."""
    with deps.database.read() as tx:
        found = tx.sessions.get(session.token_hash)
    sealed = found.sealed_form if found else None
    return open_form(directory_key(deps), sealed, session.token_hash) if sealed else None


def drop_form(deps: Dependencies, session: Session) -> None:
    """Discard the kept form, if there is one."""
    if session.keeps_form:
        with deps.database.write() as tx:
            tx.sessions.keep_form(session.token_hash, None)
