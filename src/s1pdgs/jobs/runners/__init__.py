"""Where attempts run: on this host, in a Dask cluster, or under Slurm."""
