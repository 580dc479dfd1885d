"""Speed and memory, measured beside peers in one run: `make bench`."""
