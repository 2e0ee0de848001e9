"""Packages of npm that a test needs, installed once a checkout; skipped with a reason where that is not possible."""

import fcntl
import shutil
import subprocess
from pathlib import Path

import pytest


def installed(cache: pytest.Cache, package: str, version: str) -> Path:
    """The ``node_modules`` folder with this version of the package; skips the test where npm cannot get it."""
    folder = cache.mkdir(f"npm-{package.strip('@').replace('/', '-')}-{version}")
    modules = folder / "node_modules"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another part of the tests may need the same
        if (folder / "complete").exists():
            return modules
        if shutil.which("npm") is None:
            pytest.skip("needs the program npm")
        command = ("npm", "install", "--no-audit", "--no-fund", "--prefix", str(folder), f"{package}@{version}")
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        if done.returncode:
            pytest.skip(f"needs the npm package {package}")
        (folder / "complete").touch()
    return modules
