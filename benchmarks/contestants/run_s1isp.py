"""s1isp on a file of echo packets: headers and samples are one call, timed without and with samples."""

import json
import sys

import numpy as np
from s1isp.decoder import EUdfDecodingMode, decode_stream
from timing import timed

work, path = sys.argv[1:]
mode = EUdfDecodingMode.NONE if work == "scan" else EUdfDecodingMode.DECODE


def decode() -> list:
    return decode_stream(path, udf_decoding_mode=mode)[0]


items = decode()
found = timed(decode)
if work == "scan":
    found |= {"packets": len(items)}
else:
    found |= {
        "samples": sum(item.udf.size for item in items),
        "power": float(np.mean([np.vdot(item.udf, item.udf).real / item.udf.size for item in items])),
    }
print(json.dumps(found))
