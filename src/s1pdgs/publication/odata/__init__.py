"""OData as the Copernicus interface documents use it: queries in, entities out."""
