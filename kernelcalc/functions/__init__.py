"""Functions of one variable: activation functions and surrogate derivatives."""
