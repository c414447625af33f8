"""From a derived closed form to machine code: stable form, source, Numba, cache."""
