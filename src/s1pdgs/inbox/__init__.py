"""Station 2 of the walk: what has arrived; sessions, files, completeness, integrity, quarantine."""
