"""Histories of concurrent clients of two nodes are linearizable, though nodes are killed and the database restarts."""

import itertools
import logging
from collections.abc import Callable, Set
from functools import partial

import pytest

from tests.histories.clients import Crew, Recorder, Shares, Uploads
from tests.histories.linearizability import violations
from tests.histories.nodes import TwoNodes, two_nodes
from tests.histories.specifications import ShareStatus, UploadState, share, upload

log = logging.getLogger(__name__)
pytestmark = [pytest.mark.once, pytest.mark.timeout(600)]

_WRITERS, _AT_SHARES = 4, 2
_OF_UPLOADS = {"head", "patch"}


def _record(wanted: int, kinds: Set[str], disturb: Callable[[TwoNodes, Crew], None]) -> Recorder:
    recorder = Recorder()
    with two_nodes() as nodes:
        uploads, shares, crew = Uploads(nodes, recorder), Shares(nodes, recorder), Crew(recorder, wanted, kinds)
        writers = [partial(uploads.act, number) for number in range(_WRITERS)]
        with crew.at_work(*writers, *[shares.act] * _AT_SHARES):
            disturb(nodes, crew)
        uploads.read_back(lambda path: nodes.content_of(path.rpartition("/")[2]))
    return recorder


def _check(recorder: Recorder) -> None:
    history = recorder.operations
    of_uploads = [one for one in history if one.key.startswith("/uploads/")]
    of_shares = [one for one in history if not one.key.startswith("/uploads/")]
    assert violations(of_uploads, UploadState(), upload) == []
    assert violations(of_shares, ShareStatus(), share) == []


def _each_once(nodes: TwoNodes, crew: Crew) -> None:
    for strike in (nodes.restart_database, nodes.kill_first):
        crew.wait_for(60)
        strike()


def test_a_short_history_is_linearizable_though_a_node_dies_and_the_database_restarts() -> None:
    _check(_record(200, _OF_UPLOADS | {"publish", "propose", "approve", "see", "look", "peek"}, _each_once))


def _again_and_again(nodes: TwoNodes, crew: Crew) -> None:
    strikes = itertools.cycle((nodes.kill_first, nodes.kill_second, nodes.restart_database))
    while not crew.has_enough:
        crew.wait_for(250)
        next(strikes)()


@pytest.mark.large
@pytest.mark.timeout(3600)
def test_ten_thousand_operations_are_linearizable_though_nodes_die_and_the_database_restarts() -> None:
    of_shares = {"publish", "move_end", "withdraw", "propose", "approve", "see", "look", "peek"}
    recorder = _record(10_000, _OF_UPLOADS | of_shares, _again_and_again)
    log.info("%d operations: %s", len(recorder.operations), dict(sorted(recorder.answers.items())))
    _check(recorder)
