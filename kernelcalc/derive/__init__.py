"""Derivations: found by tag, checked step by step, shown as text, LaTeX or Markdown."""
