"""Running, beside torch eager, ONNX Runtime and ExecuTorch with XNNPACK: latency, same machine, same run.

usage: run.py [--tool PIPPIN] [--models FOLDER] [--threads N …] [--rounds N] [--json FILE] [MODEL ...]

Models in fp32, batch 1. Every runtime has a process of its own that loads the model once and then runs it when told to; rounds
go around the runtimes, so that whatever else the machine does meets all of them alike. A round runs a model for about half a
second. Figures are medians over rounds of each round's median latency; `ratio` is the median over rounds of Pippin's latency by
the best other runtime's. CPU milliseconds (all threads, per run) are shown beside: they tell a loaded machine from a slow runtime.
Exit status 1 when a model with a target misses it.
"""

import argparse
import ctypes
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "models"))

FIVE = ["mobilenet_v2", "resnet50", "vit_b_16", "minilm", "gpt2"]
TARGETS = {"mobilenet_v2", "resnet50"}  # no slower than the best of the others
TOLERANCE = 1.03  # of the ratio: what repeated measurements of one runtime differ by
RUNTIMES = ["pippin", "torch", "onnxruntime", "xnnpack"]
ROUND_SECONDS = 0.5


def load_inputs(models, name):
    import numpy as np

    folder = models / name
    return [np.load(folder / f"input_{i}.npy") for i in range(len(list(folder.glob("input_*.npy"))))]


# ---- Runtimes: each returns a function that runs the model once, giving its first output ----


class Tensor(ctypes.Structure):  # ppn_tensor_t
    _fields_ = [("data", ctypes.c_void_p), ("dtype", ctypes.c_int), ("rank", ctypes.c_int),
                ("sizes", ctypes.c_int64 * 16), ("strides", ctypes.c_int64 * 16)]


class EngineOptions(ctypes.Structure):  # ppn_engine_options_t
    _fields_ = [("numerics", ctypes.c_int), ("thread_count", ctypes.c_int)]


DTYPES = {"bool": 1, "int32": 7, "int64": 9, "float32": 12}


def make_tensor(array):
    tensor = Tensor(array.ctypes.data, DTYPES[array.dtype.name], array.ndim)
    for i in range(array.ndim):
        tensor.sizes[i] = array.shape[i]
        tensor.strides[i] = array.strides[i] // array.itemsize
    return tensor


def pippin(options, name, threads):
    import numpy as np

    package = options.cache / f"{name}.mlpackage"
    if not package.exists():
        subprocess.run([options.tool, "lower", options.models / f"{name}.pt2", "-o", package, "--compute-precision", "float32", "-q"],
                       check=True)
    library = ctypes.CDLL(str(options.tool.parent / "libpippin.so"))
    library.ppn_status_message.restype = ctypes.c_char_p
    library.ppn_model_predict.restype = ctypes.c_void_p

    def check(status):
        if status:
            raise SystemExit(library.ppn_status_message(ctypes.c_void_p(status)).decode())

    def call(function, *arguments):
        getattr(library, function).restype = ctypes.c_void_p
        check(getattr(library, function)(*arguments))

    model, instance = ctypes.c_void_p(), ctypes.c_void_p()
    call("ppn_model_open", str(package).encode(), ctypes.byref(model))
    call("ppn_model_instance_create", model, None, ctypes.byref(EngineOptions(0, threads)), ctypes.byref(instance))
    arrays = load_inputs(options.models, name)
    tensors = (Tensor * len(arrays))(*[make_tensor(array) for array in arrays])
    count = ctypes.c_size_t()
    library.ppn_model_outputs.restype = ctypes.c_void_p
    library.ppn_model_outputs(model, ctypes.c_size_t(0), ctypes.byref(count))
    outputs = (Tensor * count.value)()
    input_count, predict = ctypes.c_size_t(len(arrays)), library.ppn_model_predict

    def run():
        check(predict(instance, tensors, input_count, outputs, count))
        shape = tuple(outputs[0].sizes[:outputs[0].rank])
        buffer = (ctypes.c_float * int(np.prod(shape))).from_address(outputs[0].data)
        return np.frombuffer(buffer, dtype=np.float32).reshape(shape)

    run.keep = arrays
    return run


def torch_eager(options, name, threads):
    import torch
    import zoo

    torch.set_num_threads(threads)
    module, inputs = zoo.build(name)

    def run():
        with torch.inference_mode():
            output = module(*inputs)
        return (output[0] if isinstance(output, (tuple, list)) else output).numpy()

    return run


def onnxruntime(options, name, threads):
    import onnxruntime as ort

    target = options.cache / f"{name}.onnx"
    if not target.exists():
        import torch
        import zoo

        module, inputs = zoo.build(name)
        torch.onnx.export(module, inputs, str(target), dynamo=True, verbose=False)
    settings = ort.SessionOptions()
    settings.intra_op_num_threads = threads
    settings.inter_op_num_threads = 1
    session = ort.InferenceSession(str(target), settings, providers=["CPUExecutionProvider"])
    feed = {item.name: array for item, array in zip(session.get_inputs(), load_inputs(options.models, name))}
    return lambda: session.run(None, feed)[0]


def xnnpack(options, name, threads):
    import torch

    target = options.cache / f"{name}.xnnpack.pte"
    if not target.exists():
        import zoo
        from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
        from executorch.exir import to_edge_transform_and_lower

        module, inputs = zoo.build(name)
        program = to_edge_transform_and_lower(torch.export.export(module, inputs), partitioner=[XnnpackPartitioner()]).to_executorch()
        target.write_bytes(program.buffer)
    from executorch.extension.pybindings import portable_lib

    portable_lib._unsafe_reset_threadpool(threads)
    program = portable_lib._load_for_executorch(str(target))
    inputs = [torch.from_numpy(array) for array in load_inputs(options.models, name)]
    return lambda: program.forward(inputs)[0].numpy()


LOADERS = {"pippin": pippin, "torch": torch_eager, "onnxruntime": onnxruntime, "xnnpack": xnnpack}


# ---- The process of one runtime: "SECONDS" on a line in, "LATENCY_MS CPU_MS" on a line out ----


def work(options, runtime, name, threads):
    import numpy as np

    # What libraries print must not come between the lines.
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    run = LOADERS[runtime](options, name, threads)
    expected = np.load(options.models / name / "expected_0.npy")
    difference = float(np.abs(np.asarray(run(), dtype=np.float64) - expected).max() / np.abs(expected).max())
    print(json.dumps({"difference": difference}), file=replies, flush=True)
    for line in sys.stdin:
        seconds, latencies = float(line), []
        run()
        cpu, begin = time.process_time(), time.perf_counter()
        while time.perf_counter() - begin < seconds or len(latencies) < 3:
            start = time.perf_counter()
            run()
            latencies.append(time.perf_counter() - start)
        cpu = (time.process_time() - cpu) / len(latencies)
        print(json.dumps({"latency": statistics.median(latencies) * 1e3, "cpu": cpu * 1e3}), file=replies, flush=True)


def start(options, runtime, name, threads):
    environment = dict(os.environ, OMP_NUM_THREADS=str(threads))
    command = [sys.executable, __file__, "--tool", options.tool, "--models", options.models, "--worker", runtime, str(threads), name]
    log = open(options.cache / f"{name}.{runtime}.log", "w")
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, env=environment)
    line = process.stdout.readline()
    if not line:
        print(f"  {runtime} could not load {name}: see {log.name}", file=sys.stderr)
        return None, None
    return process, json.loads(line)["difference"]


def measure(options, name, threads):
    processes, differences = {}, {}
    for runtime in options.runtimes:
        process, difference = start(options, runtime, name, threads)
        if process:
            processes[runtime], differences[runtime] = process, difference
    rounds = []
    for _ in range(options.rounds):
        row = {}
        for runtime, process in processes.items():
            print(ROUND_SECONDS, file=process.stdin, flush=True)
            row[runtime] = json.loads(process.stdout.readline())
        rounds.append(row)
    for process in processes.values():
        process.stdin.close()
        process.wait()
    others = [runtime for runtime in processes if runtime != "pippin"]
    result = {"model": name, "threads": threads, "ratio": None, "cpu_ratio": None, "passed": None, "runtimes": {}}
    for runtime in processes:
        result["runtimes"][runtime] = {
            "latency_ms": statistics.median(row[runtime]["latency"] for row in rounds),
            "cpu_ms": statistics.median(row[runtime]["cpu"] for row in rounds),
            "difference": differences[runtime],
        }
    if others and "pippin" in processes:
        for key, source in (("ratio", "latency"), ("cpu_ratio", "cpu")):
            result[key] = statistics.median(row["pippin"][source] / min(row[other][source] for other in others) for row in rounds)
        result["passed"] = result["ratio"] <= TOLERANCE if name in TARGETS else None
    return result


def print_row(row):
    cells = ""
    for runtime in RUNTIMES:
        figures = row["runtimes"].get(runtime)
        cells += f"{figures['latency_ms']:9.2f} ({figures['cpu_ms']:7.1f})" if figures else f"{'—':>19}"
    ratio = f"{row['ratio']:6.2f} ({row['cpu_ratio']:4.2f})" if row["ratio"] else f"{'—':>13}"
    verdict = {True: "PASS", False: "FAIL", None: ""}[row["passed"]]
    difference = row["runtimes"].get("pippin", {}).get("difference", float("nan"))
    print(f"{row['model']:<16}{row['threads']:>3} {cells}   {ratio}  {difference:8.1e}  {verdict}", flush=True)


def main():
    parser = argparse.ArgumentParser(description="Running, beside other runtimes.")
    parser.add_argument("names", nargs="*", default=FIVE, metavar="MODEL")
    parser.add_argument("--tool", type=pathlib.Path, default=ROOT / "build" / "release" / "pippin")
    parser.add_argument("--models", type=pathlib.Path, default=ROOT / "build" / "models")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--runtimes", nargs="+", default=RUNTIMES, choices=RUNTIMES)
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.cache = options.tool.parent / "bench"
    options.cache.mkdir(parents=True, exist_ok=True)
    if options.worker:
        work(options, options.worker[0], options.names[0], int(options.worker[1]))
        return 0

    subprocess.run([sys.executable, ROOT / "tests" / "models" / "build.py", options.models, *options.names],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    print("running: milliseconds per run (CPU milliseconds); ratio of Pippin to the best of the others; Pippin's difference from torch\n")
    print(f"{'':<19} " + "".join(f"{runtime:>19}" for runtime in RUNTIMES) + f"   {'ratio':>13}  {'difference':>8}")
    rows = []
    for threads in options.threads:
        for name in options.names:
            rows.append(measure(options, name, threads))
            print_row(rows[-1])
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2) + "\n")
    return 0 if all(row["passed"] is not False for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
