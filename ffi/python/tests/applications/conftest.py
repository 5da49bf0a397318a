"""Programs of the examples, run as their readers run them."""

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture
def example(tmp_path):
    """Runs an example in an empty folder, and returns the lines that it prints; `-m pytest` runs one of tests."""

    def run(name, *options):
        done = subprocess.run(
            [sys.executable, *options, str(EXAMPLES / name)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.splitlines()

    return run
