"""`s1pdgs l0`: what a Level-0 product holds, and whether it holds together."""
