"""The schema's history: each version is one step from the one before (Alembic)."""
