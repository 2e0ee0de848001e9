"""A pytest plugin: what a test requires of the machine, and that no skip goes unnoticed.

``--only-listed-skips`` makes a run fail that skipped a test for a reason that is not listed, so that no tier falls
silent. The list is a TOML file of ``[[skip]]`` tables with ``reason`` and ``because``, which the ini option
``allowed_skips`` names.
"""

import tomllib
from collections.abc import Generator

import pytest

from lunix_testing import requires

UNLISTED = 6
"""The exit status of a run in which tests failed and others were skipped that may not be; 5 is the last of pytest's."""
_skipped = pytest.StashKey[dict[str, list[str]]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini("allowed_skips", "the file that lists the skips which --only-listed-skips accepts", type="paths")
    parser.addoption(
        "--only-listed-skips",
        action="store_true",
        help="fail at the end when a test was skipped for a reason that is not listed",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_skipped] = {}
    config.addinivalue_line("markers", "requires(*names): what lunix_testing.requires knows; else the test is skipped")


def pytest_runtest_setup(item: pytest.Item) -> None:
    names = [name for name in ("root", "vm") if item.get_closest_marker(name)]
    for marker in item.iter_markers("requires"):
        names += marker.args
    for name in names:
        reason = requires.missing(name)
        if reason:
            pytest.skip(reason)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped and not hasattr(report, "wasxfail"):
        _note(item.config, report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if report.skipped:
        _note(collector.config, report)
    return report


def _note(config: pytest.Config, report: pytest.TestReport | pytest.CollectReport) -> None:
    sentence = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    config.stash[_skipped].setdefault(sentence.removeprefix("Skipped: "), []).append(report.nodeid)


def _unlisted(config: pytest.Config) -> dict[str, list[str]]:
    if not config.getoption("--only-listed-skips"):
        return {}
    listed = {
        entry["reason"]
        for path in config.getini("allowed_skips")
        for entry in tomllib.loads(path.read_text(encoding="utf-8")).get("skip", [])
        if entry["because"]
    }
    return {reason: nodes for reason, nodes in config.stash[_skipped].items() if reason not in listed}


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    if _unlisted(session.config):
        # A test that failed beside it may pass alone: that makes no skip allowed.
        session.exitstatus = pytest.ExitCode.TESTS_FAILED if exitstatus == pytest.ExitCode.OK else UNLISTED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for reason, nodes in _unlisted(config).items():
        terminalreporter.write_line(f"NOT LISTED: {reason}: {', '.join(nodes)}", red=True)
