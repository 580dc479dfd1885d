"""Station 1 of the walk: outside sources; CADIP and AUXIP stations and folders, polled and downloaded with proof."""
