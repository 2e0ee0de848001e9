"""Manual pages in the wheel, where ``make man`` has made them.

Sphinx makes them of the reference; whoever installs from a source archive finds them in it, and needs no Sphinx.
"""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

MADE = Path("docs", "_build", "man")


def pages(root: Path) -> list[Path]:
    """What was made below ``root``, relative to it."""
    return sorted(path.relative_to(root) for path in root.glob(f"{MADE}/man[1-8]/*"))


class ManualPages(BuildHookInterface[Any]):
    """Called by hatchling as it builds a wheel or a source archive."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add them; an editable installation has none."""
        root = Path(self.root)
        if self.target_name == "sdist":
            # As artifacts they would have hatchling look for them in all that git ignores.
            build_data["force_include"].update({str(root / page): str(page) for page in pages(root)})
        elif version == "standard":
            where = {str(root / page): f"share/man/{page.parent.name}/{page.name}" for page in pages(root)}
            build_data["shared_data"].update(where)
