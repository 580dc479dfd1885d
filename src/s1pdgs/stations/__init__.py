"""Station 1 of the walk: outside sources (CADIP, AUXIP, folder), polled and downloaded with proof."""
