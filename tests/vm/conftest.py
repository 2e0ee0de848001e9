"""The image of the tree, built once a run, and machines that boot from it."""

from functools import partial
from pathlib import Path

import pytest

from lunix_testing.vm import Boot, Image, Machine, build_image


@pytest.fixture(scope="session")
def vm_image() -> Image:
    return build_image()


@pytest.fixture
def machine(vm_image: Image, tmp_path: Path) -> Boot:
    """Make a machine with the keyword arguments of ``Machine``; its console is written to the test's folder."""
    return partial(Machine, vm_image, folder=tmp_path)
