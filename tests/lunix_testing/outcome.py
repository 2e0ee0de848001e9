"""A pytest plugin: ``--outcome FILE`` writes down how a run ended and what failed, for ``tests/repo/again.py``."""

import json
from collections.abc import Generator
from pathlib import Path

import pytest

_failed = pytest.StashKey[dict[str, None]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--outcome", type=Path, metavar="FILE", help="write the exit status and what failed to this file")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_failed] = {}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        item.config.stash[_failed][item.nodeid] = None
    return report


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if file := session.config.getoption("--outcome"):
        # Other plugins have had their say on the status.
        outcome = {"status": int(session.exitstatus), "failed": [*session.config.stash[_failed]]}
        file.write_text(json.dumps(outcome))
