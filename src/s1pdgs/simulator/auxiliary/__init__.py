"""All auxiliary files that the chain needs for a simulated data take."""
