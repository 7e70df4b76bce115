"""Generates tokens with a `.pte` made from llama.py's programs, without torch.

usage: llama_run.py FILE.pte EXPECTED.json        prints one line of JSON: tokens, seconds, and memory in bytes

Memory is the process's resident memory: before the program is loaded (the interpreter with NumPy and the library), when both
methods are loaded, and when both have run.
"""

import json
import pathlib
import sys
import time

import numpy as np


def generate(methods, tokens, cache_shape, count):
    """Greedy tokens: `methods` are functions of arrays by name, with the model's arguments and results."""
    keys, values = np.zeros(cache_shape, np.float32), np.zeros(cache_shape, np.float32)
    generated, position = [], 0
    while len(generated) < count:
        length = tokens.shape[1]
        positions = np.arange(position, position + length, dtype=np.int32)
        logits, new_keys, new_values = methods["prefill" if position == 0 else "decode"](tokens, positions, keys, values)
        keys[:, :, positions], values[:, :, positions] = new_keys, new_values
        position += length
        generated.append(int(logits.argmax()))
        tokens = np.array([[generated[-1]]], np.int32)
    return generated


def resident_memory():
    """VmRSS and its parts in bytes."""
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    fields = dict(line.split(":", 1) for line in lines)
    return {name: int(fields[name].split()[0]) * 1024 for name in ("VmRSS", "RssAnon", "RssFile")}


def main():
    from pippin.runtime import Runtime

    expected = json.loads(pathlib.Path(sys.argv[2]).read_text())
    memory = {"before": resident_memory()}
    program = Runtime.get().load_program(sys.argv[1])
    methods = {name: program.load_method(name) for name in ("prefill", "decode")}
    memory["loaded"] = resident_memory()
    seconds = {name: [] for name in methods}

    def timed(name):
        def call(*arguments):
            begin = time.perf_counter()
            outputs = methods[name].execute(arguments)
            seconds[name].append(time.perf_counter() - begin)
            return outputs

        return call

    calls = {name: timed(name) for name in methods}
    tokens = generate(calls, np.array(expected["prompt"], np.int32), expected["cache_shape"], len(expected["tokens"]))
    memory["run"] = resident_memory()
    print(json.dumps({"tokens": tokens, "memory": memory, "prefill_seconds": seconds["prefill"][0],
                      "decode_seconds": float(np.median(seconds["decode"]))}))


if __name__ == "__main__":
    main()
