#!/usr/bin/env python3
"""Runs coremltools' own tests, predicting through Pippin, and says how many pass.

    coremltools_tests.py FOLDER [--every N] [--report FILE] [TESTS …]

FOLDER holds ``coremltools/``: a checkout of its repository, or the site-packages folder of an installation. TESTS are paths
below ``coremltools/``, by default those of MIL's operations and passes, of ML Programs and of the API. ``--every N`` runs every
N-th test of each file, as all of them take hours. Only the ML Program backend is tested; tests of other kinds of models are
skipped ("foreign"). Failures that are known are listed, with reasons, in ``coremltools_known_failures.txt``; the exit code is 1
when another test fails, or a listed one passes ("fixed")."""

import argparse
import collections
import importlib.util
import json
import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
PYTHON = HERE.parents[1] / "python"
TESTS = ["converters/mil/mil/ops/tests", "converters/mil/mil/passes/tests", "test/ml_program", "test/api"]
OUTCOMES = ["passed", "failed", "known", "fixed", "skipped", "foreign"]


def with_native_modules(folder, scratch):
    """The folder itself, or links to it with the native modules that a checkout lacks: those of the installed package."""
    package = folder / "coremltools"
    if not package.is_dir():
        sys.exit(f"{folder} has no coremltools/")
    if list(package.glob("libmilstoragepython*")):
        return folder
    installed = importlib.util.find_spec("coremltools")
    if installed is None:
        sys.exit("coremltools is not installed; its native modules are needed beside a checkout")
    (scratch / "coremltools").mkdir()
    for source in [*package.iterdir(), *pathlib.Path(installed.origin).parent.glob("lib*.so")]:
        (scratch / "coremltools" / source.name).symlink_to(source.resolve())
    return scratch


def run(root, path, every, results):
    environment = dict(os.environ)
    paths = [str(root), str(HERE), str(PYTHON), environment.get("PYTHONPATH", "")]
    environment.update(PYTHONPATH=os.pathsep.join(filter(None, paths)), PYMIL_TEST_TARGETS="mlprogram",
                       PYTHONDONTWRITEBYTECODE="1")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "coremltools_plugin", "--tb=short",
               "-W", "ignore", "--continue-on-collection-errors", "--every", str(every), "--results", str(results), str(path)]
    done = subprocess.run(command, env=environment, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    lines = [json.loads(line) for line in results.read_text().splitlines()] if results.exists() else []
    if done.returncode not in (0, 1, 5):  # 1: tests failed, 5: none were collected
        print(done.stdout)
        lines.append({"test": str(path.relative_to(root / "coremltools")), "outcome": "failed",
                      "message": f"pytest itself ended with {done.returncode}"})
    return lines


def show(lines):
    files = collections.defaultdict(list)
    for line in lines:
        files[line["test"].partition("::")[0]].append(line)
    for name, file_lines in files.items():
        counts = collections.Counter(line["outcome"] for line in file_lines)
        print(f"{name[-70:]:70}" + "".join(f"{counts[outcome]:9}" for outcome in OUTCOMES))
        for line in file_lines:
            if line["outcome"] in ("failed", "fixed"):
                print(f"  {line['outcome']}: {line['test']}: {line.get('message', '')}")
    sys.stdout.flush()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("tests", nargs="*", default=TESTS)
    parser.add_argument("--every", type=int, default=1, metavar="N")
    parser.add_argument("--report", type=pathlib.Path, help="write every test's outcome here, one JSON object a line")
    arguments = parser.parse_args()
    lines = []
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        (scratch / "root").mkdir()
        root = with_native_modules(arguments.folder.resolve(), scratch / "root")
        print(f"{'':70}" + "".join(f"{outcome:>9}" for outcome in OUTCOMES), flush=True)
        for i, test in enumerate(arguments.tests):
            path = root / "coremltools" / test
            if not path.exists():
                sys.exit(f"{path} does not exist")
            part = run(root, path, arguments.every, scratch / f"{i}.jsonl")
            show(part)
            lines += part
    total = collections.Counter(line["outcome"] for line in lines)
    print(f"{'all':70}" + "".join(f"{total[outcome]:9}" for outcome in OUTCOMES))
    ran = total["passed"] + total["failed"] + total["known"] + total["fixed"]
    if ran:
        print(f"{100 * (total['passed'] + total['fixed']) / ran:.2f} % of {ran} tests pass")
    if arguments.report:
        arguments.report.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return 1 if total["failed"] or total["fixed"] or not ran else 0


if __name__ == "__main__":
    sys.exit(main())
