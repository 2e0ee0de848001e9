"""Which files of the folder are scripts, and which of them may run."""

import os
from pathlib import Path

import pytest

from lunix_cli.script_folder import MOST_BYTES, Script, folder, survey
from lunix_common.access.roles import Client
from lunix_common.subjects import TABLE, Role

HEADER = "#!/bin/sh\n# lunix: uses toast.in\n"
LAMP = Client("script-lamp", Role.USER, only=("toast.in",))


def write(path: Path, text: str = HEADER, mode: int = 0o755) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


def look(path: Path, *clients: Client) -> Script:
    (script,) = survey(path.parent, TABLE, clients)
    return script


def test_a_script_that_was_granted_what_it_asks_for_may_run(tmp_path: Path) -> None:
    path = write(tmp_path / "lamp.sh")
    script = look(path, LAMP)
    assert (script.name, script.service, script.asks, script.problem) == ("lamp", "script-lamp", ("toast.in",), "")
    write(path, HEADER + "echo\n")
    assert look(path, LAMP).version != script.version


@pytest.mark.parametrize(
    ("name", "text", "mode", "said"),
    [
        ("lamp.sh", HEADER, 0o755, "not granted: lunix script grant lamp"),
        ("lamp.sh", "#!/bin/sh\n", 0o755, "add a comment `lunix: uses SUBJECT ...`"),
        ("lamp.sh", "#!/bin/sh\n# lunix: uses toast.inn\n", 0o755, "did you mean 'toast.in'?"),
        ("lamp.sh", HEADER, 0o644, "it is not executable: chmod +x "),
        ("lamp.sh", HEADER, 0o775, "others may change it: chmod go-w "),
        ("lamp.sh", HEADER, 0o757, "others may change it: chmod go-w "),
        ("a lamp.sh", HEADER, 0o755, "use letters, digits, _ and -"),
        ("lamp.sh", "#" * (MOST_BYTES + 1), 0o755, "it is larger than"),
    ],
)
def test_why_one_does_not_run_is_told(tmp_path: Path, name: str, text: str, mode: int, said: str) -> None:
    assert said in look(write(tmp_path / name, text, mode)).problem


def test_a_folder_that_others_may_change_holds_no_script_that_runs(tmp_path: Path) -> None:
    path = write(tmp_path / "lamp.sh")
    tmp_path.chmod(0o777)
    assert f"chmod go-w {tmp_path}" in look(path, LAMP).problem


def test_what_is_no_file_or_not_there_does_not_run(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o755)
    (tmp_path / "gone").symlink_to("nowhere")
    problems = {script.name: script.problem for script in survey(tmp_path, TABLE, ())}
    assert problems == {"pipe": "it is no file", "gone": "it cannot be read: No such file or directory"}


@pytest.mark.root
def test_a_script_of_somebody_else_does_not_run(tmp_path: Path) -> None:
    path = write(tmp_path / "lamp.sh")
    os.chown(path, 65534, -1)
    assert "belongs to uid 65534" in look(path, LAMP).problem


def test_two_files_of_one_name_are_told_apart(tmp_path: Path) -> None:
    write(tmp_path / "lamp.py")
    write(tmp_path / "lamp.sh")
    first, second = survey(tmp_path, TABLE, [LAMP])
    assert (first.problem, second.problem) == ("", "lamp.py has the name lamp already: rename one")


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    for name in (".lamp.sh.swp", "lamp.sh~", "lamp.bak", "README.md", ".hidden", "package.json", "package-lock.json"):
        write(tmp_path / name)
    (tmp_path / "node_modules").mkdir()
    assert survey(tmp_path, TABLE, ()) == []
    assert survey(tmp_path / "none", TABLE, ()) == []


def test_the_folder_is_beside_the_settings() -> None:
    assert folder({"XDG_CONFIG_HOME": "/somewhere"}) == Path("/somewhere/lunix/scripts")
