"""Lowers and runs every exported architecture, beside the official tools, and writes the table of docs/zoo.md.

usage: compare.py MODELS_FOLDER [--tool PIPPIN] [--official] [--json FILE] [--table FILE] [NAME ...]

MODELS_FOLDER is export.py's. For each architecture: lowered with default options (how many partitions, what stays on the CPU), its
Core ML models loaded by coremltools with every type inferred anew, run in float32 and float16 and without delegate, each compared
with torch. With --official the official tools lower it too, a process each; FILE keeps their figures, so that a later run without
--official can show them. Exit status 1 when an architecture fails, or has more partitions than the official tools gave it.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "models"), str(ROOT / "tests" / "python"), str(pathlib.Path(__file__).parent)]

import numpy as np

# Largest difference over the output's scale: fp32 sums in another order; fp16 steps through the depth of a network.
TOLERANCES = {"float32": 1e-4, "float16": 2e-2, "cpu": 1e-4}


def arrays(folder, kind):
    return [folder / f"{kind}_{i}.npy" for i in range(len(list(folder.glob(f"{kind}_*.npy"))))]


def difference(outputs, expected):
    """The largest difference over the scale, of the worst output; infinite where shape, type or finiteness differ."""
    worst = 0.0
    for got, wanted in zip(outputs, expected):
        if got.shape != wanted.shape or got.dtype != wanted.dtype or not np.isfinite(got).all():
            return float("inf")
        if wanted.size:
            scale = max(float(np.abs(wanted).max()), 1e-6)
            worst = max(worst, float(np.abs(got.astype(np.float64) - wanted).max()) / scale)
    return worst if len(outputs) == len(expected) else float("inf")


class Pippin:
    def __init__(self, tool, models):
        self.tool, self.models = tool, models

    def call(self, *arguments):
        result = subprocess.run([self.tool, *arguments], capture_output=True, text=True)
        if result.returncode != 0:
            raise RuntimeError((result.stderr.strip().splitlines() or [f"status {result.returncode}"])[-1])
        return result

    def run(self, name, program, folder):
        inputs = [argument for path in arrays(self.models / name, "input") for argument in ("--input", f"@{path}")]
        self.call("run", program, *inputs, "-o", folder, "-q")
        return [np.load(folder / f"{i}.npy") for i in range(len(arrays(self.models / name, "expected")))]

    def measure(self, name):
        """What became of one architecture. The first failure ends it, and stands in the result."""
        record = {"name": name, "differences": {}}
        expected = [np.load(path) for path in arrays(self.models / name, "expected")]
        source = self.models / f"{name}.pt2"
        with tempfile.TemporaryDirectory() as scratch:
            scratch = pathlib.Path(scratch)
            try:
                program = scratch / "model.pte"
                report = json.loads(self.call("lower", source, "-o", program, "--json", "-q").stdout)
                method, = report["methods"]
                record["partitions"] = len(method["partitions"])
                record["seconds"] = report["seconds"]
                record["undelegated"] = sorted({node["target"] for node in method["undelegated"]})
                self.infer_types(program, scratch)
                for precision in ("float16", "float32"):
                    self.call("lower", source, "-o", program, "-q", "--compute-precision", precision)
                    record["differences"][precision] = difference(self.run(name, program, scratch / precision), expected)
                self.call("lower", source, "-o", program, "-q", "--no-delegate")
                record["differences"]["cpu"] = difference(self.run(name, program, scratch / "cpu"), expected)
            except (RuntimeError, OSError, KeyError, ValueError) as error:
                record["failure"] = str(error)
        for kind, value in record["differences"].items():
            if not value <= TOLERANCES[kind]:
                record.setdefault("failure", f"{kind} differs from torch by {value:.1e} of the scale")
        return record

    def infer_types(self, program, scratch):
        from tooling import infer_types, payloads

        folder = scratch / "payloads"
        folder.mkdir()
        for _, package in payloads(program, folder):
            infer_types(package)


def official(source):
    """The official tools' figures: partitions, seconds, memory; or their failure."""
    with tempfile.TemporaryDirectory() as scratch:
        target = pathlib.Path(scratch) / "official.pte"
        result = subprocess.run([sys.executable, ROOT / "tests" / "models" / "official.py", source, target], capture_output=True, text=True)
        if result.returncode != 0:
            lines = [line for line in result.stderr.splitlines() if line and not line.startswith(" ")]
            return {"failure": lines[-1] if lines else "no message"}
        figures = json.loads(result.stdout.splitlines()[-1])
        from tooling import read

        plan, = read(target).program.execution_plan
        return {"partitions": len(plan.delegates), "seconds": figures["cpu_seconds"], "peak_memory_bytes": figures["peak_memory_bytes"]}


def peak_memory(tool, source):
    """Peak resident bytes of lowering, the mapped input included."""
    with tempfile.TemporaryDirectory() as scratch:
        code = ("import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, capture_output=True); "
                "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)")
        result = subprocess.run([sys.executable, "-c", code, tool, "lower", source, "-o", f"{scratch}/model.pte", "-q"],
                                capture_output=True, text=True)
        return int(result.stdout) if result.returncode == 0 else None


def write_table(records, path):
    shown = lambda value, form: "" if value is None else form.format(value)
    cell = lambda text: text.replace("|", "\\|")
    # Their columns only where they were asked.
    with_official = any("official" in record for record in records)
    titles = ["Architecture", "Partitions", "On the CPU", "fp32", "fp16", "No delegate", "Seconds", "MB"]
    lines = [
        "# Architectures", "",
        "Small configurations with random weights, exported by torch 2.13, lowered with default options and run. Written by",
        "`tests/zoo/compare.py`; `tests/zoo/export.py` makes the models. Differences are from torch, largest over the output's scale.",
        "Seconds are those of lowering (of the official tools: CPU seconds, without their imports); memory is the peak of the process,",
        "the mapped input included.", ""]
    if with_official:
        titles += ["Official: partitions", "Seconds", "MB"]
    lines += ["| " + " | ".join(titles) + " |", "|---" * len(titles) + "|"]
    for record in records:
        differences = record["differences"]
        cells = [record["name"], shown(record.get("partitions"), "{}"), ", ".join(record.get("undelegated", []))]
        cells += [shown(differences.get(kind), "{:.0e}") for kind in ("float32", "float16", "cpu")]
        if "failure" in record:
            cells[2] = f"**fails**: {cell(record['failure'][:120])}"
        cells += [shown(record.get("seconds"), "{:.3f}"), shown(record.get("peak_memory_bytes", 0) / 1e6 or None, "{:.0f}")]
        theirs = record.get("official", {})
        if with_official and "failure" in theirs:
            cells += [cell(theirs["failure"][:90]), "", ""]
        elif with_official:
            cells += [shown(theirs.get("partitions"), "{}"), shown(theirs.get("seconds"), "{:.1f}"),
                      shown(theirs.get("peak_memory_bytes", 0) / 1e6 or None, "{:.0f}")]
        lines.append("| " + " | ".join(cells) + " |")
    good = sum("failure" not in record for record in records)
    path.write_text("\n".join(lines) + f"\n\n{good} of {len(records)} lower, load and equal torch.\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=pathlib.Path)
    parser.add_argument("--tool", type=pathlib.Path, default=ROOT / "build" / "release" / "pippin")
    parser.add_argument("--official", action="store_true")
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--table", type=pathlib.Path)
    parser.add_argument("names", nargs="*")
    options = parser.parse_intermixed_args()

    kept = {}
    if options.json and options.json.exists():
        kept = {record["name"]: record for record in json.loads(options.json.read_text())}
    measured = Pippin(options.tool, options.models)
    failed = 0
    for name in options.names or sorted(path.stem for path in options.models.glob("*.pt2") if ".part" not in path.name):
        record = measured.measure(name)
        record["peak_memory_bytes"] = peak_memory(options.tool, options.models / f"{name}.pt2") or 0
        theirs = kept.get(name, {}).get("official")
        if options.official and not theirs:
            theirs = official(options.models / f"{name}.pt2")
        if theirs:
            record["official"] = theirs
            if record.get("partitions", 0) > theirs.get("partitions", 1 << 30):
                record.setdefault("failure", f"{record['partitions']} partitions, the official tools' {theirs['partitions']}")
        kept[name] = record
        failed += "failure" in record
        print(f"{name:32}", record.get("failure") or f"{record['partitions']} partitions, {record['differences']}", flush=True)
        if options.json:
            options.json.write_text(json.dumps([kept[key] for key in sorted(kept)], indent=1))
    if options.table:
        write_table([kept[key] for key in sorted(kept)], options.table)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
