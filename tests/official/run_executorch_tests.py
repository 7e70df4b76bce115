#!/usr/bin/env python3
"""Runs the tests of ExecuTorch's Core ML backend against Pippin.

    build/python/bin/python tests/official/run_executorch_tests.py [FOLDER] [-k EXPRESSION]

FOLDER is a checkout of ExecuTorch, or the folder of the installed package (the default). Its backends/apple/coreml/test/*.py
are copied to a temporary folder with these changes, and pytest runs the copies:

* `executorch.` becomes `pippin.` where Pippin stands for what follows (imports, expressions, strings);
* the flags by which the tests ask whether they are on a Mac are true: Pippin runs Core ML here;
* torchvision's models have random weights: the tests look at graphs only, and nothing is downloaded.

Every test must pass, except those that cannot_pass.txt names with the reason; one of these that passes is an error too.
"""

import argparse
import ast
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
TESTS = pathlib.Path("backends", "apple", "coreml", "test")
MIRRORED = re.compile(
    r"\bexecutorch\.(?=(exir|backends\.apple\.coreml|runtime|export|devtools|extension\.pybindings|extension\.export_util)\b)")
RUNTIME_FLAGS = {"_TEST_RUNTIME", "IS_VALID_TEST_RUNTIME", "_CAN_RUN_WITH_PYBINDINGS"}

# The copies import each other as a package, whose folder is the temporary one.
CONFTEST = """
import sys
import types

sys.path[:0] = [{models!r}, {package!r}]
import torchvision_definitions

models = torchvision_definitions.load()
sys.modules["torchvision"].models = models
for name in ("vit_b_16", "mobilenet_v2", "mobilenet_v3_small"):
    make = getattr(models, name)
    setattr(models, name, lambda weights=None, make=make, **options: make(weights=None, **options))

tests = types.ModuleType("pippin.backends.apple.coreml.test")
tests.__path__ = [{folder!r}]
sys.modules[tests.__name__] = tests
"""


def installed():
    import importlib.util

    spec = importlib.util.find_spec("executorch")
    if spec is None:
        sys.exit("the executorch package is not installed: name the folder of a checkout")
    return pathlib.Path(list(spec.submodule_search_locations)[0])


def enable_runtime(text):
    """The text with each flag's assignment, at the level of the module, made `FLAG = True`."""
    lines = text.splitlines(keepends=True)
    for statement in reversed(ast.parse(text).body):
        target = statement.targets[0] if isinstance(statement, ast.Assign) else getattr(statement, "target", None)
        if isinstance(target, ast.Name) and target.id in RUNTIME_FLAGS:
            lines[statement.lineno - 1 : statement.end_lineno] = [f"{target.id} = True\n"]
    return "".join(lines)


def rewrite(source, target):
    paths = sorted((source / TESTS).glob("*.py"))
    if not paths:
        sys.exit(f"{source / TESTS} holds no tests: expected the folder of ExecuTorch")
    for path in paths:
        (target / path.name).write_text(enable_runtime(MIRRORED.sub("pippin.", path.read_text())))
    (target / "conftest.py").write_text(
        CONFTEST.format(models=str(ROOT / "tests" / "models"), package=str(ROOT / "python"), folder=str(target)))


def run(folder, arguments):
    """Results by test: name -> (passed, first line of the failure)."""
    report = folder / "report.xml"
    environment = {"PIPPIN_LIBRARY": str(ROOT / "build" / "release" / "libpippin.so"), **os.environ}
    subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=short", f"--junitxml={report}",
                    f"--rootdir={folder}", *arguments, folder], env=environment)
    if not report.exists():
        sys.exit("pytest wrote no report")
    results = {}
    for case in xml.etree.ElementTree.parse(report).iter("testcase"):
        problem = next((child for child in case if child.tag in ("failure", "error", "skipped")), None)
        message = "" if problem is None else " ".join(problem.get("message", "").split())[:160]
        file, _, owner = (case.get("classname") or "").rpartition(".")
        name = f"{file or owner}::{case.get('name')}"
        results[name] = (problem is None, message)
    return results


def read_list(path):
    """The lines "file::test: reason"."""
    entries = {}
    for line in path.read_text().splitlines():
        if line and not line.startswith("#"):
            name, separator, reason = line.partition(": ")
            if not separator:
                sys.exit(f"{path}: expected 'file::test: reason', found '{line}'")
            entries[name] = reason
    return entries


def compare(results, cannot_pass, is_selection):
    """Prints a line for each test; returns how many are not as the list says."""
    wrong = 0
    for name, (passed, message) in sorted(results.items()):
        known = cannot_pass.get(name)
        if passed:
            verdict = "pass" if known is None else "PASSES, but cannot_pass.txt names it: drop the line"
        else:
            verdict = f"cannot pass: {known}" if known else f"FAIL: {message}"
        wrong += passed == (known is not None)
        print(f"{name}: {verdict}")
    missing = [] if is_selection else sorted(set(cannot_pass) - set(results))
    for name in missing:
        print(f"{name}: NO SUCH TEST, but cannot_pass.txt names it: drop the line")
    passed = sum(passed for passed, _ in results.values())
    print(f"\n{passed} of {len(results)} pass; {wrong + len(missing)} not as cannot_pass.txt says")
    return wrong + len(missing)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", nargs="?", type=pathlib.Path, help="a checkout of ExecuTorch; default: the installed package")
    parser.add_argument("-k", dest="expression", help="only tests that match, as for pytest")
    parser.add_argument("--pytest", nargs=argparse.REMAINDER, default=[], help="further arguments of pytest's")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        rewrite(options.folder or installed(), folder)
        results = run(folder, [*(["-k", options.expression] if options.expression else []), *options.pytest])
    wrong = compare(results, read_list(HERE / "cannot_pass.txt"), bool(options.expression))
    sys.exit(1 if wrong or not results else 0)


if __name__ == "__main__":
    main()
