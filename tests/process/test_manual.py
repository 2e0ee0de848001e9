"""Every command of the README and the manual is run here, or is on a committed list with the reason why it is not."""

import os
import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import pytest

from lunix_testing import manual
from lunix_testing.command import LunixUp, environ
from lunix_testing.tree import ROOT

pytestmark = pytest.mark.timeout(900)  # of a page: half a second a command, on a machine that has time

PLANS = manual.plans()
NOTHING = manual.Plan()
NAMED = ("scripts/greeter.py",)  # the script of the tutorial, which its plan copies where a person edits
COMMANDS = {page: found for page in manual.pages() if (found := manual.commands(page))}


def plan_of(page: str) -> manual.Plan:
    return PLANS.get(page, NOTHING)


def here(page: str) -> list[manual.Command]:
    """The commands of a page that are run here; those of root's by root alone."""
    plan = plan_of(page)
    return [
        one
        for one in COMMANDS[page]
        if (one.harmless or one.line in plan.also)
        and one.line not in plan.not_run
        and not plan.elsewhere
        and (os.geteuid() == 0 or not one.root)
    ]


@pytest.mark.parametrize("page", COMMANDS)
def test_a_command_is_run_or_listed(page: str) -> None:
    plan = plan_of(page)
    known = {*plan.also, *plan.not_run}
    unknown = [one.line for one in COMMANDS[page] if not (one.harmless or one.line in known or plan.elsewhere)]
    assert not unknown, f"tests/process/manual.toml knows neither how to run nor why not: {unknown}"


@pytest.mark.parametrize("page", PLANS)
def test_what_is_listed_is_on_its_page(page: str) -> None:
    typed = {one.line for one in COMMANDS.get(page, ())}
    plan = plan_of(page)
    assert typed
    assert {*plan.also, *plan.not_run, *plan.typed, *plan.first} <= typed
    assert all(len(why.split()) > 2 for why in plan.not_run.values())
    text = (ROOT / page).read_text(encoding="utf-8")
    assert [word for word in plan.stands_for if word not in text] == []


@pytest.mark.parametrize("page", [page for page, plan in PLANS.items() if plan.elsewhere])
def test_a_page_that_is_run_elsewhere_is_named_there(page: str) -> None:
    assert page in (ROOT / plan_of(page).elsewhere).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout to stand in, which is a home as well."""
    folder = tmp_path_factory.mktemp("manual")
    for name in ("examples", "docs", "init", "tests"):
        (folder / name).symlink_to(ROOT / name)
    (folder / ".venv").symlink_to(Path(sys.prefix))
    return folder


@pytest.fixture(scope="module")
def env(home: Path) -> dict[str, str]:
    """What a person's shell has. Nothing is measured: these programs are measured by their own tests."""
    plain = {name: value for name, value in environ().items() if not name.startswith("COVERAGE_")}
    return plain | {"HOME": str(home), "CHECKOUT": str(ROOT), "PATH": f"{Path(sys.executable).parent}:{plain['PATH']}"}


@pytest.fixture(scope="module")
def up(home: Path, env: dict[str, str]) -> Iterator[LunixUp]:
    """The bus that all pages speak of, with every daemon that this machine supports."""
    running = LunixUp(home / "state", env=env)
    try:
        assert manual.until(running.process, b"ready\n") == b"ready\n", running.log.read_text()
        yield running
        assert running.stop() == 0
    finally:
        running.close()


@pytest.fixture
def terminal(up: LunixUp, home: Path, env: dict[str, str]) -> Iterator[manual.Terminal]:
    opened = manual.Terminal(home, env | {"LUNIX_STATE": str(up.state)})
    yield opened
    (home / ".exported").unlink()
    wrong = opened.close()
    assert not wrong, "\n".join(wrong)


class Reader:
    """Somebody who types a page into a terminal."""

    def __init__(self, plan: manual.Plan, terminal: manual.Terminal) -> None:
        self._plan, self._terminal = plan, terminal
        self._known: dict[str, str] = {}

    def do(self, line: str) -> None:
        code, printed = self._terminal.type(line)
        assert code == 0, f"{line}: exit code {code}: {printed}"

    def type(self, one: manual.Command) -> None:
        if one.line in self._plan.first:
            self.do(self._plan.first[one.line])
        line, shown = self._here(one.line), self._here(one.printed)
        if one.goes_on:
            self._terminal.begin(line)
            return
        code, printed = self._terminal.type(line, self._plan.typed.get(one.line, ""))
        assert (code != 0) == one.fails, f"{line}: exit code {code}: {printed}"
        missing = manual.differs(printed, shown)
        assert not missing, f"{line}: the page shows {missing}, and not: {printed}"

    def _here(self, text: str) -> str:
        """The text with what its examples of names are here."""
        for word, words in self._plan.stands_for.items():
            if word in text:
                if word not in self._known:
                    code, printed = self._terminal.type(f'printf %s "{words}"')
                    assert code == 0, printed
                    assert printed, f"{words} is nothing"
                    self._known[word] = printed
                text = text.replace(word, self._known[word])
        return text


@pytest.mark.parametrize(
    "page",
    [pytest.param(page, marks=pytest.mark.requires(*plan_of(page).needs)) for page in COMMANDS if here(page)],
)
def test_a_page_does_what_it_says(page: str, terminal: manual.Terminal) -> None:
    plan = plan_of(page)
    reader = Reader(plan, terminal)
    try:
        for line in plan.before:
            reader.do(line)
        for block, together in groupby(here(page), lambda one: one.block):
            # Nobody reads a reference from its top to its end.
            if block and page.startswith("docs/reference/"):
                terminal.forget()
            for one in together:
                reader.type(one)
    finally:
        for line in plan.after:
            reader.do(line)


def test_comments_continued_lines_and_indented_blocks_are_understood() -> None:
    text = """
1. One:

   ```console
   $ one \\
       two      # and why
   said
   # three
   ```

```{code-block} console
:caption: There
$ four
```

```sh
$ five
```
"""
    found = [(one.line, one.root, one.printed) for one in manual.in_text("a.md", text)]
    assert found == [("one     two", False, "said"), ("three", True, ""), ("four", False, "")]


@pytest.mark.parametrize(
    ("printed", "shown", "missing"),
    [
        ("DAEMON STATE\ntoast ready\n", "DAEMON   STATE\ntoast    up", []),
        ("DAEMON STATE\n", "DAEMON   STATE\ntoast    up", ["toast"]),
        ('{"id": "1", "more": 2}\n', '{"id": "2a1b07-2"}', []),
        ('{"error": 1}\n', '{"id": …}', ['"id":']),
        ("anything\n", "", []),
    ],
)
def test_what_a_page_shows_is_compared_by_keys_and_first_words(printed: str, shown: str, missing: list[str]) -> None:
    assert manual.differs(printed, shown) == missing
