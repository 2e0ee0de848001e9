"""A person's own scripts under ``lunix up``: dropped into a folder, granted, run, changed, and taken away."""

import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from lunix_testing.command import LunixUp, Result, lunix, wait_until
from lunix_testing.command import lunix_up as lunix_up

Start = Callable[..., LunixUp]

SAYS = """#!/bin/sh
# lunix: uses toast.in
lunix request toast.in '{"summary": "WORDS", "urgency": "critical"}'
echo "said WORDS"
exec sleep 1000
"""


class Scripts:
    """A ``lunix up`` and the folder of its scripts."""

    def __init__(self, start: Start, home: Path) -> None:
        self._env = {"XDG_CONFIG_HOME": str(home)}
        self.folder = home / "lunix" / "scripts"
        self.up = start("--port", "0", "--only", "toast", env=self._env)

    def __call__(self, verb: str, *arguments: str) -> Result:
        return lunix("script", verb, "--state", str(self.up.state), *arguments, env=self._env)

    def write(self, name: str, text: str, mode: int = 0o755) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        draft = self.folder / f".{name}"
        draft.write_text(text)
        draft.chmod(mode)
        draft.rename(self.folder / name)

    def state(self, name: str) -> tuple[str, str]:
        """What `lunix script list` says: its state, and why."""
        found = {item["name"]: item for item in self("list", "--json").json()["items"]}
        return found[name]["state"], found[name]["why"]

    def until(self, name: str, state: str) -> None:
        wait_until(lambda: self.state(name)[0] == state, f"{name} is {state}")

    def until_said(self, name: str, words: str) -> None:
        wait_until(lambda: words in self("logs", name).out, f"{name} says {words!r}")


@pytest.fixture
def scripts(lunix_up: Start, tmp_path: Path) -> Scripts:
    return Scripts(lunix_up, tmp_path / "home")


def test_a_script_runs_when_it_was_granted_what_it_asks_for(scripts: Scripts) -> None:
    assert "there is no script in" in scripts("list").out
    scripts.write("tea.sh", SAYS.replace("WORDS", "tea"))
    assert scripts.state("tea") == ("off", "not granted: lunix script grant tea")
    silent = scripts("logs", "tea")
    assert silent.code == 100
    assert "the script tea does not run: not granted: lunix script grant tea" in silent.err
    refused = scripts("grant", "tea")
    assert (refused.code, "give it --yes" in refused.err) == (100, True)
    granted = scripts("grant", "tea", "--yes")
    assert (granted.code, "Show a toast." in granted.out) == (0, True), granted
    scripts.until("tea", "up")
    scripts.until_said("tea", "said tea")
    toasts = scripts.up("request", "toast.list").json()["items"]
    assert [toast["summary"] for toast in toasts] == ["tea"]
    statuses = {row["name"]: row for row in scripts.up("status", "--json").json()["daemons"]}
    assert (statuses["script-tea"]["state"], statuses["script-tea"]["why"]) == ("ready", "")


def test_a_script_that_changes_is_started_anew_and_one_that_wants_more_is_stopped(scripts: Scripts) -> None:
    scripts.write("tea.sh", SAYS.replace("WORDS", "tea"))
    assert scripts("grant", "tea", "--yes").code == 0
    scripts.until_said("tea", "said tea")
    scripts.write("tea.sh", SAYS.replace("WORDS", "coffee"))
    scripts.until_said("tea", "said coffee")
    scripts.write("tea.sh", SAYS.replace("uses toast.in", "uses toast.in init.poweroff"))
    wait_until(lambda: "script-tea" not in scripts.up.record["units"], "tea is stopped")
    assert scripts.state("tea") == ("off", "not granted: lunix script grant tea")
    scripts.write("tea.sh", SAYS.replace("WORDS", "milk"))
    scripts.until_said("tea", "said milk")
    (scripts.folder / "tea.sh").unlink()
    wait_until(lambda: "script-tea" not in scripts.up.record["units"], "tea is stopped again")


def test_what_was_revoked_is_stopped_and_its_key_is_worth_nothing(scripts: Scripts) -> None:
    scripts.write("tea.sh", SAYS.replace("WORDS", "tea"))
    assert scripts("grant", "tea", "--yes").code == 0
    scripts.until("tea", "up")
    key = scripts.up.state / "keys" / "script-tea.nk"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert scripts("revoke", "tea").code == 0
    scripts.until("tea", "off")
    assert not key.exists()
    again = scripts("revoke", "tea")
    assert (again.code, "nothing was granted" in again.err) == (100, True)


def test_one_that_ends_well_is_done_and_one_that_fails_is_tried_again(scripts: Scripts) -> None:
    scripts.write("once.sh", "#!/bin/sh\n# lunix: uses toast.in\necho done\n")
    scripts.write("bad.sh", "#!/bin/sh\n# lunix: uses toast.in\necho trying\nexit 3\n")
    for name in ("once", "bad"):
        assert scripts("grant", name, "--yes").code == 0
    scripts.until_said("once", "done")
    scripts.until("once", "done")
    wait_until(lambda: scripts("logs", "bad").out.count("trying") >= 2, "bad is tried again")
    # State and reason of one answer: between two it may have been started again.
    wait_until(lambda: " ".join(scripts.state("bad")).startswith("backoff exited (exit code 3)"), "the list says why")


def test_a_script_may_do_what_was_granted_and_nothing_else(scripts: Scripts) -> None:
    text = "#!/bin/sh\n# lunix: uses toast.in\nlunix request toast.list\necho code $?\nexec sleep 1000\n"
    scripts.write("nosy.sh", text)
    assert scripts("grant", "nosy", "--yes").code == 0
    scripts.until_said("nosy", "code 1\n")
    assert "may not send toast.list" in scripts("logs", "nosy").out


@pytest.mark.parametrize("language", ["python", "shell", "node"])
def test_a_new_script_asks_for_what_it_uses(scripts: Scripts, language: str) -> None:
    made = scripts("new", "door", "--language", language)
    assert made.code == 0
    assert Path(made.out.splitlines()[0]).parent == scripts.folder
    assert scripts.state("door") == ("off", "not granted: lunix script grant door")
    again = scripts("new", "door", "--language", language)
    assert (again.code, "is there already" in again.err) == (100, True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("new", "../door"), "is no name for a script"),
        (("grant", "door"), "there is no script 'door'"),
        (("grant", "silent"), "it does not say what it uses"),
        (("grant", "wrong"), "did you mean 'toast.in'?"),
    ],
)
def test_a_mistake_is_told(scripts: Scripts, arguments: tuple[str, ...], said: str) -> None:
    scripts.write("silent.sh", "#!/bin/sh\n")
    scripts.write("wrong.sh", "#!/bin/sh\n# lunix: uses toast.inn\n")
    done = scripts(*arguments)
    assert (done.code, said in done.err) == (100, True), done
