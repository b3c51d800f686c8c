"""The service's API calls, typed: accounts, drafts, shares, receipts.

Guarantees:
- A retried POST takes effect once.

Does not upload documents (see uploads), or combine calls into a share (see sharing).
"""

import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final, TypeVar
from urllib.parse import quote

from deldokument.client import models
from deldokument.client.errors import Refused, Unreachable
from deldokument.client.models import Account, Event, Receipt, Share, Ticket, To
from deldokument.client.transport import RetryPolicy, Transport

_T = TypeVar("_T")
_PAGE: Final = 100


class Api:
    """The API calls of a fagsystem. Every method raises Refused, Unreachable or Interrupted."""

    def __init__(self, transport: Transport, patience: RetryPolicy) -> None:
        self._transport = transport
        self._patience = patience

    def accounts(self) -> list[Account]:
        """Return the accounts that this client's organisation may use."""
        return list(self._items("/accounts", {}, models.account, page=None))

    def account(self, wanted: str) -> Account:
        """Return the account with this name or id.

        Raises: Refused if none or several match; its text lists the accounts.
        """
        found = self.accounts()
        same = [a for a in found if wanted in (a.id, a.name)]
        if len(same) == 1:
            return same[0]
        names = ", ".join(f"«{a.name}» of {a.organization} ({a.id})" for a in found) or "none"
        raise Refused(404, "not_found", f"{len(same) or 'no'} account «{wanted}»; available: {names}")

    def shares(
        self, *, account_id: str | None = None, state: str | None = None, reference: str | None = None
    ) -> Iterator[Share]:
        """Yield shares, newest first; of all accounts unless ``account_id`` names one.

        ``state`` is as in `Share`; ``reference`` is your own case number. Each page is fetched when it is needed.
        """
        given = _omit_none(account_id=account_id, state=state, reference=reference)
        return self._items("/shares", given, models.share)

    def get(self, share_id: str) -> Share:
        """Return a share."""
        return self._share("GET", _path(share_id))

    def extend(self, share_id: str, until: datetime) -> Share:
        """Set a later or earlier end, within the account's longest period from now; return the share.

        ``until`` is in local time if it has no time zone.
        """
        return self._share("PUT", _path(share_id, "expiry"), {"expires_at": models.format_instant(until)})

    def add_recipients(self, share_id: str, to: Iterable[To]) -> Share:
        """Add recipients to a share, published or not; return it. A member may have to approve it first."""
        return self._share("POST", _path(share_id, "recipients"), {"recipients": [one.body() for one in to]})

    def remove_recipient(self, share_id: str, recipient_id: str) -> None:
        """Remove a recipient from a share, at once. The last one cannot be removed: withdraw the share instead."""
        self._transport.call("DELETE", _path(share_id, "recipients", quote(recipient_id, safe="")))

    def remove_document(self, share_id: str, document_id: str) -> None:
        """Remove a document from a share, at once. The last one cannot be removed: withdraw the share instead."""
        self._transport.call("DELETE", _path(share_id, "documents", quote(document_id, safe="")))

    def correct(
        self,
        share_id: str,
        *,
        title: str | None = None,
        message: str | None = None,
        reference: str | None = None,
        confidential: bool | None = None,
    ) -> Share:
        """Correct a share, published or not; return it. None keeps a value. A member may have to approve it first."""
        wanted = _omit_none(title=title, message=message, reference=reference, confidential=confidential)
        return self._share("PATCH", _path(share_id), wanted)

    def label_recipient(self, share_id: str, recipient_id: str, label: str) -> Share:
        """Change the sharers' own label of a recipient; return the share."""
        return self._share("PATCH", _path(share_id, "recipients", quote(recipient_id, safe="")), {"label": label})

    def withdraw(self, share_id: str) -> Share:
        """End a share at once; return it. This cannot be undone."""
        return self._share("POST", _path(share_id, "withdrawal"), key=secrets.token_urlsafe(16))

    def receipts(self, share_id: str) -> Iterator[Receipt]:
        """Yield receipts, oldest first: which person opened or downloaded, for which recipient.

        Each page is fetched when it is needed.
        """
        return self._items(_path(share_id, "receipts"), {}, partial(models.parse, Receipt))

    def events(self, share_id: str) -> Iterator[Event]:
        """Yield the events of a share, oldest first. Later versions of the service add values of ``event``."""
        return self._items(_path(share_id, "events"), {}, partial(models.parse, Event))

    def report(self, share_id: str, *, pdf: bool = False, full_numbers: bool = False) -> bytes:
        """Return the report of a published share as a file: signed JSON, or a sealed PDF.

        It is final when the share's key is destroyed. ``full_numbers`` needs that right in the account.
        """
        media_type = "application/pdf" if pdf else "application/json"
        query = {"full_numbers": "true"} if full_numbers else {}
        return self._transport.download(_path(share_id, "report"), media_type, query)

    def follow_receipts(self, share_id: str, *, every: float = 10.0) -> Iterator[Receipt]:
        """Yield receipts as they arrive, until the share ends.

        A changed receipt is yielded again. The service is polled every ``every`` seconds.
        """
        known: set[Receipt] = set()
        while True:
            is_open = self.get(share_id).state == "available"
            for found in self.receipts(share_id):
                if found not in known:
                    known.add(found)
                    yield found
            if not is_open:
                return
            self._patience.pause(every)

    def create_draft(self, words: Mapping[str, Any], key: str) -> Share:
        """Create a draft with the given fields and recipients; ``key`` is its idempotency key."""
        return self._share("POST", "/shares", words, key)

    def discard_draft(self, share_id: str) -> None:
        """Discard a draft with its documents."""
        self._transport.call("DELETE", _path(share_id))

    def announce(self, share_id: str, *, name: str, length: int, modified_at: str) -> Ticket:
        """Add a document to a draft or beside a published share, or resume an unfinished one.

        Returns where to upload it.

        ``length`` is in bytes, ``modified_at`` in RFC 3339. There is no idempotency key, because a repeated call must
        return a new upload token.
        """
        body = {"name": name, "length": length, "modified_at": modified_at}
        return models.read_response(
            models.ticket, self._transport.call("POST", _path(share_id, "documents"), body=body)
        )

    def add_pending(self, share_id: str, document_ids: Sequence[str]) -> Share:
        """Add pending documents to a published share; return it. A member may have to approve it first."""
        return self._share("POST", _path(share_id, "additions"), {"documents": list(document_ids)})

    def publish(self, share_id: str, key: str) -> Share:
        """Publish a draft, or propose it if its account requires approval; ``key`` is the idempotency key."""
        return self._share("POST", _path(share_id, "publication"), key=key)

    def _share(self, method: str, path: str, body: Mapping[str, Any] | None = None, key: str | None = None) -> Share:
        return models.read_response(models.share, self._transport.call(method, path, body=body, key=key))

    def _items(
        self,
        path: str,
        query: Mapping[str, str | int],
        parse: Callable[[Mapping[str, Any]], _T],
        page: int | None = _PAGE,
    ) -> Iterator[_T]:
        asked = {**query, "limit": page} if page else {**query}
        while True:
            found = self._transport.call("GET", path, query=asked)
            items = found.get("items")
            if not isinstance(items, list):
                raise Unreachable("invalid response: a list without items")
            for item in items:
                yield models.read_response(parse, item)
            if (cursor := found.get("next")) is None:
                return
            asked["cursor"] = cursor


def _path(share_id: str, *below: str) -> str:
    return "/".join(["/shares", quote(share_id, safe=""), *below])


def _omit_none(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
