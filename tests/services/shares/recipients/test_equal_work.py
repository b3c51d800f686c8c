"""A sharer causes the same work by the id of a share or document of others as by an unknown id.

Queries are compared exactly, times by guessing from them. The samples are interleaved, so that a busy machine disturbs
both kinds alike. The first calls after another use case do not count, because they are slower.
"""

import time
from collections.abc import Callable
from itertools import cycle, islice
from statistics import mean
from typing import Any

import pytest

from deldokument.domain.errors import NotFound
from deldokument.services.downloads.content import open_own_document
from deldokument.services.shares.display.disclosure import document_recipients
from deldokument.services.shares.drafts.api_drafts import change_draft
from deldokument.services.shares.drafts.drafts import discard_draft
from deldokument.services.shares.published.publishing import withdraw_share
from deldokument.services.shares.published.stored_documents import delete_document, move_end, show_document
from tests.support.deployment.systems import SYSTEM, integrate
from tests.support.query_plans import statements
from tests.support.stage.changes import change_expiry
from tests.support.stage.stage import NOON, VIGDIS, Stage, person

TRIALS, SAMPLES = 60, 8
MAX_RIGHT = 0.75
"""Of 60 guesses by chance, more than 45 are right once in 10 000 runs."""

Use = Callable[[Stage, str], Any]
OF_SHARES: list[Use] = [
    lambda stage, share_id: withdraw_share(stage.deps, SYSTEM, share_id),
    lambda stage, share_id: change_expiry(stage.deps, SYSTEM, share_id, NOON),
    lambda stage, share_id: change_draft(stage.deps, SYSTEM, share_id, lambda words: words),
    lambda stage, share_id: discard_draft(stage.deps, SYSTEM, share_id),
    lambda stage, share_id: withdraw_share(stage.deps, person(VIGDIS), share_id),
]
OF_DOCUMENTS: list[Use] = [
    lambda stage, document_id: show_document(stage.deps, SYSTEM, document_id),
    lambda stage, document_id: move_end(stage.deps, SYSTEM, stage.barnevern.id, document_id, NOON),
    lambda stage, document_id: delete_document(stage.deps, SYSTEM, stage.barnevern.id, document_id),
    lambda stage, document_id: document_recipients(stage.deps, SYSTEM, stage.barnevern.id, document_id),
    lambda stage, document_id: open_own_document(stage.deps, SYSTEM, document_id),
]


@pytest.fixture(params=["-", "z"], ids=["before all others", "after all others"])
def uses(request: pytest.FixtureRequest, stage: Stage) -> list[tuple[Use, str, str]]:
    """Each use case, with the id of something of others and an unknown id, the first or the last in their order."""
    integrate(stage, stage.barnevern)
    share_id = stage.publish()
    [document_id] = stage.document_ids(share_id)
    return [
        *((use, share_id, request.param * 22) for use in OF_SHARES),
        *((use, document_id, request.param * 32) for use in OF_DOCUMENTS),
    ]


def refused(stage: Stage, use: Use, some_id: str) -> float:
    began = time.perf_counter()
    with pytest.raises(NotFound):
        use(stage, some_id)
    return time.perf_counter() - began


def test_an_id_of_others_takes_the_same_queries_as_an_unknown_id(
    stage: Stage, uses: list[tuple[Use, str, str]]
) -> None:
    for use, of_others, unknown in uses:
        asked = []
        for some_id in (of_others, unknown):
            with statements() as sent:
                refused(stage, use, some_id)
            asked.append([statement for statement, _ in sent])
        assert asked[0] == asked[1]


def test_the_time_of_a_refused_change_or_look_up_does_not_show_whether_the_id_exists(
    stage: Stage, uses: list[tuple[Use, str, str]]
) -> None:
    right = list[bool]()
    for use, *ids in islice(cycle(uses), TRIALS):
        times: tuple[list[float], list[float]] = ([], [])
        for some_id in ids:
            refused(stage, use, some_id)
        for number in range(SAMPLES):
            for kind in (0, 1) if number % 2 else (1, 0):
                times[kind].append(refused(stage, use, ids[kind]))
        right.append(mean(times[0]) > mean(times[1]))
    assert max(mean(right), 1 - mean(right)) <= MAX_RIGHT
