"""Lowers an exported program with the official tools, and measures it: what Pippin is compared with.

usage: official.py MODEL.pt2 OUTPUT.pte         prints one line of JSON: CPU and wall seconds, peak memory

Importing the tools is measured apart from lowering (reading, lowering with default options, writing). `lowered` keeps the result,
so that tests and benchmarks share one run of it.
"""

import json
import os
import pathlib
import resource
import subprocess
import sys
import time


def lowered(source, folder):
    """Path of the official `.pte` of `source`, made when it is missing or older than its source."""
    source = pathlib.Path(source)
    target = pathlib.Path(folder) / f"{source.stem}.pte"
    if not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
        target.parent.mkdir(parents=True, exist_ok=True)
        measure(source, target)
    return target


def measure(source, target):
    """Lowers in a process of its own. Returns its figures."""
    result = subprocess.run([sys.executable, __file__, source, target], capture_output=True, text=True)
    if result.returncode != 0:
        raise RuntimeError(f"the official tools failed on {source}:\n{result.stderr[-4000:]}")
    return json.loads(result.stdout.splitlines()[-1])


def main():
    begin = (time.process_time(), time.perf_counter())
    import torch
    from executorch.backends.apple.coreml.partition import CoreMLPartitioner
    from executorch.exir import to_edge_transform_and_lower

    imported = (time.process_time(), time.perf_counter())
    program = torch.export.load(sys.argv[1])
    lowered_program = to_edge_transform_and_lower(program, partitioner=[CoreMLPartitioner()]).to_executorch()
    part = f"{sys.argv[2]}.part"
    with open(part, "wb") as file:
        lowered_program.write_to_file(file)
    os.replace(part, sys.argv[2])
    done = (time.process_time(), time.perf_counter())
    print(json.dumps({
        "import_cpu_seconds": imported[0], "import_wall_seconds": imported[1] - begin[1],
        "cpu_seconds": done[0] - imported[0], "wall_seconds": done[1] - imported[1],
        "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }))


if __name__ == "__main__":
    main()
