"""Hostile input on demand: `make fuzz` (docs/benchmarks.md says how to read it).

A target takes any bytes to a reader and knows what it promises: it answers, or refuses with an error that names where
and what; what it accepted keeps its word (a round trip, extents inside the data, nothing lost). Whatever else happens
is a finding. The same targets serve the unit tests (tests/unit/formats/test_hostile_*.py), with few inputs and no
fuzzer.
"""
