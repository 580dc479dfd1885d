"""The long-term archive: what goes when, copies of what went out, and orders that bring it back."""
