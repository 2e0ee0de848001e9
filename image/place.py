"""Where things lie, and steps that are done once for each state of what they are made from."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
TREE = HERE.parent
CACHE = Path(os.environ.get("LUNIX_CACHE") or TREE / ".cache") / "image"
IMAGE = CACHE / "lunix.img"
"""Kernel and root, as they are written to the flash."""
TABLE = CACHE / "lunix.json"
"""What takes how many bytes of it."""


def say(text: str) -> None:
    """Tell the person who waits what is done."""
    sys.stderr.write(f"image: {text}\n")


@contextmanager
def locked() -> Generator[None]:
    """Hold the cache: one build at a time."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def step(name: str, made_from: Iterable[str | bytes | Path], make: Callable[[Path], None]) -> Path:
    """The folder that `make` fills, from the cache where nothing of what it is made from has changed."""
    digest = hashlib.sha256()
    for part in made_from:
        content = part.read_bytes() if isinstance(part, Path) else part.encode() if isinstance(part, str) else part
        digest.update(hashlib.sha256(content).digest())
    folder = CACHE / f"{name}-{digest.hexdigest()[:12]}"
    if not folder.exists():
        say(f"{name}: being made")
        with tempfile.TemporaryDirectory(dir=CACHE, prefix="work-") as work:
            made = Path(work) / "made"
            made.mkdir()
            make(made)
            for old in CACHE.glob(f"{name}-*"):
                shutil.rmtree(old)
            made.rename(folder)
    return folder


def run(*argv: str | Path, cwd: Path | None = None, env: dict[str, str] | None = None, log: Path | None = None) -> None:
    """Run a program to its end, its output into a log of which the end is shown where it fails."""
    done = subprocess.run(
        [str(word) for word in argv],
        cwd=cwd,
        env=os.environ | (env or {}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if log:
        log.write_bytes(done.stdout)
    if done.returncode:
        sys.stderr.write(done.stdout.decode(errors="replace")[-6000:])
        raise SystemExit(
            f"image: {argv[0]} failed with {done.returncode}" + (f"; all of it is in {log}" if log else "")
        )
