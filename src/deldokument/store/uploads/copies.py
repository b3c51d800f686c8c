"""Uploads that a worker fills with a copy of another share's document, in tables."""

from datetime import datetime

from sqlalchemy import bindparam, or_, select, update

from deldokument.domain.shares.upload import Upload
from deldokument.store.engine.column_types import UtcMicros
from deldokument.store.engine.statements import Repository, param
from deldokument.store.tables.shares import share
from deldokument.store.tables.uploads import is_copying, upload
from deldokument.store.uploads.uploads import UPLOAD

_now, _until = (bindparam(name, type_=UtcMicros()) for name in ("now", "until"))
_is_free = or_(upload.c.copying_until.is_(None), upload.c.copying_until <= _now)
_waiting = (
    select(*UPLOAD.columns)
    .join(share, upload.c.share_id == share.c.id)
    .where(is_copying, share.c.closed_at.is_(None), _is_free)
    .order_by(upload.c.deadline)
    .limit(param("most"))
)
_claim = update(upload).where(upload.c.id == param("key"), is_copying, _is_free).values(copying_until=_until)
_keep = update(upload).where(upload.c.id == param("key")).values(copying_until=_until)


class Copies(Repository):
    """Repository of unfinished uploads with a source. A worker claims an upload and copies its source."""

    def waiting(self, now: datetime, limit: int) -> list[Upload]:
        """Return unclaimed uploads of living drafts, the earliest deadline first."""
        return UPLOAD.first_intact(self._work, _waiting, {"now": now, "most": limit})

    def claim(self, upload_id: str, now: datetime, until: datetime) -> bool:
        """Claim the upload; return False if another worker has claimed it, or nothing is left to copy."""
        return self._work.count(_claim, {"key": upload_id, "now": now, "until": until}) == 1

    def keep(self, upload_id: str, until: datetime) -> None:
        """Renew the claim; do nothing if the upload is gone."""
        self._work.run(_keep, {"key": upload_id, "until": until})
