"""Measurements of our own products: impulse responses, localisation and radiometry."""
