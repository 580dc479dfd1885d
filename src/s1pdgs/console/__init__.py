"""The operator's view of the walk."""
