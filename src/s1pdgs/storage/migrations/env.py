"""Alembic's entry: run the steps on the connection that `storage.schema.migrate` hands over."""

from alembic import context
from alembic.runtime.migration import MigrationInfo

attributes = context.config.attributes


def tell(ctx: object, step: MigrationInfo, heads: object, run_args: object) -> None:  # noqa: ARG001
    """A step has ended."""
    if "ended" in attributes:
        attributes["ended"](step.up_revision_id)


context.configure(
    connection=attributes["connection"],
    target_metadata=None,
    render_as_batch=True,
    transaction_per_migration=False,
    on_version_apply=tell,
)
with context.begin_transaction():
    context.run_migrations()
