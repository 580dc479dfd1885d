"""The operator's view of the walk: pages rendered here, live while things run, without any outside resource."""
