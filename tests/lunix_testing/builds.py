"""Programs of other languages that tests need: built once a checkout and version, skipped where that cannot be done."""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from lunix_testing.tree import ROOT

PATIENCE_S = 600

_GO = Path("/usr/local/go/bin")
_CARGO = Path.home() / ".cargo" / "bin"


def _program(name: str) -> str:
    """The path of a compiler; skips the test where there is none."""
    found = shutil.which(name) or shutil.which(name, path=f"{_GO}:{_CARGO}")
    if found is None:
        pytest.skip(f"needs the program {name}")
    return found


def go(cache: pytest.Cache) -> Path:
    """The example for Go."""
    target = cache.mkdir("built-go") / "automations"
    _build((_program("go"), "build", "-o", str(target), "."), ROOT / "examples/go", "the Go module nats.go")
    return target


def go_peer(cache: pytest.Cache, name: str) -> Path:
    """A program for Go that only tests use, from ``tests/languages/<name>``."""
    target = cache.mkdir(f"built-go-{name}") / name
    _build((_program("go"), "build", "-o", str(target), "."), ROOT / "tests/languages" / name, "the Go module nats.go")
    return target


def rust(cache: pytest.Cache) -> Path:
    """The example for Rust."""
    folder = cache.mkdir("built-rust")
    # A copy, because cargo writes a lock file beside the sources. Files that are the same keep their times.
    for name in ("Cargo.toml", "src/main.rs"):
        text = (ROOT / "examples/rust" / name).read_text(encoding="utf-8")
        copy = folder / name
        copy.parent.mkdir(exist_ok=True)
        if not copy.exists() or copy.read_text(encoding="utf-8") != text:
            copy.write_text(text, encoding="utf-8")
    words = ("build", "--quiet", "--config", "profile.dev.debug=false", "--target-dir", str(folder))
    _build((_program("cargo"), *words), folder, "the crate async-nats")
    return folder / "debug" / "automations"


def c(cache: pytest.Cache) -> Path:
    """The example for C."""
    compiler = _program("cc")
    if not Path("/usr/include/nats/nats.h").exists():
        pytest.skip("needs the package libnats-dev")
    target = cache.mkdir("built-c") / "automations"
    strict = ("-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter")
    subprocess.run((compiler, *strict, "automations.c", "-o", target, "-lnats"), cwd=ROOT / "examples/c", check=True)
    return target


def _build(command: Sequence[str], folder: Path, what: str) -> None:
    """Build it; skips the test where its dependencies cannot be had, and fails for what does not compile."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    if done.returncode:
        away = ("dial tcp", "lookup ", "Could not resolve", "failed to download", "no such host", "network")
        if any(sign in done.stderr for sign in away):
            pytest.skip(f"needs {what}")
        raise AssertionError(done.stderr)
