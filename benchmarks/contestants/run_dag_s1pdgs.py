"""s1pdgs on this host on the graph of `benchmarks/overhead.py`: `run_dag_s1pdgs.py WIDTH FOLDER`."""

import sys
from pathlib import Path

from dag import run_s1pdgs, told

told(lambda: run_s1pdgs(int(sys.argv[1]), Path(sys.argv[2]), ""))
