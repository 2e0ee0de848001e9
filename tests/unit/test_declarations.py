"""Declarations of third parties join the table, or are refused with a sentence that says what to mend."""

from pathlib import Path

import pytest

from lunix_common.declarations import directory, load
from lunix_common.subjects import TABLE, Kind, Role

GARDEN = """
domain = "garden"
daemon = "gardener"
doc = "The greenhouse."

[[subject]]
pattern = "garden.<bed>.dry"
kind = "event"
doc = "A bed needs water."
role = "observer"

[[subject]]
pattern = "garden.water"
kind = "command"
"""


def test_a_file_joins_the_table(tmp_path: Path) -> None:
    (tmp_path / "garden.toml").write_text(GARDEN)
    table = load(tmp_path)
    assert table.find("garden.tomatoes.dry") is table["garden.<bed>.dry"]
    assert table["garden.<bed>.dry"].role is Role.OBSERVER
    assert table["garden.lost"].daemon == "gardener"
    assert table.domain("garden").doc == "The greenhouse."
    assert table.daemons == (*TABLE.daemons, "gardener")


def test_a_subject_that_names_no_role_is_for_the_admin(tmp_path: Path) -> None:
    (tmp_path / "garden.toml").write_text(GARDEN)
    row = load(tmp_path)["garden.water"]
    assert (row.kind, row.role, row.reply) == (Kind.COMMAND, Role.ADMIN, "common.Anything")


def test_a_file_may_name_the_field_of_bare_text(tmp_path: Path) -> None:
    (tmp_path / "garden.toml").write_text(GARDEN + 'bare = "bed"\n')
    table = load(tmp_path)
    assert table["garden.water"].bare == "bed"
    assert table["garden.<bed>.dry"].bare is None


def test_a_file_may_name_what_its_daemon_uses(tmp_path: Path) -> None:
    (tmp_path / "garden.toml").write_text('uses = ["toast.shown", "hardware.get"]\n' + GARDEN)
    table = load(tmp_path)
    assert table.uses == {**TABLE.uses, "gardener": ("toast.shown", "hardware.get")}


def test_the_directory_can_be_named() -> None:
    assert directory({}) == Path("/etc/lunix/subjects.d")
    assert directory({"LUNIX_SUBJECTS_DIR": "/tmp/mine"}) == Path("/tmp/mine")


def test_no_directory_is_no_declaration(tmp_path: Path) -> None:
    assert load(tmp_path / "subjects.d").subjects == TABLE.subjects


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "README").write_text("not TOML")
    assert load(tmp_path).subjects == TABLE.subjects


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("domain = 'a", "Illegal character|newline|Expected"),
        ("daemon = 'x'", "domain is missing"),
        ("domain = 'x'", "daemon is missing"),
        ("domain = 7\ndaemon = 'x'", "domain = 7 is not a text"),
        ("domain = 'a.b'\ndaemon = 'x'", r"domain = 'a\.b': use letters"),
        ("domain = 'a'\ndaemon = 'x y'", "daemon = 'x y': use letters"),
        ("domain = '_INBOX'\ndaemon = 'x'", r"'_INBOX\.lost' is no pattern"),
        ("domain = 'hardware'\ndaemon = 'x'", "hardware: declared already"),
        ("domain = 'user'\ndaemon = 'x'", "user: declared already"),
        ("domain = 'a'\ndaemon = 'natsdev'", "daemon = 'natsdev' is the identity of another one already"),
        ("domain = 'a'\ndaemon = 'x'\nsubjects = []", r"unknown key 'subjects': did you mean subject\?"),
        ("domain = 'a'\ndaemon = 'x'\nqqq = []", "unknown key 'qqq': known are daemon, doc, domain, subject, uses"),
        ("domain = 'a'\ndaemon = 'x'\nuses = 'toast.shown'", "uses is an array of patterns"),
        ("domain = 'a'\ndaemon = 'x'\nuses = ['toast.seen']", r"uses: 'toast\.seen' is not declared"),
        ("domain = 'a'\ndaemon = 'x'\nuses = ['toast.in']", r"toast\.in needs the role user"),
        ("domain = 'a'\ndaemon = 'x'\nsubject = 'y'", r"write \[\[subject\]\]"),
        ("domain = 'a'\ndaemon = 'x'\nsubject = ['y']", r"write \[\[subject\]\]"),
    ],
)
def test_a_mistake_in_a_file_is_told_with_its_name(text: str, complaint: str, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(text)
    with pytest.raises(ValueError, match=rf"mine\.toml: .*(?:{complaint})"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ("kind = 'event'", "pattern is missing"),
        ("pattern = 'a.b'", "kind is missing"),
        ("pattern = 'a.b'\nkind = 'fact'", "kind = 'fact': known are event, query, command"),
        ("pattern = 'a.b'\nkind = 'event'\nrole = 'root'", "role = 'root': known are observer, user, admin, grant"),
        ("pattern = 'a.b'\nkind = 'event'\nroel = 'user'", r"unknown key 'roel': did you mean role\?"),
        ("pattern = 'b.c'\nkind = 'event'", r"b\.c is outside the domain 'a'"),
        ("pattern = 'a.>'\nkind = 'event'", r"'a\.>' is no pattern"),
        ("pattern = 'a.lost'\nkind = 'event'", r"a\.lost: declared already"),
    ],
)
def test_a_mistake_in_a_row_is_told(row: str, complaint: str, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(f"domain = 'a'\ndaemon = 'x'\n[[subject]]\n{row}\n")
    with pytest.raises(ValueError, match=rf"mine\.toml: .*{complaint}"):
        load(tmp_path)


def test_two_files_cannot_take_the_same_domain(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(GARDEN)
    (tmp_path / "b.toml").write_text(GARDEN.replace("gardener", "other"))
    with pytest.raises(ValueError, match=r"b\.toml: garden: declared already"):
        load(tmp_path)


def test_bytes_that_are_not_text_are_told(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_bytes(b"\xff")
    with pytest.raises(ValueError, match=r"mine\.toml: .*utf-8"):
        load(tmp_path)
