"""The programs under test, as processes: these tests know them by their command lines only."""

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("mirrorbus", "operations-center")


def folder():
    return ROOT / os.environ.get("CARGO_TARGET_DIR", "target") / "debug"


def missing():
    return [str(folder() / name) for name in NAMES if not (folder() / name).exists()]


def path(name):
    return str(folder() / name)


def operations_center(*arguments):
    """Runs the vendor's stand-in and gives what it printed."""
    command = [path("operations-center"), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
    return done.stdout
