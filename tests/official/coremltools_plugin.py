"""pytest plugin: coremltools' own tests believe that they are on a Mac and predict through Pippin.

Used by ``coremltools_tests.py``, which says how tests are chosen and counted."""

import fnmatch
import json
import os
import pathlib

import pytest

os.environ.setdefault("PYMIL_TEST_TARGETS", "mlprogram")  # read when the tests are imported

import pippin.coremltools  # noqa: E402

pippin.coremltools.enable()

import coremltools._deps  # noqa: E402

coremltools._deps._IS_MACOS = True

_KNOWN_FAILURES = pathlib.Path(__file__).with_name("coremltools_known_failures.txt")
_KNOWN = pytest.StashKey()


def pytest_addoption(parser):
    parser.addoption("--every", type=int, default=1, metavar="N", help="run every N-th test of each file only")
    parser.addoption("--results", metavar="FILE", help="append every test's outcome, one JSON object a line")


# ---- Which tests ----


def known_failures():
    """Pairs of a pattern for test names and a reason. Lines: ``pattern  # reason``; names start below coremltools/."""
    for line in _KNOWN_FAILURES.read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            pattern, _, reason = line.partition("  # ")
            yield pattern.strip().replace("[", "[[]"), reason.strip()


def _name(nodeid):
    return nodeid.rpartition("coremltools/")[2]


def _sample(items, every):
    seen = {}
    for item in items:
        seen[item.path] = index = seen.get(item.path, -1) + 1
        if index % every == 0:
            yield item


def pytest_collection_modifyitems(config, items):
    items[:] = _sample(items, config.getoption("--every"))
    known = list(known_failures())
    for item in items:
        for pattern, reason in known:
            if fnmatch.fnmatchcase(_name(item.nodeid), pattern):
                item.stash[_KNOWN] = reason
                break


# ---- What became of them ----


def _outcome(item, report):
    known = item.stash.get(_KNOWN, None)
    if hasattr(report, "wasxfail"):  # coremltools expects it to fail itself: passing is no failure
        return "skipped" if report.skipped else "passed"
    if report.skipped:
        return "foreign" if "not an ML Program" in str(report.longrepr) else "skipped"
    if report.failed:
        return "known" if known else "failed"
    return "fixed" if known else "passed"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """Tests of other kinds of models are none of ours."""
    try:
        return (yield)
    except Exception as error:
        if "Pippin runs ML Programs only" in str(error):
            pytest.skip("not an ML Program")
        raise


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    path = item.config.getoption("--results")
    if path and (call.when == "call" or not report.passed):
        line = {"test": _name(item.nodeid), "outcome": _outcome(item, report), "seconds": round(call.duration, 2)}
        if call.excinfo is not None:
            line["message"] = call.excinfo.exconly().strip()[:400]
        with open(path, "a") as file:
            file.write(json.dumps(line) + "\n")
    return report
