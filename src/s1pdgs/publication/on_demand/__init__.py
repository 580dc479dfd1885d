"""Production on demand: workflows and orders of them, as OData (ODPRIP) and as OGC API Processes over the same rows."""
