"""The words of the mission as frozen values: products, sessions, orders, jobs, times; no I/O."""
