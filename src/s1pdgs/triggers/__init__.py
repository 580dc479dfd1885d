"""Station 4 of the walk: what it makes possible; chains, task tables, orders waiting for inputs."""
