"""Lowering time by depth: a transformer of 1, 2, 4, … 64 blocks.

usage: scaling.py [--tool PIPPIN] [--repeat N] [--json FILE]

A block is what the next model has more of, so its cost is the difference of two depths by the difference of their blocks. Linear
means that this cost does not grow: each step's is compared with that of the whole way from the least depth to the greatest.
CPU seconds, the least of N runs (the machine's other work only ever adds). Exit status 1 when a step is off by more than a fifth.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import torch
from torch import nn

ROOT = pathlib.Path(__file__).resolve().parents[1]
DEPTHS = [1, 2, 4, 8, 16, 32, 64]
TOLERANCE = 0.2
# Steps of fewer blocks take less time than a clock's tick or a page fault: their cost is shown, not judged.
LEAST_JUDGED = 8


def export(depth, path):
    layer = nn.TransformerEncoderLayer(64, 4, 128, batch_first=True, activation="gelu")
    module = nn.TransformerEncoder(layer, depth, enable_nested_tensor=False).eval()
    with torch.no_grad():
        torch.export.save(torch.export.export(module, (torch.randn(1, 16, 64),), strict=False), path)


def cpu_seconds(tool, source, target):
    process = subprocess.Popen([tool, "lower", source, "-o", target, "-q"])
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        raise SystemExit(f"pippin lower {source} failed")
    return usage.ru_utime + usage.ru_stime


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tool", type=pathlib.Path, default=ROOT / "build" / "release" / "pippin")
    parser.add_argument("--repeat", type=int, default=20)
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    seconds = {}
    with tempfile.TemporaryDirectory() as folder:
        for depth in DEPTHS:
            export(depth, f"{folder}/{depth}.pt2")
        for _ in range(options.repeat):
            for depth in DEPTHS:
                time = cpu_seconds(options.tool, f"{folder}/{depth}.pt2", f"{folder}/model.pte")
                seconds[depth] = min(time, seconds.get(depth, time))
    whole = (seconds[DEPTHS[-1]] - seconds[DEPTHS[0]]) / (DEPTHS[-1] - DEPTHS[0])
    print(f"{'blocks':>6} {'CPU ms':>8} {'ms a block':>11} {'by the whole':>13}")
    missed = False
    for before, depth in zip([None, *DEPTHS], DEPTHS):
        if before is None:
            print(f"{depth:6} {seconds[depth] * 1e3:8.2f}")
            continue
        cost = (seconds[depth] - seconds[before]) / (depth - before)
        judged = depth - before >= LEAST_JUDGED
        bad = judged and abs(cost / whole - 1) > TOLERANCE
        missed |= bad
        print(f"{depth:6} {seconds[depth] * 1e3:8.2f} {cost * 1e3:11.3f} {cost / whole:13.2f}{' MISSED' if bad else ' PASS' if judged else ''}")
    if options.json:
        options.json.write_text(json.dumps(seconds, indent=1))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
