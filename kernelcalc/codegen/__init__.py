"""Kernels and expectations as self-contained source code in other languages, through SymPy's printers."""
