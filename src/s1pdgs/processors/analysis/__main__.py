"""`python -m s1pdgs.processors.analysis PRODUCT TRUTH` measures the targets of a truth file and prints JSON."""

import json
import sys
from pathlib import Path

import attrs
import numpy as np

from s1pdgs.processors.analysis.point_target import Target, analyse_product


def read_targets(truth: Path) -> list[Target]:
    """The point targets of a simulator's truth file: of its scene, or of all data takes of its plan."""
    document = json.loads(truth.read_text())
    entries = [entry for part in (document, *document.get("takes", ())) for entry in part.get("targets", ())]
    return [Target(entry["name"], np.array(entry["position_m"]), entry["rcs_m2"]) for entry in entries]


def main() -> None:
    product, truth = Path(sys.argv[1]), Path(sys.argv[2])
    found = [attrs.asdict(measurement) for measurement in analyse_product(product, read_targets(truth))]
    sys.stdout.write(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
