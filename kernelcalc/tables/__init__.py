"""The formula tables: LaTeX, Markdown and PDF, every cell from a derived object (`collection.py`)."""
