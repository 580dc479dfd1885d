"""Level-1 processors: packets to focused, detected, calibrated and annotated products."""
