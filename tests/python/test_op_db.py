"""A fixed choice of PyTorch's operator database (tests/op_db): each outcome is the one that the list of failures states."""

import pathlib
import subprocess
import sys

RUN = pathlib.Path(__file__).resolve().parents[1] / "op_db" / "run.py"


def test_a_choice_of_operators_has_the_outcomes_that_the_list_states():
    result = subprocess.run([sys.executable, RUN, "--samples", "1", "--one-dtype", "--fraction", "0.08", "--seed", "5", "--check"],
                            capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "samples equal" in result.stdout
