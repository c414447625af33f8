"""From a program to the source of a module that Numba compiles."""
