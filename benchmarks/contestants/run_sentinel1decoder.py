"""sentinel1decoder on a file of echo packets: its decoder caches, so every run makes a new one."""

import json
import sys

import numpy as np
from sentinel1decoder import Level0Decoder
from timing import timed

work, path = sys.argv[1:]
metadata = Level0Decoder(path).decode_metadata()
if work == "scan":
    found = timed(lambda: Level0Decoder(path).decode_metadata()) | {"packets": len(metadata)}
else:
    samples = Level0Decoder(path).decode_packets(metadata)
    found = timed(lambda: Level0Decoder(path).decode_packets(metadata))
    found |= {
        "samples": int(samples.size),
        "power": float(np.mean([np.vdot(line, line).real / line.size for line in samples])),
    }
print(json.dumps(found))
