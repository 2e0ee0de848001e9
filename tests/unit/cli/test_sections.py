"""Mistakes in lunix.toml that no daemon would tell."""

from pathlib import Path

import pytest

from lunix_cli import doctor, sections
from lunix_common.errors import UsageError
from lunix_common.subjects import TABLE


def file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "lunix.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("section", "hint"),
    [("taost", "did you mean [toast]?"), ("toasts", "did you mean [toast]?"), ("zzzz", "there are bluetooth, init, ")],
)
def test_a_section_that_nobody_reads_is_told(tmp_path: Path, section: str, hint: str) -> None:
    path = file(tmp_path, f"[toast]\n[up]\n[{section}]\n")
    [strange] = sections.strangers(TABLE.daemons, [tmp_path / "none.toml", path])
    assert strange.startswith(f"{path}: nobody reads the section [{section}]: {hint}")
    finding = doctor.settings([path])
    assert (finding.verdict, finding.found) == (doctor.Verdict.NOTE, strange)


def test_a_file_that_is_no_toml_is_bad(tmp_path: Path) -> None:
    path = file(tmp_path, "[toast\n")
    with pytest.raises(UsageError, match="line 1"):
        list(sections.strangers(TABLE.daemons, [path]))
    assert doctor.settings([path]).verdict is doctor.Verdict.BAD


def test_files_in_order_are_named(tmp_path: Path) -> None:
    path = file(tmp_path, "[toast]\n")
    assert doctor.settings([path, tmp_path / "none.toml"]).found == str(path)
    assert "no lunix.toml" in doctor.settings([]).found


@pytest.mark.parametrize("daemon", TABLE.daemons)
def test_every_daemon_takes_no_settings_at_all(daemon: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert sections.problem(daemon) == ""


def test_a_wrong_setting_is_the_daemons_problem(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "lunix").mkdir()
    (tmp_path / "lunix" / "lunix.toml").write_text('[natsdev]\nsuorce = "kernel"\n')
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert "natsdev has no setting suorce: did you mean source?" in sections.problem("natsdev")
    assert sections.problem("toast") == ""
