"""pytest plugin: coremltools' own tests believe that they are on a Mac and predict through Pippin.

Used by ``coremltools_tests.py``, which says how tests are chosen and counted."""

import asyncio
import fnmatch
import importlib.util
import inspect
import json
import os
import pathlib
import sys
import types
import unittest.mock

import pytest

os.environ.setdefault("PYMIL_TEST_TARGETS", "mlprogram")  # read when the tests are imported

if importlib.util.find_spec("mock") is None:  # some tests import it by its old name, and look at its version
    sys.modules["mock"] = types.ModuleType("mock")
    vars(sys.modules["mock"]).update(vars(unittest.mock), version_info=(5, 0, 0))

import pippin.coremltools  # noqa: E402

pippin.coremltools.enable()

import coremltools._deps  # noqa: E402

coremltools._deps._IS_MACOS = True

from coremltools.converters.mil import testing_utils  # noqa: E402

# Programs that are only to be checked become ML Programs too.
testing_utils.assert_model_is_valid.__defaults__ = tuple(
    ("mlprogram", "fp32") if default == ("neuralnetwork", "fp32") else default
    for default in testing_utils.assert_model_is_valid.__defaults__)

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


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    """Tests that are coroutines run to their end; no plugin is needed for them."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    asyncio.run(pyfuncitem.obj(**arguments))
    return True


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


def _write(config, **line):
    if config.getoption("--results"):
        with open(config.getoption("--results"), "a") as file:
            file.write(json.dumps(line) + "\n")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.failed and "Pippin runs ML Programs only" in str(report.longrepr):  # those are none of ours
        path, line, _ = item.location
        report.outcome, report.longrepr = "skipped", (path, line, "Skipped: not an ML Program")
    if call.when == "call" or not report.passed:
        message = call.excinfo.exconly().strip()[:400] if call.excinfo is not None else ""
        _write(item.config, test=_name(item.nodeid), outcome=_outcome(item, report), seconds=round(call.duration, 2),
               message=message)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    """A file that cannot be imported is a failure too."""
    report = yield
    if report.failed:
        _write(collector.config, test=_name(collector.nodeid), outcome="failed", message=str(report.longrepr)[-400:])
    return report
