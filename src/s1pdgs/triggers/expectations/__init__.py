"""Every expected product, and what became of it."""
