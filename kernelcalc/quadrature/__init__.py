"""The independent witness: Gaussian expectations and kernels integrated from their definitions in mpmath.

It shares no code with the closed forms, and it checks itself: every integral is taken on two meshes at two
precisions, which must agree to the digits asked for.
"""

from kernelcalc.quadrature.gaussian import dual, mean
from kernelcalc.quadrature.recursion import Layer, generalized, layers, nngp, ntk, sgntk

__all__ = ["Layer", "dual", "generalized", "layers", "mean", "nngp", "ntk", "sgntk"]
