"""A row that gives more than the events say is in doubt; one that gives less is not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from deldokument.domain.audit import AuditEvent, EventKind
from deldokument.domain.row_evidence import Doubt, doubt_about
from deldokument.domain.share import ShareState

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
END = NOW + timedelta(days=10)

TENANT = {"frozen_at": None, "ended_at": None}
ACCOUNT = {
    "tenant_id": "t", "contact_telephone": "", "contact_email": "", "contact_hours": "", "period_standard": None,
    "period_longest": None, "quota": None, "sms_sender": "", "sms_cost_code": "", "confidential": True,
    "four_eyes": False, "notify": False, "full_numbers": False, "name_tenant": False, "notice_channel": "email_first",
    "undo_window": None,
    "closed_at": None, "deleted_at": None, "frozen_at": None, "ended_at": None,
}  # fmt: skip
MEMBER = {"account_id": "a", "removed_at": None, "erased_at": None}
INTEGRATION = {
    "account_id": "a", "rights": "share", "archive_confirmed_at": None, "password_hash": None, "removed_at": None,
}  # fmt: skip
SHARE = {
    "tenant_id": "t", "state": "available", "integration_id": None, "expires_at": END, "proposed_by": None,
    "extension_until": None, "frozen_at": None,
}  # fmt: skip


def event(kind: EventKind, tenant: str | None = "t", **details: str) -> AuditEvent:
    return AuditEvent(NOW, kind, tenant, details=details or None)


def until(kind: EventKind, end: datetime) -> AuditEvent:
    return event(kind, until=end.isoformat())


K = EventKind
CREATED, STARTED, PUBLISHED = event(K.ACCOUNT_CREATED), event(K.DRAFT_STARTED), event(K.SHARE_PUBLISHED)
ADDED = event(K.INTEGRATION_ADDED, account="a", integration="i", rights="share")
PROPOSED = event(K.SHARE_PROPOSED)
RESTORED = event(K.DRAFT_STARTED, cause="restored")

CASES: list[tuple[str, dict[str, Any], list[AuditEvent], Doubt | None]] = [
    ("tenant", TENANT, [], Doubt.NOT_ADDED),
    ("tenant", TENANT, [event(K.TENANT_CREATED)], None),
    ("tenant", TENANT, [event(K.TENANT_CREATED), event(K.TENANT_FROZEN)], Doubt.OVER),
    ("tenant", TENANT | {"frozen_at": NOW}, [event(K.TENANT_CREATED), event(K.TENANT_FROZEN)], None),
    ("tenant", TENANT, [event(K.TENANT_CREATED), event(K.TENANT_FROZEN), event(K.TENANT_UNFROZEN)], None),
    ("tenant", TENANT, [event(K.TENANT_CREATED), event(K.TENANT_ENDED)], Doubt.OVER),
    ("account", ACCOUNT, [], Doubt.NOT_ADDED),
    ("account", ACCOUNT, [event(K.ACCOUNT_CREATED, "another")], Doubt.NOT_ADDED),
    ("account", ACCOUNT, [CREATED], None),
    ("account", ACCOUNT | {"closed_at": NOW}, [CREATED], None),
    ("account", ACCOUNT, [CREATED, event(K.ACCOUNT_DELETED)], Doubt.OVER),
    ("account", ACCOUNT | {"four_eyes": True}, [CREATED], Doubt.CHANGED),
    ("account", ACCOUNT | {"four_eyes": True}, [CREATED, event(K.ACCOUNT_RULES_CHANGED, changed="four_eyes")], None),
    ("account", ACCOUNT, [CREATED, event(K.ACCOUNT_RULES_CHANGED, changed="four_eyes,quota")], Doubt.CHANGED),
    ("account", ACCOUNT | {"four_eyes": True},
     [CREATED, *[event(K.ACCOUNT_RULES_CHANGED, changed="four_eyes")] * 3], None),
    ("account", ACCOUNT | {"quota": 7}, [CREATED], Doubt.CHANGED),
    ("account", ACCOUNT | {"quota": 7}, [CREATED, event(K.ACCOUNT_RULES_CHANGED, changed="quota")], None),
    ("account", ACCOUNT, [CREATED, event(K.ACCOUNT_RULES_CHANGED)], None),
    ("account", ACCOUNT | {"name_tenant": True}, [CREATED], Doubt.CHANGED),
    ("account", ACCOUNT | {"notice_channel": "sms_only"}, [CREATED], Doubt.CHANGED),
    ("account", ACCOUNT | {"notice_channel": "sms_only"},
     [CREATED, event(K.ACCOUNT_RULES_CHANGED, changed="notice_channel")], None),
    ("member", MEMBER, [event(K.MEMBER_ADDED, account="another")], Doubt.NOT_ADDED),
    ("member", MEMBER, [event(K.MEMBER_ADDED, account="a")], None),
    ("member", MEMBER, [event(K.MEMBER_ADDED, account="a"), event(K.MEMBER_REMOVED)], Doubt.OVER),
    ("administrator", {"tenant_id": "t"}, [event(K.ADMINISTRATOR_ADDED, "another")], Doubt.NOT_ADDED),
    ("administrator", {"tenant_id": "t"}, [event(K.ADMINISTRATOR_ADDED)], None),
    ("administrator", {"tenant_id": "t"}, [event(K.ADMINISTRATOR_ADDED), event(K.ADMINISTRATOR_REMOVED)], Doubt.OVER),
    ("operator", {}, [event(K.OPERATOR_ADDED)], Doubt.NOT_ADDED),
    ("operator", {}, [event(K.OPERATOR_ADDED, None)], None),
    ("operator", {}, [event(K.OPERATOR_ADDED, None), event(K.OPERATOR_REMOVED, None)], Doubt.OVER),
    ("integration", INTEGRATION, [], Doubt.NOT_ADDED),
    ("integration", INTEGRATION, [ADDED], None),
    ("integration", INTEGRATION, [ADDED, event(K.INTEGRATION_CHANGED, rights="read")], Doubt.CHANGED),
    ("integration", INTEGRATION | {"password_hash": b"x"}, [ADDED], Doubt.CHANGED),
    ("integration", INTEGRATION | {"password_hash": b"x"}, [ADDED, event(K.INTEGRATION_CHANGED, changed="password")],
     None),
    ("integration", INTEGRATION | {"archive_confirmed_at": NOW}, [ADDED], Doubt.CHANGED),
    ("integration", INTEGRATION | {"archive_confirmed_at": NOW},
     [ADDED, event(K.INTEGRATION_CHANGED, archive="confirmed")], None),
    ("integration", INTEGRATION | {"archive_confirmed_at": NOW},
     [ADDED, event(K.INTEGRATION_CHANGED, archive="withdrawn"), event(K.INTEGRATION_CHANGED, archive="confirmed")],
     None),
    ("integration", INTEGRATION | {"archive_confirmed_at": NOW},
     [ADDED, event(K.INTEGRATION_CHANGED, archive="confirmed"), event(K.INTEGRATION_CHANGED, archive="withdrawn")],
     Doubt.CHANGED),
    ("integration", INTEGRATION, [ADDED, event(K.INTEGRATION_REMOVED)], Doubt.OVER),
    ("webhook", {"integration_id": "i"}, [event(K.WEBHOOK_ADDED, integration="another")], Doubt.NOT_ADDED),
    ("webhook", {"integration_id": "i"}, [event(K.WEBHOOK_ADDED, integration="i")], None),
    ("webhook", {"integration_id": "i"}, [event(K.WEBHOOK_ADDED, integration="i"), event(K.WEBHOOK_REMOVED)],
     Doubt.OVER),
    ("upload", {}, [], None),
    ("notice_address", {}, [], None),
    ("document", {"completed_at": None}, [], None),
    ("document", {"completed_at": NOW}, [], Doubt.NOT_ADDED),
    ("document", {"completed_at": NOW}, [event(K.DOCUMENT_COMPLETED)], None),
    ("share", SHARE, [], Doubt.NOT_ADDED),
    ("share", SHARE, [event(K.DRAFT_STARTED, "another")], Doubt.NOT_ADDED),
    ("share", SHARE, [STARTED], Doubt.NOT_ADDED),
    ("share", SHARE, [STARTED, PUBLISHED], None),
    ("share", SHARE | {"state": "withdrawn"}, [STARTED, PUBLISHED], None),
    ("share", SHARE, [STARTED, PUBLISHED, event(K.SHARE_WITHDRAWN)], Doubt.OVER),
    ("share", SHARE | {"integration_id": "i"}, [STARTED, PUBLISHED], Doubt.CHANGED),
    ("share", SHARE | {"integration_id": "i"}, [event(K.DRAFT_STARTED, integration="i"), PUBLISHED], None),
    ("share", SHARE | {"expires_at": NOW + timedelta(days=90)}, [STARTED, PUBLISHED], None),
    ("share", SHARE | {"expires_at": NOW + timedelta(days=91)}, [STARTED, PUBLISHED], Doubt.CHANGED),
    ("share", SHARE, [STARTED, PUBLISHED, until(K.EXPIRY_CHANGED, END)], None),
    ("share", SHARE, [STARTED, PUBLISHED, until(K.EXPIRY_CHANGED, NOW)], Doubt.CHANGED),
    ("share", SHARE | {"proposed_by": "m"}, [STARTED, PUBLISHED], Doubt.CHANGED),
    ("share", SHARE | {"proposed_by": "m"}, [STARTED, PROPOSED, PUBLISHED], None),
    ("share", SHARE | {"proposed_by": "m"}, [STARTED, PROPOSED, event(K.PROPOSAL_RETURNED), PUBLISHED], None),
    ("share", SHARE | {"state": "draft", "proposed_by": "m"}, [STARTED, PROPOSED], None),
    ("share", SHARE | {"state": "draft", "proposed_by": "m"}, [STARTED, PROPOSED, event(K.PROPOSAL_RETURNED)],
     Doubt.CHANGED),
    ("share", SHARE | {"state": "draft"}, [STARTED, event(K.DRAFT_ABANDONED), RESTORED], None),
    ("share", SHARE | {"state": "draft"}, [STARTED, event(K.DRAFT_ABANDONED)], Doubt.OVER),
    ("share", SHARE | {"extension_until": END}, [STARTED, PUBLISHED], Doubt.CHANGED),
    ("share", SHARE | {"extension_until": END}, [STARTED, PUBLISHED, until(K.EXTENSION_PROPOSED, END)], None),
    ("share", SHARE | {"extension_until": END},
     [STARTED, PUBLISHED, until(K.EXTENSION_PROPOSED, END), event(K.EXTENSION_RETURNED)], Doubt.CHANGED),
    ("share", SHARE, [STARTED, PUBLISHED, event(K.SHARE_FROZEN)], Doubt.OVER),
    ("share", SHARE, [STARTED, PUBLISHED, event(K.SHARE_FROZEN), event(K.SHARE_UNFROZEN)], None),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "values", "events", "doubt"), CASES)
def test_a_row_is_in_doubt_exactly_if_it_gives_more_than_the_events_say(
    kind: str, values: dict[str, Any], events: list[AuditEvent], doubt: Doubt | None
) -> None:
    assert doubt_about(kind, values, events) is doubt


def test_a_state_is_read_as_stored_or_as_the_domains() -> None:
    assert doubt_about("share", SHARE | {"state": ShareState.AVAILABLE}, [STARTED, PUBLISHED]) is None
