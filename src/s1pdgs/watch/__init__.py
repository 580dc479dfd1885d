"""How it goes: logs and metrics."""
