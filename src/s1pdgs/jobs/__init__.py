"""Station 5 of the walk: what must run; leased state machine, runners, working directories, outputs."""
