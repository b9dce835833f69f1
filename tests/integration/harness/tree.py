"""Where the project's own files are."""

from pathlib import Path

TREE = Path(__file__).parents[3]
DOCS = TREE / "docs"
