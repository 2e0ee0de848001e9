"""The project speaks of itself alone, and tells its users what changed."""

import re
from pathlib import Path

import pytest

from lunix_testing import tree

# Each expression is written so that it does not find itself.
FORBIDDEN = {
    "a path of the machine that it was written on": r"(?<![\w.])/(?:work|workspace|builds)[/]\w",
    "the host of a package registry": r"pypi[.]org|pythonhosted[.]org|registry[.]npmjs|proxy[.]golang|crates[.]io",
    "a note to oneself": r"\b(?:TO[D]O|FIX[M]E|XX[X])\b",
}
FRAGMENT = re.compile(r"\+[a-z0-9-]+\.(added|changed|fixed|removed|security)\.md")


def _texts() -> list[tuple[Path, str]]:
    texts: list[tuple[Path, str]] = []
    for path in tree.files():
        data = path.read_bytes()
        if b"\0" not in data:
            texts.append((path.relative_to(tree.ROOT), data.decode("utf-8", "replace")))
    return texts


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_holds(what: str) -> None:
    wrong = [
        f"{path}:{number}: {line.strip()[:120]}"
        for path, text in _texts()
        for number, line in enumerate(text.splitlines(), 1)
        if re.search(FORBIDDEN[what], line)
    ]
    assert not wrong, "\n".join(wrong)


def test_every_text_ends_with_a_line_end_and_has_no_carriage_returns() -> None:
    wrong = [str(path) for path, text in _texts() if (text and not text.endswith("\n")) or "\r" in text]
    assert not wrong


def test_every_script_says_what_runs_it() -> None:
    wrong = [
        str(path.relative_to(tree.ROOT))
        for path in tree.files()
        if path.stat().st_mode & 0o111 and not path.read_bytes().startswith(b"#!")
    ]
    assert not wrong


FRAGMENTS = [path for path in tree.files() if path.parent.name == "changelog.d" and path.name != ".gitignore"]


@pytest.mark.parametrize("path", FRAGMENTS, ids=lambda path: path.name)
def test_a_changelog_fragment_is_named_for_its_sort_and_says_a_sentence(path: Path) -> None:
    assert FRAGMENT.fullmatch(path.name), "+<topic>.<added|changed|fixed|removed|security>.md"
    text = path.read_text(encoding="utf-8")
    assert text.strip().endswith(".")
    assert text[0].isalpha() or text[0] == "`"
    assert len(text) <= 600
