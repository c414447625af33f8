"""A user's formula, as LaTeX or text, read safely and compared with the derived one."""
