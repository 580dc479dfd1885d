"""A period is processed again."""
