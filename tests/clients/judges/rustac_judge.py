"""`rustac_judge.py SITE FILE`: what rustac makes of the items of an export."""

import json
import sys

import rustac

found = rustac.read_sync(sys.argv[2])
sys.stdout.write(json.dumps({"items": found["features"]}))
