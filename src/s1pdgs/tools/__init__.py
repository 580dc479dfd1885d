"""Tools for people: looking into products and auditing them."""
