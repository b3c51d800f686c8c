"""Alembic's entry point: runs the revisions on the connection that ``migrate`` has opened.

The caller begins the transaction and takes the locks.
"""

from alembic import context

# Without the present tables, whose naming convention would change the effect of old revisions.
context.configure(connection=context.config.attributes["connection"], transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
