"""Station 7 of the walk: what goes out; compression, PRIP OData, STAC, downloads."""
