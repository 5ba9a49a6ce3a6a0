"""Run by alembic: the steps go through the connection that it was handed, inside that one's transaction."""

from __future__ import annotations

from alembic import context

from registry.sql_schema import REVISIONS, metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=REVISIONS,
    transactional_ddl=True,
)
context.run_migrations()
