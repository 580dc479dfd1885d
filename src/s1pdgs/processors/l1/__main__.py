"""`python -m s1pdgs.processors.l1 JobOrder.xml`."""

import sys

from s1pdgs.processors.l1.program import main

if __name__ == "__main__":
    sys.exit(main())
