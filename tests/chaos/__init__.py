"""A real ground segment under fire: `make chaos` (docs/chaos.md says what is done to it and what must hold).

Nothing is lost and nothing is made twice, whichever process is killed or frozen, and whether disk or database fail.
The journeys `test_chaos.py` and `test_dask.py` do the same with few jobs and every kind of strike once.
"""
