"""The processor of the chaos jobs, `PROGRAM JobOrder.xml` like any IPF; it needs nothing but Python.

In about the seconds that the order's parameter `Seconds` tells it makes a GRD of the SLC that the order names. As with
real products the name ends with a checksum over what differs from run to run, so that two products of the same
slice are never taken for one. Exit code 0 is good, 128 a failure.
"""

import os
import sys
import time
import zlib
from pathlib import Path
from socket import gethostname
from xml.etree import ElementTree as ET

STEPS = 4


def main(order_file: Path) -> int:
    workdir, order = order_file.parent, ET.parse(order_file)
    source = workdir / str(order.findtext(".//List_of_Inputs/Input/List_of_File_Names/File_Name"))
    (seconds,) = [
        float(str(parameter.findtext("Value")))
        for parameter in order.iter("Dynamic_Processing_Parameter")
        if parameter.findtext("Name") == "Seconds"
    ]
    began = _now()
    content = (source / "measurement.tiff").read_bytes()
    checksum = zlib.crc32(f"{began} {os.getpid()}".encode()) & 0xFFFF
    product = workdir / f"{source.name.replace('_SLC__', '_GRDH_')[:-9]}{checksum:04X}.SAFE"
    product.mkdir()
    with (product / "measurement.tiff").open("wb") as stream:
        for step in range(STEPS):
            time.sleep(seconds / STEPS)
            stream.write(content[step::STEPS])
            stream.flush()
            _log("P", f"{100 * (step + 1) // STEPS}% of the image written")
    manifest = (source / "manifest.safe").read_text()
    (product / "manifest.safe").write_text(manifest.replace("</XFDU>", f"<processing start='{began}'/></XFDU>"))
    (workdir / f"{workdir.name}.LIST").write_text(f"{product.name}\n")
    return 0


def _now() -> str:
    seconds, nanoseconds = divmod(time.time_ns(), 1_000_000_000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{nanoseconds // 1000:06d}"


def _log(level: str, message: str) -> None:
    print(f"{_now()} {gethostname()} CHAOS 1.0 [{os.getpid():010d}]: [{level}] {message}", flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main(Path(sys.argv[1])))
    except OSError as error:
        _log("E", f"{error.filename or ''}: {error.strerror}")
        sys.exit(128)
