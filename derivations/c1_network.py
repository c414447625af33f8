"""The number of parameters of a network (Definition C.1), and the columns that (S13) gives entries for.

|theta(l)| = n_l (n_(l-1) + 1). The recursion (S13) names three kinds of parameters: weights and biases of
layer l, and theta(l-1). Read as defined, theta(l-1) = (W(l-1), b(l-1)) is one layer only, so from l = 3 on
the parameters of the first layers have no entry; the parameters theta(1:l-1) of all layers below are meant.
"""

from __future__ import annotations

import sympy as sp

from kernelcalc.verify.claim import Claim, Point

from ._c1 import Network

WIDTHS = sp.symbols("n_0:4", positive=True, integer=True)
n_0, n_1, n_2, n_3 = WIDTHS


def size(layer: int) -> sp.Expr:
    """|theta(l)| from the shapes of W(l) and b(l)."""
    W = sp.MatrixSymbol("W", WIDTHS[layer], WIDTHS[layer - 1])
    b = sp.MatrixSymbol("b", WIDTHS[layer], 1)
    return sp.Mul(*W.shape) + sp.Mul(*b.shape)


def total() -> sp.Expr:
    return sp.Add(*(size(layer) for layer in (1, 2, 3)))


def acting(point: Point, digits: int) -> int:
    """How many parameters the network function depends on, counted one by one."""
    net = Network(tuple(int(point[n]) for n in WIDTHS))
    x = sp.symbols(f"x_1:{net.widths[0] + 1}", real=True)
    return len(net.output(x).free_symbols & set(net.parameters))


POINTS: tuple[Point, ...] = tuple(
    dict(zip(WIDTHS, map(sp.Integer, widths), strict=True))
    for widths in ((1, 1, 1, 1), (3, 2, 4, 1), (2, 5, 3, 2), (4, 1, 2, 3))
)

CLAIMS = (
    Claim(
        tag="C.1/P",
        title="number of parameters",
        source="Definition C.1",
        statement="P = |theta| = sum_{l=1}^L n_l (n_(l-1) + 1)",
        conditions="L = 3",
        printed=n_1 * (n_0 + 1) + n_2 * (n_1 + 1) + n_3 * (n_2 + 1),
        derive=total,
        witness=acting,
        points=POINTS,
    ),
    Claim(
        tag="S13/columns",
        title="the parameters for which (S13) defines an entry of J(3)",
        source="Definition C.4 (S13)",
        statement="J(l) is n_l x |theta(1:l)| with entries for theta_p in W(l), b(l) and theta(l-1)",
        conditions="l = 3; the number of columns with an entry",
        printed=n_3 * (n_2 + 1) + n_2 * (n_1 + 1),
        corrected=n_3 * (n_2 + 1) + n_2 * (n_1 + 1) + n_1 * (n_0 + 1),
        note="theta(l-1) is one layer only: the third case, the argument of J(l-1), and that of J(L) in "
        "Remark C.3 need theta(1:l-1) and theta(1:L)",
        derive=total,
        witness=acting,
        points=POINTS,
    ),
)
