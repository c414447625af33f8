"""Properties of a function of z: pieces, jumps, kinks, derivative, parity, bounds.

Everything rests on ``pieces``: the real line is cut so that on each open interval the function is one
analytic expression. Zeros are found exactly. Parameters may stay symbols where their assumptions settle every
comparison; where they do not, and where the mathematics is out of reach, InputError says so.
"""

from kernelcalc.functions.bounds import bound, bounded, envelope, lipschitz, steep
from kernelcalc.functions.breaks import breakpoints, derivative, jumps, kinks
from kernelcalc.functions.decide import compare, inside, is_infinite
from kernelcalc.functions.limiting import limits
from kernelcalc.functions.pieces import Piece, parity, pieces, split

__all__ = [
    "Piece",
    "bound",
    "bounded",
    "breakpoints",
    "compare",
    "derivative",
    "envelope",
    "inside",
    "is_infinite",
    "jumps",
    "kinks",
    "limits",
    "lipschitz",
    "parity",
    "pieces",
    "split",
    "steep",
]
