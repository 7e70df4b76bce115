"""What `pippin lower` tells its user, and what it leaves behind when it fails."""

import json
import os
import pty
import resource
import signal
import stat
import subprocess
import time

import pytest
import torch

from tooling import TOOL, load, needs_tool, pippin

pytestmark = needs_tool


class Model(torch.nn.Module):
    def forward(self, x):
        y = torch.sin(x) + 1
        y = torch.sin(y) * torch.lgamma(x)
        return torch.cos(y)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    path = tmp_path_factory.mktemp("source") / "model.pt2"
    torch.export.save(torch.export.export(Model(), (torch.rand(4),)), path)
    return path


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A model that is lowered whole, of 8 MB."""
    path = tmp_path_factory.mktemp("whole") / "model.pt2"
    torch.export.save(torch.export.export(torch.nn.Linear(1024, 2048), (torch.rand(1, 1024),)), path)
    return path


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_what_stays_is_named_with_reason_and_source_line(source, tmp_path):
    result = pippin("lower", source, "-o", tmp_path / "m.pte", "--skip-op", "aten.sin.default")
    skipped, = [line for line in result.stderr.splitlines() if "aten.sin.default" in line]
    assert skipped.startswith("pippin: warning: aten.sin.default stays on the CPU (2 nodes): the skip list names it")
    assert "test_lower_messages.py:22" in skipped and "y = torch.sin(x) + 1" in skipped
    unsupported, = [line for line in result.stderr.splitlines() if "lgamma" in line]
    assert "(1 node)" in unsupported and "test_lower_messages.py:23" in unsupported and "y = torch.sin(y) * torch" in unsupported


@pytest.mark.parametrize("name, message", [
    ("nonsense", "names no operator"), ("aten.add", "names no operator"), ("aten.gellu.default", "matches no node"),
    ("ATEN.LINEAR.DEFAULT", "matches no node"), ("ATEN.ADDMM.DEFAULT", None)])
def test_names_in_the_skip_list_that_do_nothing_are_reported(whole, tmp_path, name, message):
    """A linear layer that is not kept is decomposed to addmm."""
    result = pippin("lower", whole, "-o", tmp_path / "m.pte", "--skip-op", "aten.linear.default", "--skip-op", name)
    assert result.returncode == 0
    lines = [line for line in result.stderr.splitlines() if f"the skip list's '{name}'" in line]
    assert len(lines) == (message is not None) and all(message in line for line in lines)


def test_nothing_is_said_about_what_was_asked_for(whole, tmp_path):
    assert pippin("lower", whole, "-o", tmp_path / "m.pte", "--skip-op", "*").stderr == ""
    assert pippin("lower", whole, "-o", tmp_path / "m.pte").stderr == ""
    result = pippin("lower", whole, "-o", tmp_path / "m.pte", "-q")
    assert result.stdout == result.stderr == ""


def test_summary_json_and_report_agree(whole, tmp_path):
    path = tmp_path / "m.pte"
    result = pippin("lower", whole, "-o", path, "--json", "--report", tmp_path / "report.json")
    summary = json.loads(result.stdout)
    assert summary["output"] == str(path) and summary["bytes"] == path.stat().st_size and summary["seconds"] > 0
    assert summary["methods"] == json.loads((tmp_path / "report.json").read_text())
    method, = summary["methods"]
    assert method["delegated_nodes"] == 1 and method["undelegated"] == []
    partition, = method["partitions"]
    assert partition["specification_version"] == 6 and partition["weight_bytes"] > 2 * 1024 * 2048


def test_progress_on_a_terminal_only(whole, tmp_path):
    master, slave = pty.openpty()
    process = subprocess.Popen([TOOL, "lower", whole, "-o", tmp_path / "m.pte"], stderr=slave, stdout=subprocess.PIPE)
    process.communicate()
    os.close(slave)
    try:
        shown = os.read(master, 1 << 16).decode()
    except OSError:
        shown = ""
    os.close(master)
    assert "lowering" in shown and "%" in shown
    assert shown.endswith("\r\x1b[K")  # nothing of it is left


# ---- Failures ----


@pytest.mark.parametrize("target, message", [
    ("missing/m.pte", "its folder does not exist"),
    ("folder.pte", "it is a folder"),
    ("m.onnx", "expected a name that ends in .pte, .mlpackage or .mlmodelc"),
])
def test_targets_that_cannot_be_written(whole, tmp_path, target, message):
    (tmp_path / "folder.pte").mkdir()
    result = pippin("lower", whole, "-o", tmp_path / target)
    assert result.returncode == (2 if target.endswith("onnx") else 1)
    assert message in result.stderr and target in result.stderr
    assert names_in(tmp_path) == ["folder.pte"]


def test_an_unwritable_report_writes_nothing(whole, tmp_path):
    result = pippin("lower", whole, "-o", tmp_path / "m.pte", "--report", tmp_path / "missing" / "report.json")
    assert result.returncode == 1 and "report" in result.stderr
    assert names_in(tmp_path) == []


def test_a_package_needs_the_whole_program(source, tmp_path):
    result = pippin("lower", source, "-o", tmp_path / "m.mlpackage", "--skip-op", "aten.sin.default")
    assert result.returncode == 1
    assert "stay on the CPU; write a .pte" in result.stderr
    assert names_in(tmp_path) == []


def test_devices_are_written_and_not_replaced(whole, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with open(tmp_path / "read", "wb") as file:
        reader = subprocess.Popen(["cat", pipe], stdout=file)
        assert pippin("lower", whole, "-o", pipe, timeout=60).returncode == 0
        reader.wait(timeout=60)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    pippin("lower", whole, "-o", tmp_path / "m.pte")
    assert (tmp_path / "read").read_bytes() == (tmp_path / "m.pte").read_bytes()


def test_links_keep_their_place(whole, tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "m.pte").write_bytes(b"old")
    (tmp_path / "link.pte").symlink_to(tmp_path / "real" / "m.pte")
    assert pippin("lower", whole, "-o", tmp_path / "link.pte").returncode == 0
    assert (tmp_path / "link.pte").is_symlink() and (tmp_path / "real" / "m.pte").stat().st_size > 3


@pytest.mark.parametrize("target", ["m.pte", "m.mlpackage"])
def test_a_full_disk_leaves_the_old_file(whole, tmp_path, target):
    old = tmp_path / target
    if target.endswith(".pte"):
        old.write_bytes(b"old")
    limit = lambda: (signal.signal(signal.SIGXFSZ, signal.SIG_IGN), resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20)))
    result = pippin("lower", whole, "-o", old, preexec_fn=limit)
    assert result.returncode == 1 and "cannot write" in result.stderr
    assert names_in(tmp_path) == ([target] if target.endswith(".pte") else [])
    if target.endswith(".pte"):
        assert old.read_bytes() == b"old"


def test_a_killed_run_leaves_no_file_under_the_name(tmp_path, whole):
    process = subprocess.Popen([TOOL, "lower", whole, "-o", tmp_path / "m.pte", "-q"])
    time.sleep(0.005)
    process.kill()
    process.wait()
    if (tmp_path / "m.pte").exists():  # it was quicker
        load(tmp_path / "m.pte")


@pytest.mark.parametrize("content, message", [
    (b"", "not a ZIP archive"), (b"hello" * 100, "not a ZIP archive"), (None, "cannot open"), ("half", "truncated")])
def test_inputs_that_are_no_programs(whole, tmp_path, content, message):
    path = tmp_path / "broken.pt2"
    if content == "half":
        content = whole.read_bytes()[: 1 << 20]
    if content is not None:
        path.write_bytes(content)
    result = pippin("lower", path, "-o", tmp_path / "m.pte")
    assert result.returncode == 1
    assert message in result.stderr and "broken.pt2" in result.stderr
    assert not (tmp_path / "m.pte").exists()
