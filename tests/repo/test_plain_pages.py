"""The manual is read where it lies, too: a page says where it leads, and what it shows, to who has not built it."""

import re
from pathlib import Path

import pytest

from lunix_testing.tree import ROOT, files

PAGES = [path for path in files() if path.suffix == ".md" and path.is_relative_to(ROOT / "docs")]

INDEXES = [page for page in PAGES if page.name == "index.md"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_can_be_read_without_building_it(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert re.findall(r"\[\]\([^)]*\)", text) == [], "a link without words is seen by nobody"
    assert "{image}" not in text, "![what it shows](path) is a picture everywhere"
    for included in re.findall(r"\{literalinclude\} (?:\.\./)*(\S+)", text):
        assert f"`{included}`" in text, f"name {included} for who sees an empty block"


@pytest.mark.parametrize(
    "index", [page for page in PAGES if page.name == "index.md"], ids=lambda page: page.parent.name
)
def test_an_index_leads_to_each_of_its_pages(index: Path) -> None:
    text = index.read_text(encoding="utf-8")
    named = re.findall(r"^([a-z0-9/-]+)$", text.partition("{toctree}")[2], re.MULTILINE)
    missing = [name for name in named if f"({name}.md)" not in text]
    assert missing == [name for name in missing if name in ("contributing", "changelog")]
