"""Completion, in the real shells: what stands on the command line after a Tab."""

import os
import pty
import select
import subprocess
import time
from pathlib import Path

import pytest

from lunix_testing.command import DEADLINE, environ, lunix


def bash(*words: str) -> list[str]:
    script = """
        eval "$(lunix completion bash)"
        COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _lunix; printf '%s\\n' "${COMPREPLY[@]}"
    """
    done = subprocess.run(
        ("bash", "--norc", "-c", script, "bash", *words), env=environ(), capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    return done.stdout.split()


def fish(line: str) -> dict[str, str]:
    done = subprocess.run(
        ("fish", "-N", "-c", 'lunix completion fish | source; complete -C "$LINE"'),
        env=environ({"LINE": line}),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return {word: meaning for word, _, meaning in (row.partition("\t") for row in done.stdout.splitlines())}


class Zsh:
    """An interactive zsh with our completions."""

    def __init__(self, folder: Path) -> None:
        self._pid, self._terminal = pty.fork()
        if not self._pid:
            os.execvpe("zsh", ("zsh", "-f", "-i"), environ({"TERM": "dumb", "ZDOTDIR": str(folder), "COLUMNS": "200"}))
        self._type("autoload -Uz compinit && compinit -u -D; eval \"$(lunix completion zsh)\"; PS1='REA''DY '\n")
        self.wait_for("READY")

    def _type(self, text: str) -> None:
        os.write(self._terminal, text.encode())

    def tab(self, line: str, *wanted: str) -> None:
        """Type a line and a Tab, and wait until all these words stand on the screen; then clear the line."""
        self._type(f"{line}\t")
        self.wait_for(*wanted)
        self._type("\x15")

    def wait_for(self, *wanted: str) -> None:
        text, end = "", time.monotonic() + DEADLINE
        while not all(word in text for word in wanted):
            ready = select.select([self._terminal], [], [], max(0, end - time.monotonic()))[0]
            assert ready, f"zsh shows {text!r}"
            text += os.read(self._terminal, 65536).decode(errors="replace")

    def close(self) -> None:
        os.close(self._terminal)
        os.waitpid(self._pid, 0)


@pytest.mark.requires("program:bash")
def test_bash_completes_commands_options_and_subjects() -> None:
    assert set(bash("lunix", "s")) == {"script", "serve", "status", "sub", "subjects"}
    assert bash("lunix", "request", "toast.l") == ["toast.list"]
    assert bash("lunix", "status", "--js") == ["--json"]
    assert bash("lunix", "sub", "hardware.>") == ["'hardware.>'"]
    assert bash("lunix", "completion", "") == ["bash", "zsh", "fish"]
    assert bash("lunix", "pub", "--role", "o") == ["observer"]


@pytest.mark.requires("program:fish")
def test_fish_completes_subjects_with_what_they_mean() -> None:
    assert fish("lunix request toast.l") == {"toast.list": "The toasts on the screen or waiting for a pause to end."}
    assert set(fish("lunix s")) == {"script", "serve", "status", "sub", "subjects"}
    assert "hardware.*.*" in fish("lunix sub hard")


@pytest.mark.requires("program:zsh")
def test_zsh_completes_subjects_and_commands(tmp_path: Path) -> None:
    zsh = Zsh(tmp_path)
    try:
        zsh.tab("lunix request toast.l", "toast.list")
        zsh.tab("lunix s", "Show messages as they arrive", "What runs")
    finally:
        zsh.close()


@pytest.mark.requires("program:shellcheck")
def test_the_script_for_bash_is_sound() -> None:
    script = lunix("completion", "bash").out
    subprocess.run(("shellcheck", "-s", "bash", "-"), input=script, text=True, check=True)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_script_is_one_that_its_shell_reads(shell: str) -> None:
    assert "lunix complete -- " in lunix("completion", shell).out


def test_an_unknown_shell_is_refused_with_those_that_are_known() -> None:
    said = lunix("completion", "tcsh")
    assert said.code == 100
    assert "fish" in said.err
