"""Every subject is in the reference, with a message that was really seen."""

import sys
from functools import cache
from pathlib import Path

import pytest

from lunix_common.subjects import TABLE, Domain, Subject
from lunix_testing import examples, tree

sys.path.insert(0, str(tree.ROOT / "docs" / "_ext"))

import man_pages
import subject_pages

REFERENCE = tree.ROOT / "docs" / "reference"
every_subject = pytest.mark.parametrize("row", TABLE.subjects, ids=lambda row: row.pattern)


ANNOUNCEMENTS = ("common.Lost", "common.Ready")


every_domain = pytest.mark.parametrize("domain", TABLE.domains, ids=lambda domain: domain.name)


@every_domain
def test_a_page_of_the_daemon_includes_what_is_generated_from_the_table(domain: Domain) -> None:
    page = REFERENCE / f"{domain.daemon}.md"
    assert page.exists()
    assert f"{{include}} generated/{domain.name}.md" in page.read_text(encoding="utf-8")
    assert f"\n{domain.daemon}\n" in (REFERENCE / "index.md").read_text(encoding="utf-8")


@every_domain
def test_a_page_of_the_daemon_says_how_it_is_configured_and_how_it_fails(domain: Domain) -> None:
    text = (REFERENCE / f"{domain.daemon}.md").read_text(encoding="utf-8")
    assert "\n## Configuration\n" in text
    assert "\n## How it fails\n" in text


@cache
def page_of(domain: str) -> str:
    return subject_pages.page(TABLE, TABLE.domain(domain), examples.FOLDER)


@every_subject
def test_a_subject_is_in_the_reference(row: Subject) -> None:
    assert f"### `{row.pattern}`\n\n{row.doc}\n" in page_of(row.domain)
    assert f"[`{row.pattern}`](#{subject_pages.anchor(row)})" in subject_pages.overview(TABLE)


RECORD = "record one: make test ARGS='--record-examples tests'"


@pytest.mark.parametrize("row", [row for row in TABLE if row.payload not in ANNOUNCEMENTS], ids=lambda row: row.pattern)
def test_a_subject_has_a_recorded_message(row: Subject) -> None:
    assert examples.path_of(row).exists(), RECORD


@pytest.mark.parametrize("payload", ANNOUNCEMENTS)
def test_what_a_publisher_tells_of_itself_has_a_recorded_message(payload: str) -> None:
    """They look alike in all domains."""
    assert any(examples.path_of(row).exists() for row in TABLE if row.payload == payload), RECORD


@pytest.mark.parametrize("path", sorted(examples.FOLDER.glob("*.json")), ids=lambda path: path.stem)
def test_a_recorded_message_is_what_the_table_declares(path: Path) -> None:
    example = examples.read(path)
    example.check()
    assert examples.path_of(example.row) == path
    assert subject_pages.example_path(examples.FOLDER, example.row) == path
    assert path.read_text(encoding="utf-8") == example.text()


def test_every_page_is_in_a_table_of_contents() -> None:
    """Sphinx warns of it as well; this needs no Sphinx."""
    indexes = [path.read_text(encoding="utf-8") for path in tree.files() if path.name == "index.md"]
    forgotten = [
        str(path.relative_to(tree.ROOT))
        for path in tree.files()
        if path.is_relative_to(tree.ROOT / "docs")
        and path.suffix == ".md"
        and path.name != "index.md"
        and not path.stem[:1].isdigit()
        and not any(f"\n{path.stem}\n" in index for index in indexes)
    ]
    assert not forgotten


def test_each_decision_has_a_number_of_its_own_that_its_title_repeats() -> None:
    pages = sorted((tree.ROOT / "docs" / "adr").glob("0*.md"))
    numbers = [int(path.name[:4]) for path in pages]
    assert len(set(numbers)) == len(numbers)
    titles = [path.read_text(encoding="utf-8").partition("\n")[0] for path in pages]
    assert [title for number, title in zip(numbers, titles, strict=True) if not title.startswith(f"# {number}. ")] == []


PARTS_OF_OTHERS = {"lunix-login-pam", "lunix-init-bus"}
"""Programs that no person starts: PAM and lunix-init do."""


def test_each_program_has_a_manual_page_and_each_manual_page_a_source() -> None:
    pages = man_pages.pages(TABLE)
    assert set(tree.project()["project"]["scripts"]) - PARTS_OF_OTHERS - {name for _, name, *_ in pages} == set()
    assert [document for document, *_ in pages if not (tree.ROOT / "docs" / f"{document}.md").exists()] == []


def test_all_settings_are_on_one_page() -> None:
    assert "{include} generated/configuration.md" in (REFERENCE / "configuration.md").read_text(encoding="utf-8")
