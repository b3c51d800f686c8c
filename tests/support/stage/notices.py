"""Altinn's notices as a test says, and accounts that want them."""

from dataclasses import dataclass, field, replace

from deldokument.domain.errors import existing
from deldokument.domain.messages.outbox import SENT, Channel, Outcome, Result
from deldokument.domain.shares.share import Receipt, Share
from deldokument.ports.channels import Notice
from deldokument.services.notifications import dispatch, recipient_reminders
from deldokument.services.notifications.registry import CHANNELS, PLANNERS
from tests.support.stage.stage import Stage


@dataclass
class FakeNotices:
    """Takes what it is given, and keeps it."""

    taken: list[Notice] = field(default_factory=list)
    outcome: Outcome = SENT

    def send(self, notice: Notice) -> Outcome:
        self.taken.append(notice)
        return self.outcome


def configure_notices(stage: Stage) -> FakeNotices:
    """Notices are configured, and «Byggesak» wants them."""
    taken = FakeNotices()
    stage.deps = replace(stage.deps, notices=taken)
    want_notices(stage)
    return taken


def want_notices(stage: Stage, **rules: object) -> None:
    """The account's rules, as they are but for these."""
    with stage.deps.database.write() as tx:
        account = existing(tx.accounts.get(stage.byggesak.id))
        wanted = replace(account.rules, **({"notify": True} | rules))  # type: ignore[arg-type]
        tx.accounts.save(replace(account, rules=wanted))


def download(stage: Stage, share: Share, *, whole: bool = True) -> None:
    """Somebody has received the document, or some of it, for each recipient."""
    now = stage.clock.now()
    with stage.deps.database.write() as tx:
        [document] = tx.shares.documents([share.id])
        for recipient in tx.shares.recipients([share.id]):
            tx.receipts.save(
                Receipt(share.id, document.id, recipient.id, "subject", now, now, ((0, 1),), now if whole else None)
            )


def send_notices(stage: Stage) -> list[Result]:
    """What the worker does, until there is nothing to do."""
    while dispatch.plan_messages(stage.deps, PLANNERS):
        pass
    recipient_reminders.plan_reminders(stage.deps)
    results: list[Result] = []
    while taken := dispatch.take_messages(stage.deps, Channel.ALTINN):
        results += [dispatch.send_message(stage.deps, CHANNELS[Channel.ALTINN], message) for message in taken]
    return results
