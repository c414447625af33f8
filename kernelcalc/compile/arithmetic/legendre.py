"""Gauss-Legendre rules on [0, 1], and which of them an integral of price.py needs.

The integrands are those of the bivariate normal distribution in t = tan(phi/2), 0 < t < tan(asin(r)/2):
analytic but for t = +-1 and +-i, times exp(k t) with |k| up to `steep`. Each rule is taken as far as it errs
by less than 5e-16, whatever the kinks are. The last two have panels that halve towards 1, for r near 1 and
r = 1, where integrands change last at 1 - t = 1/sqrt(a).
"""

import math
from itertools import pairwise

import numpy as np

from kernelcalc import gauss
from kernelcalc.compile.arithmetic.primitives import constants, inline

ORDERS = (8, 16, 24, 32, 64)
CORRELATIONS = (0.45, 0.87, 0.965, 0.985, 0.999)  # up to which they are taken
STEEP = (1.5, 8.0, 16.0, 32.0, 80.0)  # likewise
PANELS, GRADED = (8, 45), 16  # of the last rules, and nodes of each; 45: no node becomes 1
WHOLE = 0.99  # below the tangent of r = 1

_WHOLE = [(0.0, 1.0, *gauss.rule(order)) for order in ORDERS]
_EDGES = ([0.0, *(1 - 2.0**-k for k in range(1, panels)), 1.0] for panels in PANELS)
_RULES = [*_WHOLE, *((*ends, *gauss.rule(GRADED)) for edges in _EDGES for ends in pairwise(edges))]
NODES = np.concatenate([low + (high - low) * (x + 1) / 2 for low, high, x, _ in _RULES]).tolist()
WEIGHTS = np.concatenate([(high - low) * w / 2 for low, high, _, w in _RULES]).tolist()
LIMITS = tuple(r / (1 + math.sqrt(1 - r * r)) for r in CORRELATIONS)  # tan(asin(r)/2)
NEXT, LAST = (panels * GRADED for panels in PANELS)

legendre_nodes = constants("legendre_nodes", NODES)
legendre_weights = constants("legendre_weights", WEIGHTS)


@inline
def legendre(tangent: float, steep: float) -> tuple[int, int]:
    """The place of the first node, and how many there are."""
    t = abs(tangent)
    start, count = 0, NEXT
    for k in range(5):
        if t <= LIMITS[k] and steep <= STEEP[k]:
            count = ORDERS[k]
            break
        start += ORDERS[k]
    return (start + NEXT, LAST) if t > WHOLE else (start, count)
