"""The use cases let in whom the model lets in: they take its traces, and refuse what it refuses in each state."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from functools import partial
from random import Random

import pytest

from deldokument.domain.errors import ServiceError, existing
from deldokument.domain.identifiers import Sharer
from deldokument.domain.shares.share import Share
from deldokument.services.accounts import members
from deldokument.services.downloads.content import open_document
from deldokument.services.downloads.offers import open_share
from deldokument.services.shares.approvals.change_records import Change
from deldokument.services.shares.approvals.proposals import pending_proposal, return_proposal
from deldokument.services.shares.drafts import drafts
from deldokument.services.shares.published import changes, publishing
from deldokument.services.shares.published.handover import hand_over
from deldokument.services.shares.recipients.recipients import RecipientInput
from tests.model.admission_model import INVARIANTS, TITLE, Rules, Sharing, attempts, steps
from tests.model.explorer import Explored, Trace, explore
from tests.model.test_admission_model import SCENARIOS
from tests.services.shares.rights.test_systems import drafted, sent
from tests.support.browser import EWA
from tests.support.deployment.memory import folder_in_memory
from tests.support.deployment.systems import SYSTEM, integrate
from tests.support.snapshots import snapshot
from tests.support.stage.accounts import set_rules
from tests.support.stage.confirmed import add_administrator
from tests.support.stage.inspection import inspect_documents
from tests.support.stage.stage import KARI, LISE, ODD, OLA, SIV, Stage, person, set_stage

_RANDOM_STATES = 8
_NEVER = 1_000_000
NUMBERS = {"kari": KARI, "odd": ODD, "lise": LISE, "administrator": EWA}
CORRECTED = "Rettet tittel"


class Replay:
    """A share as a scenario begins, and the attempts of the model as calls of the use cases."""

    def __init__(self, stage: Stage, start: Sharing) -> None:
        limits = {"refusals_per_hour": _NEVER, "lookups_per_hour": _NEVER}
        stage.deps = replace(stage.deps, config=replace(stage.deps.config, **limits))
        self._stage, self._deps = stage, stage.deps
        self._where = {"tenant_id": stage.tenant.id, "account_id": stage.byggesak.id}
        self._ids = {"kari": stage.members["kari"], "system": integrate(stage).id}
        self._ids |= {"odd": stage.add(ODD, "Odd Bakken", stage.byggesak)}
        self._ids |= {"lise": stage.add(LISE, "Lise Moen", stage.avtaler)}
        add_administrator(stage.deps, tenant_id=stage.tenant.id, number=EWA, name="Ewa Kowalska")
        self._begin(start)
        set_rules(stage, stage.byggesak, four_eyes=start.four_eyes)
        self._tried = set[Sharing]()

    def _begin(self, start: Sharing) -> None:
        stage = self._stage
        stage.clock.advance(minutes=1)
        if start.author == "system":
            self._share = drafted(stage).id
            sent(stage, self._stored())
        else:
            self._share = stage.draft().id
            drafts.save_draft(stage.deps, person(KARI), self._share, stage.words())
            stage.add_recipients(self._share, OLA)
            stage.upload(self._share, "vedtak.pdf", b"innhold")
        inspect_documents(stage.deps)
        if start.state == "available":
            publishing.publish_share(stage.deps, self._sharer(start.author), self._share)
            stage.clock.advance(minutes=1)
            self._document = stage.upload_beside(self._share, "kart.pdf", sharer=ODD)

    def _sharer(self, who: str) -> Sharer:
        return SYSTEM if who == "system" else person(NUMBERS[who])

    def _stored(self) -> Share:
        with self._deps.database.read() as tx:
            return existing(tx.shares.get(self._share))

    def run(self, trace: Trace[Sharing], start: Sharing) -> None:
        """Take the steps. In each state that was not met before, try what must change nothing."""
        state = start
        for step in trace:
            self._refuse(state)
            self._do(step.actor, step.action)
            state = step.after
            self._compare(state)
        self._refuse(state)

    def _refuse(self, state: Sharing) -> None:
        if state in self._tried:
            return
        self._tried.add(state)
        for who, action, after in attempts(Rules(), state):
            if after is None:
                with suppress(ServiceError):
                    self._do(who, action)
                self._compare(state)

    def _do(self, who: str, action: str) -> None:
        self._stage.clock.advance(minutes=1)
        words = action.split()
        if who in ("administrator", "operator") or words[0] == "confirms":
            self._administer(who, *words)
        else:
            deed: Callable[..., object] = {
                "asks": self._ask,
                "approves": self._approve,
                "sends": lambda sharer, _: return_proposal(self._deps, sharer, self._share),
                "publishes": self._publish,
                "hands": lambda sharer, whom: hand_over(self._deps, sharer, self._share, self._ids[whom]),
            }[words[0]]
            deed(self._sharer(who), words[-1])

    def _ask(self, sharer: Sharer, item: str) -> None:
        if item == "recipient":
            changes.add_recipients(self._deps, sharer, self._share, [RecipientInput(SIV)])
            return
        wanted = {TITLE: Change(texts={"title": CORRECTED}), "openness": Change(confidential=False)}
        chosen = wanted[item] if item in wanted else Change(documents=(self._document,))
        changes.change_share(self._deps, sharer, self._share, chosen)

    def _approve(self, sharer: Sharer, _: str) -> None:
        approve = changes.approve_change if self._stored().published_at else publishing.approve_share
        with self._deps.database.read() as tx:
            proposal = pending_proposal(self._deps, tx, existing(tx.shares.get(self._share)))
        approve(self._deps, sharer, self._share, seen=proposal.seen if proposal else "")  # type: ignore[arg-type]

    def _publish(self, sharer: Sharer, _: str) -> None:
        with self._deps.database.read() as tx:
            unconfirmed = [one.id for one in tx.shares.recipients([self._share]) if not one.confirmed]
        for recipient_id in unconfirmed:
            with suppress(ServiceError):
                drafts.change_recipient(self._deps, sharer, self._share, recipient_id, confirmed=True)
        publishing.publish_share(self._deps, sharer, self._share)

    def _administer(self, who: str, deed: str, whom: str, *how: str) -> None:
        by = person(NUMBERS[who]) if who != "operator" else None
        one = self._where | {"member_id": self._ids[whom], "person": by}
        if deed == "marks":
            members.mark_absent(self._deps, **one, absent=how == ("absent",))  # type: ignore[arg-type]
        elif deed == "removes":
            members.remove_member(self._deps, **one)  # type: ignore[arg-type]
        elif deed == "adds":
            given = self._where | {"number": LISE, "name": "Lise Moen", "person": by}
            self._ids["lise"] = members.add_member(self._deps, **given).id  # type: ignore[arg-type]
        else:
            members.confirm_members(self._deps, **self._where, member_ids=[self._ids[whom]], person=existing(by))

    def _compare(self, state: Sharing) -> None:
        """Check that share, members and proposal are as in the model, and who opens what."""
        share, applied = self._stored(), {one.item for one in state.applied}
        assert (share.state, share.sharer_id) == (state.state, self._ids[state.author])
        assert self._opens(partial(open_share, self._deps, person(SIV), self._share)) == ("recipient" in applied)
        assert share.confidential == ("openness" not in applied)
        if "document" in state.items:
            opened = self._opens(partial(open_document, self._deps, person(OLA), self._share, self._document))
            assert opened == ("document" in applied)
        shares_from = {one.account.id for one in members.memberships(self._deps, person(LISE))}
        assert (self._where["account_id"] in shares_from) == (state.lise == "present")
        assert self._waiting(share) == ((state.author, None) if state.is_proposed else state.waiting)

    def _opens(self, opening: Callable[[], object]) -> bool:
        with suppress(ServiceError):
            opening()
            return True
        return False

    def _waiting(self, share: Share) -> tuple[str, frozenset[str] | None] | None:
        with self._deps.database.read() as tx:
            proposal = pending_proposal(self._deps, tx, share)
        if proposal is None:
            return None
        [who] = [name for name, one in self._ids.items() if one == proposal.proposer.id]
        change = proposal.change
        if change is None:
            return who, None
        asked = {"recipient": change.added, TITLE: change.texts, "document": change.documents}
        asked["openness"] = {change.confidential} - {None}
        return who, frozenset(item for item, wanted in asked.items() if wanted)


@contextmanager
def replayed(start: Sharing) -> Iterator[Callable[[Trace[Sharing]], None]]:
    """Yield what runs a trace from the beginning of the scenario."""
    with folder_in_memory() as folder, closing(set_stage(folder)) as stage:
        replay, noon = Replay(stage, start), stage.clock.now()
        with closing(snapshot(stage.database_url)) as kept:

            def run(trace: Trace[Sharing]) -> None:
                kept.restore()
                stage.clock.instant = noon
                replay.run(trace, start)

            yield run


def traces(explored: Explored[Sharing]) -> list[Trace[Sharing]]:
    """A trace through each kind of transition, and to some states."""
    some = Random(55).sample(list(explored.origins), _RANDOM_STATES)
    return [*explored.each_kind(), *map(explored.trace_to, some)]


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_use_cases_let_in_whom_the_model_lets_in(name: str) -> None:
    with replayed(SCENARIOS[name]) as run:
        for trace in traces(explore(SCENARIOS[name], partial(steps, Rules()), INVARIANTS)):
            run(trace)


def test_a_step_that_the_use_cases_do_not_take_is_found() -> None:
    start = SCENARIOS["a recipient"]
    explored = explore(start, partial(steps, Rules(any_member_lets_in=True)), {})
    wrong = next(
        one for one in explored.origins if "odd" in {change.proposer for change in one.applied if not change.approver}
    )
    with replayed(start) as run, pytest.raises(AssertionError):
        run(explored.trace_to(wrong))
