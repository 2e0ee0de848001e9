"""What a panic of pydantic_core does on the image, where no stack is unwound (image/unwinding.py)."""

import shutil
import signal
import subprocess
import zipfile
from pathlib import Path

from image import fetch, unwinding
from image.place import HERE

# The library asks `datetime` for its functions in C as it is imported, and panics where there are none.
_PANIC = """
import sys, types
sys.path.insert(0, sys.argv[1])
sys.modules["datetime"] = types.ModuleType("datetime")
import pydantic_core
"""


def test_a_panic_tells_what_it_was_and_ends_the_process(python: Path, tmp_path: Path) -> None:
    for wheel in fetch.wheels():
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(tmp_path)
    unwinding.leave_out_of(tmp_path, tmp_path)
    shutil.copy(HERE / "lean/decimal.py", tmp_path)
    words = (python, "-I", "-S", "-c", _PANIC, tmp_path)
    done = subprocess.run(words, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == -signal.SIGABRT
    assert "panicked at" in done.stderr
    assert "datetime" in done.stderr
