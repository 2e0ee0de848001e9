"""Sphinx: MyST pages, and the reference pages that are generated from the declared table at each build."""

import sys
from pathlib import Path

from lunix_common import __version__
from lunix_common.subjects import TABLE

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))

import configuration_pages
import man_pages as manual_pages
import service_pages
import subject_pages

project = "lunix"
author = copyright = "The lunix authors"
release = version = __version__

extensions = ["myst_parser"]
myst_enable_extensions = ["colon_fence", "deflist", "fieldlist"]
myst_heading_anchors = 3
nitpicky = True
exclude_patterns = ["_build", "_ext", "reference/generated", "reference/examples"]

html_theme = "furo"
html_title = "lunix"
html_show_sphinx = False

subject_pages.write(TABLE, HERE / "reference" / "generated", HERE / "reference" / "examples")
service_pages.write(HERE / "reference" / "generated")
configuration_pages.write(TABLE, HERE / "reference" / "generated")

man_pages = manual_pages.pages(TABLE)
man_make_section_directory = True
