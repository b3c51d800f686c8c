"""The tables as they are now: columns, constraints that state invariants, and an index for each question asked often.

Promises that a row that breaks the life of a share, an upload or a chain is refused by the database itself.
The migrations hold the same once more, frozen; tests/migrations shows that the two agree.
"""

from deldokument.adapters.sql.tables.agreements import (
    main_agreement,
    main_agreement_paper,
    published_text,
    service_agreement,
    service_agreement_paper,
    signing_intent,
)
from deldokument.adapters.sql.tables.audit import (
    audit_certificate,
    audit_event,
    audit_head,
    audit_seal,
    audit_subject,
)
from deldokument.adapters.sql.tables.base import metadata
from deldokument.adapters.sql.tables.bytes import garbage, part, upload
from deldokument.adapters.sql.tables.idempotency import answered_request
from deldokument.adapters.sql.tables.logins import deployment, pending_login, session, sweep
from deldokument.adapters.sql.tables.notification_addresses import awaits_code, notice_address
from deldokument.adapters.sql.tables.outbox import is_unsettled, outbox, outbox_cursor
from deldokument.adapters.sql.tables.rate_limits import allowance
from deldokument.adapters.sql.tables.shares import (
    document,
    has_key,
    is_available,
    is_closed,
    is_closed_unerased,
    is_draft,
    is_published,
    is_unerased,
    is_uninspected,
    is_unread,
    may_have_blobs,
    may_have_key,
    receipt,
    recipient,
    share,
)
from deldokument.adapters.sql.tables.tenancy import (
    account,
    administrator,
    integration,
    is_living,
    is_living_integration,
    is_removed_unerased,
    is_to_be_ended,
    member,
    operator,
    tenant,
)
from deldokument.adapters.sql.tables.tenant_lifecycle import assessment_file, impact_assessment, tenure
from deldokument.adapters.sql.tables.webhooks import webhook

__all__ = [
    "account",
    "administrator",
    "allowance",
    "answered_request",
    "assessment_file",
    "audit_certificate",
    "audit_event",
    "audit_head",
    "audit_seal",
    "audit_subject",
    "awaits_code",
    "deployment",
    "document",
    "garbage",
    "has_key",
    "impact_assessment",
    "integration",
    "is_available",
    "is_closed",
    "is_closed_unerased",
    "is_draft",
    "is_living",
    "is_living_integration",
    "is_published",
    "is_removed_unerased",
    "is_to_be_ended",
    "is_unerased",
    "is_uninspected",
    "is_unread",
    "is_unsettled",
    "main_agreement",
    "main_agreement_paper",
    "may_have_blobs",
    "may_have_key",
    "member",
    "metadata",
    "notice_address",
    "operator",
    "outbox",
    "outbox_cursor",
    "part",
    "pending_login",
    "published_text",
    "receipt",
    "recipient",
    "service_agreement",
    "service_agreement_paper",
    "session",
    "share",
    "signing_intent",
    "sweep",
    "tenant",
    "tenure",
    "upload",
    "webhook",
]
