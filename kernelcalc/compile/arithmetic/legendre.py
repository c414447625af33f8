"""Gauss-Legendre rules on [0, 1], and which of them an integral of price.py needs.

The integrands are those of the bivariate normal distribution in t = tan(phi/2), 0 < t < tan(asin(r)/2):
analytic but for t = +-1 and +-i, times exp(k t) with |k| up to `steep`. Each rule is taken as far as it errs
by less than 5e-16, whatever the kinks are. The last has panels that halve towards 1, for r = 1 and near it.
"""

import math
from itertools import pairwise

import numpy as np

from kernelcalc import gauss
from kernelcalc.compile.arithmetic.primitives import constants, inline

ORDERS = (8, 16, 24, 32, 64)
CORRELATIONS = (0.45, 0.87, 0.965, 0.985, 0.999)  # up to which they are taken
STEEP = (1.5, 8.0, 16.0, 32.0, 80.0)  # likewise
PANELS, GRADED = 8, 16  # of the last rule, and nodes of each

_EDGES = [0.0, *(1 - 2.0**-k for k in range(1, PANELS)), 1.0]
_WHOLE = [(0.0, 1.0, *gauss.rule(order)) for order in ORDERS]
_RULES = [*_WHOLE, *((low, high, *gauss.rule(GRADED)) for low, high in pairwise(_EDGES))]
NODES = np.concatenate([low + (high - low) * (x + 1) / 2 for low, high, x, _ in _RULES]).tolist()
WEIGHTS = np.concatenate([(high - low) * w / 2 for low, high, _, w in _RULES]).tolist()
LIMITS = tuple(r / (1 + math.sqrt(1 - r * r)) for r in CORRELATIONS)  # tan(asin(r)/2)
LAST = PANELS * GRADED

legendre_nodes = constants("legendre_nodes", NODES)
legendre_weights = constants("legendre_weights", WEIGHTS)


@inline
def legendre(tangent: float, steep: float) -> tuple[int, int]:
    """The place of the first node, and how many there are."""
    t = abs(tangent)
    start, count = 0, LAST
    for k in range(5):
        if t <= LIMITS[k] and steep <= STEEP[k]:
            count = ORDERS[k]
            break
        start += ORDERS[k]
    return start, count
