"""`python -m s1pdgs`."""

from s1pdgs.cli import main

main()
