"""Runs inside the peer's environment: decode a file of echo packets and print CPU seconds as JSON."""

import json
import sys
import time

import sentinel1decoder

metadata_s = decode_s = float("inf")
for _ in range(3):
    begin = time.process_time()
    decoder = sentinel1decoder.Level0Decoder(sys.argv[1])
    metadata = decoder.decode_metadata()
    metadata_s = min(metadata_s, time.process_time() - begin)
    begin = time.process_time()
    samples = decoder.decode_packets(metadata)
    decode_s = min(decode_s, time.process_time() - begin)
print(json.dumps({"metadata_s": metadata_s, "decode_s": decode_s, "samples": int(samples.size)}))
