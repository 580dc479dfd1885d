"""Station 6 of the walk: what runs; open Sentinel-1 processors, started as programs from a job order."""
