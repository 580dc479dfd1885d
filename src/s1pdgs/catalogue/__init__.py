"""Station 3 of the walk: what we hold; metadata, index, selection policies."""
