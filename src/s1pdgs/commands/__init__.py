"""Commands of `s1pdgs` that work on a ground segment's folder and database."""
