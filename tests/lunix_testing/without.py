"""Run pytest as on a machine that lacks some modules.

    python -m lunix_testing.without ssl,_ssl,uvloop tests/unit/common ...

A name for which ``sys.modules`` holds ``None`` cannot be imported, and has no spec: as if it were not installed.
"""

import sys

import pytest


def pytest_configure() -> None:
    """What is looked for here, an import that fails, is found by the first example."""
    import hypothesis

    hypothesis.settings.register_profile("few", max_examples=2, deadline=None)
    hypothesis.settings.load_profile("few")


def main() -> int:
    """Take the names away, import the bus as a daemon does, and run the tests; returns pytest's exit code."""
    names = sys.argv[1].split(",")
    for name in [name for name in sys.modules if name.partition(".")[0] in names]:
        del sys.modules[name]
    for name in names:
        sys.modules[name] = None  # type: ignore[assignment]  # pyright: ignore[reportArgumentType]
    import lunix_common.bus  # noqa: F401  # pyright: ignore[reportUnusedImport]

    return pytest.main(sys.argv[2:], plugins=[sys.modules[__name__]])


if __name__ == "__main__":
    sys.exit(main())
