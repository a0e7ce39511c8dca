"""How `make docs` builds the documentation. Pages keep their places and links: the whole project is the source."""

import sys
from pathlib import Path

from sphinx.application import Sphinx

import termwise

sys.path.insert(0, str(Path(__file__).parent))
import reference_pages

project, author, release = "termwise", "The termwise developers", termwise.__version__
copyright = "the termwise developers"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.mathjax", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
root_doc = "docs/index"
include_patterns = ["*.md", "docs/*.md", "docs/reference/*", "benchmarks/RESULTS.md", "examples/README.md"]
exclude_patterns = [".*", "build", "dist", "runs", "src", "tests"]
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88
napoleon_use_rtype = False

html_theme = "furo"
html_title = "termwise"
html_extra_path = ["start"]
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#3d5a80", "color-brand-content": "#3d5a80"},
    "dark_css_variables": {"color-brand-primary": "#9dbce0", "color-brand-content": "#9dbce0"},
}

reference_pages.write(Path(__file__).parent / "reference")


def setup(app: Sphinx) -> None:
    """Let docstrings be what they are, plain text, before Napoleon reads their sections."""
    app.connect("autodoc-process-docstring", reference_pages.as_restructured_text, priority=100)
