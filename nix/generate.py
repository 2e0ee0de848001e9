"""Write ``nix/daemons.json`` anew: from the table of what each daemon needs, and from the models of their settings."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "docs" / "_ext"))

from subject_pages import field_docs

from lunix_cli import sections
from lunix_cli.shipping import nix
from lunix_cli.shipping.needs import ROWS

TARGET = HERE / "daemons.json"


def text() -> str:
    """What the file should hold."""
    models = {name: found for name in ROWS if name not in ("bus", "init") and (found := sections.model(name))}
    texts = {
        name: {key: said for base in reversed(found.__mro__) for key, said in field_docs(base).items()}
        for name, found in models.items()
    }
    return nix.daemons(models, texts)


if __name__ == "__main__":
    TARGET.write_text(text(), encoding="utf-8")
