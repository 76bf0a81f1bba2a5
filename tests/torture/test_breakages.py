"""The tests notice mistakes: each breakage of tests/breakages.yaml fails the test that it names."""

import subprocess
import sys

import pytest
from conftest import TOOLS


@pytest.mark.long
def test_every_breakage_is_noticed():
    done = subprocess.run([sys.executable, TOOLS / "breakages.py"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count(" noticed in ") == 20
