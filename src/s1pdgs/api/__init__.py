"""The operators' API: what the command line and the console do, as JSON over HTTP."""
