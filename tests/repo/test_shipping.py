"""The units that ship: every daemon has one, what is committed is what the table says, and systemd takes them all."""

import os
import subprocess
from pathlib import Path

import pytest

from lunix_cli import daemons
from lunix_cli.shipping import files, units_init, units_systemd
from lunix_cli.shipping.needs import ROWS, SESSION, SYSTEM, Needs
from lunix_init import unit_dir
from lunix_testing import tree

COMMITTED = sorted((tree.ROOT / "init" / "units" / "lunix").glob("*.toml"))
analyze = pytest.mark.requires("program:systemd-analyze")
every_service = pytest.mark.parametrize("row", [*SYSTEM, *SESSION], ids=lambda row: row.name)


def test_every_daemon_says_what_it_needs() -> None:
    missing = set(daemons.names()) - set(ROWS)
    assert not missing, f"add a row for {', '.join(sorted(missing))} to cli/lunix_cli/shipping/needs.py"


def test_a_row_runs_what_the_project_has() -> None:
    scripts = tree.project()["project"]["scripts"]
    for row in ROWS.values():
        assert row.command[0] in scripts
        assert row.module in tree.packages()
        assert row.name == "bus" or row.module == daemons.module(row.name)


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: path.stem)
def test_a_unit_of_lunix_init_is_the_one_of_the_table(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == units_init.unit(ROWS[path.stem])


def test_lunix_init_takes_every_unit(tmp_path: Path) -> None:
    for name, text in units_init.files().items():
        (tmp_path / name).write_text(text)
    errors, _ = unit_dir.check([str(tmp_path)])
    assert errors == []


@pytest.fixture(scope="module")
def units(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All units of systemd, as if the programs were /bin/true."""
    folder = tmp_path_factory.mktemp("units")
    programs = dict.fromkeys(files.programs(""), "/bin/true")
    made = units_systemd.files(programs) | units_systemd.session_files(programs)
    for name, text in made.items():
        (folder / name).write_text(text)
    return folder


@analyze
@pytest.mark.parametrize("user", [False, True], ids=["system", "session"])
def test_systemd_finds_no_mistake_in_the_units(units: Path, user: bool, tmp_path: Path) -> None:
    names = [f"{row.unit}.service" for row in (SESSION if user else SYSTEM)] + ([] if user else [units_systemd.TARGET])
    options = ["--man=no", "--recursive-errors=no", *(["--user"] if user else [])]
    done = subprocess.run(
        ["systemd-analyze", "verify", *options, *(str(units / name) for name in names)],
        capture_output=True, text=True, timeout=60, check=False,
        env=os.environ | {"XDG_RUNTIME_DIR": str(tmp_path)},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


@analyze
@every_service
def test_systemd_finds_a_service_as_closed_as_its_row_says(units: Path, row: Needs) -> None:
    unit = units / f"{row.unit}.service"
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", f"--threshold={round(row.exposure * 10)}", str(unit)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:]


@analyze
def test_a_service_that_is_open_would_be_told(units: Path, tmp_path: Path) -> None:
    """The check above sees what it is for."""
    (tmp_path / "open.service").write_text("[Service]\nExecStart=/bin/true\n")
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=30", str(tmp_path / "open.service")],
        capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode != 0


@pytest.mark.requires("program:systemd-sysusers", "program:systemd-tmpfiles")
@pytest.mark.root
def test_users_and_folders_are_made_in_another_root(tmp_path: Path) -> None:
    for path, text in files.systemd(files.programs("/usr/bin"), files.VENDOR).items():
        (tmp_path / path[1:]).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path[1:]).write_text(text)
    (tmp_path / "etc").mkdir()
    subprocess.run(
        ["systemd-sysusers", f"--root={tmp_path}", "lunix.conf"], check=True, timeout=60, capture_output=True
    )
    passwd = (tmp_path / "etc/passwd").read_text()
    assert all(f"{row.user}:" in passwd for row in SYSTEM if row.user != "root")
    assert "lunix-admin:" in (tmp_path / "etc/group").read_text()
    subprocess.run(
        ["systemd-tmpfiles", "--create", f"--root={tmp_path}", "lunix.conf"],
        check=True, timeout=60, capture_output=True,
    )  # fmt: skip
    assert (tmp_path / "var/lib/lunix").is_dir()
