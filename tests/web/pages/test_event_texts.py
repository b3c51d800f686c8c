"""Every kind of event has words, and so has every detail that is written down."""

import ast
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from deldokument import services
from deldokument.domain.audit import AuditEvent, EventKind
from deldokument.domain.shares.policy import Reason
from deldokument.domain.shares.share import Verdict
from deldokument.domain.tenants.impact_assessment import ResidualRisk
from deldokument.services.shares.approvals.proposals import ReturnReason
from deldokument.services.tenants.freezing import FreezeReason
from deldokument.web.http.responses.i18n import LANGUAGES, Translator
from deldokument.web.pages.event_details import LABELS, UNTOLD, details_of
from deldokument.web.pages.event_texts import EVENT_WORDS, GROUPS, OF_SERVICE, by_nobody

pytestmark = pytest.mark.once

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
SERVICES = Path(services.__file__).parent
_RECORDERS = {"record_event", "record_about"}
_NO_DETAILS = {"share", "tenant_id", "person"}


def recorded() -> Iterator[tuple[str, str]]:
    """Where something is recorded, and with which details by name."""
    for path in sorted(SERVICES.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in _RECORDERS:
                yield from ((f"{path.name}:{node.lineno}", word.arg) for word in node.keywords if word.arg)


def details_shown(
    details: dict[str, str | int], names: dict[str, str] | None = None, language: str = "nb"
) -> list[str]:
    event = AuditEvent(NOW, EventKind.ACCOUNT_CLOSED, "t", details=details)
    return [f"{d.label}: {d.value}" for d in details_of(event, names or {}, Translator(language), NOW)]


def test_every_kind_of_event_has_words() -> None:
    assert EVENT_WORDS.keys() == set(EventKind)
    assert all(EVENT_WORDS.values())
    assert all(by_nobody(kind) for kind in EventKind)


def test_every_kind_of_event_can_be_chosen_or_concerns_no_tenant() -> None:
    chosen = [kind for _, kinds in GROUPS for kind in kinds]
    assert sorted([*chosen, *OF_SERVICE]) == sorted(EventKind)


def test_every_detail_that_is_recorded_has_a_label_or_is_known_to_be_untold() -> None:
    found = list(recorded())
    assert len(found) > 30
    missing = [(where, name) for where, name in found if name not in LABELS.keys() | UNTOLD | _NO_DETAILS]
    assert missing == []


_NOT_RECORDED = {Reason.UNKNOWN_SHARE, Reason.NOT_MEMBER, Reason.NOT_SHARER}
CODES: list[tuple[str, str]] = [
    *(("reason", reason.value) for reason in Reason if reason not in _NOT_RECORDED),
    *(("reason", reason.value) for reason in FreezeReason),
    *(("cause", cause.value) for cause in ReturnReason),
    *(("risk", risk.value) for risk in ResidualRisk),
    *(("verdict", verdict.value) for verdict in Verdict),
    *(("filters", name) for name in ("time", "kind", "share", "person")),
]


@pytest.mark.parametrize(("name", "code"), CODES)
def test_a_code_is_shown_in_words(name: str, code: str) -> None:
    for language in LANGUAGES:
        [words] = details_shown({name: code}, language=language)
        assert not words.endswith(f": {code}") or code in {"time", "share", "person"}


def test_details_are_shown_as_people_say_them() -> None:
    assert details_shown({"bytes": 412_000, "whole": 1, "documents": 3}) == [
        "Størrelse: 412\u00a0kB",
        "Hele dokumenter, for første gang: 1",
        "Dokumenter: 3",
    ]
    assert details_shown({"until": "2026-12-04T14:30:00+00:00"}) == ["Tilgjengelig til: fredag 4. desember kl. 15.30"]
    assert details_shown({"filters": "time,person"}) == ["Avgrenset på: tid, person"]
    assert details_shown({"changed": "quota,four_eyes"}) == ["Endret: kvote, godkjenning av en annen bruker"]
    assert details_shown({"ground": "named,a0236"}) == ["Rettighet: oppgitt som mottaker, a0236"]


def test_a_whole_document_that_is_downloaded_once_more_is_not_shown_as_a_part() -> None:
    assert details_shown({"documents": 1, "bytes": 412_000, "whole": 0}) == ["Dokumenter: 1", "Størrelse: 412\u00a0kB"]


def test_a_random_id_is_shown_by_its_name_or_not_at_all() -> None:
    one = "A" * 22
    assert details_shown({"account": one}, {one: "Bygge\u202esak"}) == ["Konto: Bygge\u25a1sak"]
    assert details_shown({"account": one}, {one: "Bygge\u00adsak"}) == ["Konto: Bygge\u00adsak"]
    assert details_shown({"account": one, "member": "m", "document": "d", "agreement": one}) == []
    assert details_shown({"agreement": "tjenesteavtale"}) == ["Avtale: tjenesteavtale"]


def test_an_empty_filter_is_left_out_and_an_unknown_detail_is_shown_as_it_is() -> None:
    assert details_shown({"filters": "none", "reason": ""}) == []
    assert details_shown({"unheard_of": "x"}) == ["unheard_of: x"]


def test_an_event_without_a_person_is_ascribed() -> None:
    assert (
        len({by_nobody(k) for k in (EventKind.SHARE_ENDED, EventKind.DOCUMENT_COMPLETED, EventKind.TENANT_CREATED)})
        == 3
    )
