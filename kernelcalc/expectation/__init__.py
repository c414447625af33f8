"""Gaussian expectations, derived by rules that leave a trace."""
