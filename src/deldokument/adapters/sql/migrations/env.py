"""What Alembic runs before the revisions: it puts them on the connection that ``migrate`` has opened.

Promises nothing of its own: the transaction, and who else waits for it, are the caller's.
"""

from __future__ import annotations

from alembic import context

# Without the tables of today: their naming rules would change what old revisions do.
context.configure(connection=context.config.attributes["connection"], transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
