"""A lunix-init for each test: with cgroups where the machine has them, and without."""

from collections.abc import Iterator

import pytest

from lunix_testing.init import InitProgram


@pytest.fixture
def init() -> Iterator[InitProgram]:
    """One that uses cgroups where it can; not started yet."""
    with InitProgram() as program:
        yield program


@pytest.fixture
def bare_init() -> Iterator[InitProgram]:
    """One that uses no cgroups; not started yet."""
    with InitProgram("--no-cgroups") as program:
        yield program
