"""Lowering, beside the official tools: time and memory, same machine, same run.

usage: lower.py [--tool PIPPIN] [--models FOLDER] [--repeat N] [--json FILE] [MODEL ...]

The official stack loads the .pt2, lowers it with default options and writes the .pte, in a process of its own; interpreter start
and imports are measured apart and not counted. Pippin does the same from process start to exit; its figure is the median run.
CPU seconds are user plus system time. Pippin's memory is the peak of anonymous memory (RssAnon in /proc/PID/status, read every
half millisecond in a run of its own): pages of the mapped input belong to the page cache. Exit status 1 when a target is missed.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "models"))
import official

FIVE = ["mobilenet_v2", "resnet50", "vit_b_16", "minilm", "gpt2"]
SPEED_TARGET = 50  # times fewer CPU seconds
MEMORY_TARGET = 64 << 20  # bytes, plus the largest tensor


def start(tool, source, target):
    return subprocess.Popen([tool, "lower", source, "-o", target, "-q"])


def run_once(tool, source, target):
    """(CPU seconds, wall seconds) of one run."""
    begin = time.perf_counter()
    process = start(tool, source, target)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - begin
    if status != 0:
        raise SystemExit(f"pippin lower {source} failed")
    return usage.ru_utime + usage.ru_stime, wall


def anonymous_memory(pid):
    try:
        with open(f"/proc/{pid}/status") as file:
            return next((int(line.split()[1]) * 1024 for line in file if line.startswith("RssAnon:")), 0)
    except (FileNotFoundError, ProcessLookupError):
        return 0


def peak_memory(tool, source, target):
    process, peak = start(tool, source, target), 0
    while process.poll() is None:
        peak = max(peak, anonymous_memory(process.pid))
        time.sleep(0.0005)
    return peak


def largest_tensor(source):
    with zipfile.ZipFile(source) as archive:
        return max((entry.file_size for entry in archive.infolist() if "/data/" in entry.filename), default=0)


def compare(name, source, options):
    with tempfile.TemporaryDirectory() as folder:
        target = pathlib.Path(folder) / "model.pte"
        theirs = official.measure(source, target)
        run_once(options.tool, source, target)  # the input is in the page cache for both
        runs = [run_once(options.tool, source, target) for _ in range(options.repeat)]
        memory = peak_memory(options.tool, source, target)
    ours = {
        "cpu_seconds": statistics.median(cpu for cpu, _ in runs),
        "wall_seconds": statistics.median(wall for _, wall in runs),
        "peak_anonymous_bytes": memory,
    }
    ratio = theirs["cpu_seconds"] / max(ours["cpu_seconds"], 1e-3)
    allowed = MEMORY_TARGET + largest_tensor(source)
    passed = ratio >= SPEED_TARGET and memory < allowed
    return {"model": name, "official": theirs, "pippin": ours, "ratio": ratio, "allowed_bytes": allowed, "passed": passed}


def print_row(row):
    theirs, ours = row["official"], row["pippin"]
    print(f"{row['model']:<18}"
          f"{theirs['import_cpu_seconds']:8.1f} {theirs['cpu_seconds']:8.2f} {theirs['wall_seconds']:8.2f} {theirs['peak_memory_bytes'] / 1e6:8.0f}   "
          f"{ours['cpu_seconds']:8.3f} {ours['wall_seconds']:8.3f} {ours['peak_anonymous_bytes'] / 1e6:8.1f} {row['allowed_bytes'] / 1e6:8.0f}   "
          f"{row['ratio']:7.0f} x  {'PASS' if row['passed'] else 'FAIL'}", flush=True)


def main():
    parser = argparse.ArgumentParser(description="Lowering, beside the official tools.")
    parser.add_argument("names", nargs="*", default=FIVE, metavar="MODEL")
    parser.add_argument("--tool", type=pathlib.Path, default=ROOT / "build" / "release" / "pippin")
    parser.add_argument("--models", type=pathlib.Path, default=ROOT / "build" / "models")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()

    subprocess.run([sys.executable, ROOT / "tests" / "models" / "build.py", options.models, *options.names],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    print(f"lowering: at least {SPEED_TARGET} times fewer CPU seconds; memory below {MEMORY_TARGET >> 20} MiB plus the largest tensor\n")
    print(f"{'':<18}{'official tools':<37}{'pippin':<38}")
    print(f"{'':<18}{'imports':>8} {'CPU s':>8} {'wall s':>8} {'MB':>8}   {'CPU s':>8} {'wall s':>8} {'MB':>8} {'allowed':>8}   {'ratio':>7}")
    rows = []
    for name in options.names:
        rows.append(compare(name, options.models / f"{name}.pt2", options))
        print_row(rows[-1])
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2) + "\n")
    return 0 if all(row["passed"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
