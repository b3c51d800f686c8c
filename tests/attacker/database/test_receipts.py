"""A writer of the database who forges receipts: nobody is shown to have received anything, and nothing is signed."""

from typing import Any

import pytest
from sqlalchemy import insert, select

from deldokument.domain.errors import Conflict
from deldokument.domain.shares.share import Progress
from deldokument.ports.documents import RenderedDocument
from deldokument.services.downloads import confirmation, offers
from deldokument.services.shares.display import queries, report
from deldokument.services.shares.display.receipts import list_receipts
from deldokument.store.engine.integrity import DamagedRow
from deldokument.store.tables.shares import receipt
from tests.services.shares.display.test_receipts import download
from tests.support.stage.stage import KARI, OLA, Stage, person
from tests.support.stored_data import as_owner


def forge(stage: Stage, share_id: str, genuine: str) -> None:
    """Give a share the receipts of another share, for its own recipient and document."""
    with stage.deps.database.read() as tx:
        [mine] = tx.shares.recipients([share_id])
    places = {"share_id": share_id, "recipient_id": mine.id}
    [document_id] = stage.document_ids(share_id)
    with as_owner(stage.database_url) as connection:
        for row in connection.execute(select(receipt).where(receipt.c.share_id == genuine)).all():
            values: dict[str, Any] = dict(row._mapping) | places
            values["document_id"] = document_id if row.document_id else ""
            connection.execute(insert(receipt).values(values))


def receive(stage: Stage, share_id: str) -> None:
    """Ola opens, downloads and confirms."""
    offers.open_share(stage.deps, person(OLA), share_id)
    download(stage, share_id, OLA)
    confirmation.confirm_documents(stage.deps, person(OLA), share_id, stage.document_ids(share_id))


@pytest.fixture
def forged(stage: Stage) -> str:
    """A share that Ola never opened, with the receipts of one that he received."""
    share_id, genuine = stage.publish(OLA), stage.publish(OLA)
    receive(stage, genuine)
    forge(stage, share_id, genuine)
    return share_id


def test_no_page_shows_as_received_what_nobody_received(stage: Stage, forged: str) -> None:
    view, _ = queries.show_share(stage.deps, person(KARI), forged)
    [ola] = view.recipients
    assert (ola.progress, ola.openings, ola.downloads) == (Progress.NONE, (), ())
    assert list_receipts(stage.deps, person(KARI), forged).receipts == ()
    assert stage.deps.damage.take() == [DamagedRow("receipt", forged)]


def test_no_report_with_a_forged_receipt_is_signed(stage: Stage, forged: str) -> None:
    forged_report = report.share_report(stage.deps, person(KARI), forged)
    with pytest.raises(Conflict, match="records_unproven"):
        report.report_file(stage.deps, forged_report)
    with pytest.raises(Conflict, match="records_unproven"):
        report.sealed_report(
            stage.deps, forged_report, RenderedDocument("Rapport", "Rapport", "1.0", forged_report.made_at)
        )
    assert stage.deps.damage.take() == [DamagedRow("receipt", forged)]


def test_nobody_confirms_by_a_forged_receipt(stage: Stage, forged: str) -> None:
    with pytest.raises(Conflict, match="not_sent_yet"):
        confirmation.confirm_documents(stage.deps, person(OLA), forged, stage.document_ids(forged))


def test_a_forged_receipt_does_not_keep_the_recipient_from_receiving(stage: Stage, forged: str) -> None:
    receive(stage, forged)
    view, _ = queries.show_share(stage.deps, person(KARI), forged)
    assert view.recipients[0].progress is Progress.RECEIVED
    assert report.report_file(stage.deps, report.share_report(stage.deps, person(KARI), forged))
