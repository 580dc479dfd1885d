"""Interference of other radio sources: told from noise, found in echoes, taken off them."""
