"""Alembic's entry point: runs the revisions on the connection that ``migrate`` has opened.

The caller begins the transaction and takes the locks.
"""

from alembic import context

# Without today's tables: their naming convention would change what old revisions do.
context.configure(connection=context.config.attributes["connection"], transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
