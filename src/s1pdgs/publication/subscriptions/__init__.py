"""Subscriptions: who is told, by push or pull, what happens to published products (peers.md, section 3.3)."""
