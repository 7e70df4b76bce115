#!/usr/bin/env python3
"""Every operator of PyTorch's operator database: exported, lowered, run, compared with torch.

    run.py                        all operators, all samples; resumes where RESULTS ends
    run.py --samples 2 --seed 7   a choice of samples of each
    run.py --fraction 0.1         a choice of operators
    run.py --check                fails when an outcome is not the one that failures.txt states
    run.py --summary              counts what RESULTS holds

Each operator runs in a child process of its own, so that a crash is one outcome among others.
"""

import argparse
import collections
import itertools
import json
import os
import pathlib
import random
import signal
import sys
import time
import traceback
import warnings

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(ROOT / "python")]
os.environ.setdefault("PIPPIN_LIBRARY", str(ROOT / "build" / "release" / "libpippin.so"))
# On Pippin's CPU operators; on Core ML what can be, by the engine; the first program on ExecuTorch's own runtime.
MODES = ("cpu", "core-ml", "official")
# Outcomes that say nothing of Pippin: torch cannot run or export the sample, or gives other results each time.
APART = ("torch fails", "not exported", "random", "complex", "no tensors")


# ---- In the child ----


def prepare(op, sample):
    """(exported program, inputs, results), or the outcome that is counted apart."""
    import torch

    from samples import module_of

    try:
        module, inputs = module_of(op, sample)
        with torch.no_grad():
            wanted, again = module(*inputs), module(*inputs)
    except Exception as error:
        return "torch fails", describe(error)
    tensors = [*inputs, *wanted]
    if any(tensor.is_complex() for tensor in tensors):
        return "complex", ""
    if any(tensor.layout != torch.strided for tensor in tensors):
        return "torch fails", "not strided"
    if not wanted or not inputs:
        return "no tensors", ""
    if not all(a.shape == b.shape and torch.equal(torch.nan_to_num(a), torch.nan_to_num(b)) for a, b in zip(wanted, again)):
        return "random", ""
    try:
        with torch.no_grad():
            program = torch.export.export(module, inputs)
    except Exception as error:
        return "not exported", describe(error)
    if any(torch.Tag.nondeterministic_seeded in getattr(node.target, "tags", ()) for node in program.graph.nodes):
        return "random", ""
    return program, inputs, wanted


def describe(error):
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"


def run_mode(mode, source, inputs, wanted):
    from pippin.exir import to_edge_transform_and_lower
    if mode == "official":
        from executorch.runtime import Runtime
    else:
        from pippin.runtime import Runtime
    from samples import CORE_ML_TOLERANCES, TOLERANCES, difference

    try:
        lowered = to_edge_transform_and_lower(source, partitioner=partitioners(mode)).to_executorch().buffer
    except Exception as error:
        return "not lowered", describe(error)
    try:
        method = Runtime.get().load_program(lowered).load_method("forward")
        found = method.execute([tensor.clone() for tensor in inputs])
    except Exception as error:
        return "not run", describe(error)
    problem = difference(found, wanted, CORE_ML_TOLERANCES if mode == "core-ml" else TOLERANCES)
    return ("differs", problem) if problem else ("equal", "")


def partitioners(mode):
    if mode != "core-ml":
        return None
    from pippin.backends.apple.coreml.compiler import CoreMLBackend
    from pippin.backends.apple.coreml.partition import CoreMLPartitioner

    return [CoreMLPartitioner(compile_specs=CoreMLBackend.generate_compile_specs(
        compute_precision="float32", minimum_deployment_target="iOS18"))]


def run_operator(op, dtype, options, write):
    """Writes a line for each sample and mode, after one that says which is about to run."""
    from pippin.exir._source import make_source
    from samples import chosen

    try:
        choice = chosen(op, dtype, options.samples, options.seed)
    except Exception as error:
        write({"sample": -1, "mode": "", "outcome": "torch fails", "detail": describe(error)})
        return
    for index, sample in choice:
        write({"sample": index, "mode": "export"})
        prepared = prepare(op, sample)
        if len(prepared) == 2:
            write({"sample": index, "mode": "", "outcome": prepared[0], "detail": prepared[1]})
            continue
        program, inputs, wanted = prepared
        try:
            source = make_source(program)
        except Exception as error:
            write({"sample": index, "mode": "", "outcome": "not exported", "detail": describe(error)})
            continue
        for mode in MODES if options.official else MODES[:2]:
            write({"sample": index, "mode": mode})
            outcome, detail = run_mode(mode, source, inputs, wanted)
            write({"sample": index, "mode": mode, "outcome": outcome, "detail": detail})


# ---- In the parent ----


def in_child(op, dtype, options):
    """The lines that a child wrote; a line without an outcome becomes a crash."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        status = 1
        try:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, 2)
            with os.fdopen(writer, "w", buffering=1) as stream:
                signal.alarm(options.timeout)
                run_operator(op, dtype, options, lambda line: stream.write(json.dumps(line) + "\n"))
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    os.close(writer)
    with os.fdopen(reader) as stream:
        lines = [json.loads(line) for line in stream]
    status = os.waitpid(child, 0)[1]
    results = [line for line in lines if "outcome" in line]
    if status:
        started = lines[-1] if lines and "outcome" not in lines[-1] else {"sample": -1, "mode": ""}
        timed_out = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGALRM
        cause = f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else f"status {os.WEXITSTATUS(status)}"
        outcome = "timeout" if timed_out else "torch fails" if started["mode"] == "export" else "crash"
        results.append({**started, "outcome": outcome, "detail": cause})
    return results


def choose(operators, options):
    from samples import name_of

    wanted = options.ops.split(",") if options.ops else None
    chosen = [op for op in operators if wanted is None or op.name in wanted or name_of(op) in wanted]
    if options.fraction < 1:
        random.Random(options.seed).shuffle(chosen)
        chosen = sorted(chosen[: int(len(chosen) * options.fraction)], key=name_of)
    return chosen


def jobs_of(operators, options):
    """(operator, dtype) pairs: all, or one dtype of each in turn."""
    from samples import dtypes_of

    for number, op in enumerate(operators):
        dtypes = dtypes_of(op)
        if options.dtypes:
            dtypes = [dtype for dtype in dtypes if dtype in options.dtypes.split(",")]
        if options.one_dtype and dtypes:
            dtypes = [dtypes[(number + options.seed) % len(dtypes)]]
        for dtype in dtypes:
            yield op, dtype


def run(options):
    warnings.filterwarnings("ignore")
    import torch
    from torch.testing._internal.common_methods_invocations import op_db

    if options.official:
        import executorch.runtime  # noqa: F401
    import pippin.runtime  # noqa: F401  loaded once, before the children are made
    from pippin.exir._source import make_source
    from samples import name_of

    torch.set_num_threads(1)
    make_source(torch.export.export(torch.nn.ReLU(), (torch.ones(2),)))  # what torch loads when it is first needed
    done, results = set(), []
    path = pathlib.Path(options.results) if options.results else None
    if path and path.exists():
        results = [json.loads(line) for line in path.read_text().splitlines()]
        done = {(line["op"], line["dtype"]) for line in results}
    stream = path.open("a") if path else None
    started = time.monotonic()
    for op, dtype in jobs_of(choose(op_db, options), options):
        if (name_of(op), dtype) in done:
            continue
        lines = in_child(op, dtype, options) or [{"sample": -1, "mode": "", "outcome": "torch fails", "detail": "no samples"}]
        for line in lines:
            results.append({"op": name_of(op), "dtype": dtype, **line})
            if stream:
                stream.write(json.dumps(results[-1]) + "\n")
                stream.flush()
    print(f"{time.monotonic() - started:.0f} s")
    return results


# ---- Outcomes ----


def summarise(results):
    for mode in MODES:
        outcomes = collections.Counter(line["outcome"] for line in results if line["mode"] == mode)
        total = sum(outcomes.values())
        if not total:
            continue
        share = 100 * outcomes["equal"] / total if total else 0
        others = ", ".join(f"{count} {outcome}" for outcome, count in outcomes.most_common() if outcome != "equal")
        print(f"{mode}: {outcomes['equal']} of {total} samples equal ({share:.1f} %)" + (f"; {others}" if others else ""))
    apart = collections.Counter(line["outcome"] for line in results if line["outcome"] in APART)
    print("apart: " + (", ".join(f"{count} {outcome}" for outcome, count in apart.most_common()) or "none"))


def key_of(line):
    return f"{line['op']} {line['dtype']} {line['sample']} {line['mode']}"


def read_failures(path):
    """Lines 'operator dtype samples modes: reason', samples '0,3' → reason by key."""
    failures = {}
    for line in path.read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        key, reason = line.split(": ", 1)
        op, dtype, samples, modes = key.split(" ")
        for sample, mode in itertools.product(samples.split(","), modes.split(",")):
            failures[f"{op} {dtype} {sample} {mode}"] = reason
    return failures


def write_failures(results, path):
    """The list as it is now, with what it says of samples that did not run: one line for the samples that fail alike."""
    modes = collections.defaultdict(set)
    seen = {key_of(line) for line in results}
    for key, reason in (read_failures(path) if path.exists() else {}).items():
        op, dtype, sample, mode = key.split(" ")
        if key not in seen:
            modes[(op, dtype, int(sample), reason)].add(mode)
    for line in results:
        if line["outcome"] != "equal" and line["outcome"] not in APART and line["mode"] != "official":
            modes[(line["op"], line["dtype"], line["sample"], reason_of(line))].add(line["mode"])
    groups = collections.defaultdict(list)
    for (op, dtype, sample, reason), failing in modes.items():
        groups[(op, dtype, ",".join(sorted(failing)), reason)].append(sample)
    header = "# Samples that fail, and why: operator, dtype, samples, modes. Written by run.py --write-failures; it may only shrink.\n"
    text = [f"{op} {dtype} {','.join(map(str, sorted(samples)))} {failing}: {reason}\n"
            for (op, dtype, failing, reason), samples in sorted(groups.items())]
    path.write_text(header + "".join(text))


def reason_of(line):
    """Without what changes from sample to sample."""
    detail = line["detail"].removeprefix("UnsupportedError: ").removeprefix("program in memory: method 'forward': ")
    if line["outcome"] == "differs":
        return "differs"
    for separator in (" at /", " in forward"):
        detail = detail.split(separator)[0]
    return f"{line['outcome']}: {detail}"[:200]


def check(results, failures):
    unexpected = []
    for line in results:
        if line["outcome"] in APART or line["mode"] == "official":
            continue
        listed = key_of(line) in failures
        if (line["outcome"] != "equal") != listed:
            unexpected.append(f"{key_of(line)}: {line['outcome']} {line['detail']}" if not listed
                              else f"{key_of(line)}: passes now; take it off the list")
    for line in unexpected:
        print(line)
    return not unexpected


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ops", help="names, separated by commas")
    parser.add_argument("--samples", type=int, help="samples of each operator and dtype (default: all)")
    parser.add_argument("--fraction", type=float, default=1, help="share of the operators")
    parser.add_argument("--dtypes", help="names, separated by commas (default: float32, float16, int64, bool)")
    parser.add_argument("--one-dtype", action="store_true", help="one dtype of each operator, chosen in turn")
    parser.add_argument("--official", action="store_true", help="ExecuTorch's runtime too")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--timeout", type=int, default=300, help="seconds for an operator and dtype")
    parser.add_argument("--results", help="file of JSON lines, appended to")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--write-failures", action="store_true", help="bring failures.txt up to date with this run")
    parser.add_argument("--summary", action="store_true", help="run nothing")
    options = parser.parse_args()
    if options.summary:
        results = [json.loads(line) for line in pathlib.Path(options.results).read_text().splitlines()]
    else:
        results = run(options)
    summarise(results)
    failures = HERE / "failures.txt"
    if options.write_failures:
        write_failures(results, failures)
    if options.check and not check(results, read_failures(failures)):
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
