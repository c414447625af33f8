"""Tapes in mpmath, for one pair at a time and with any number of digits: the last resort, 1 ms a layer."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import lru_cache
from operator import mul
from typing import TYPE_CHECKING, Any

from kernelcalc.compile.tape import LEAST, PI, RESULTS, Instruction, Tape
from kernelcalc.late import Late

if TYPE_CHECKING:
    import mpmath as mp

    from kernelcalc.functions import normal, special
else:
    mp, normal, special = (
        Late(name) for name in ("mpmath", "kernelcalc.functions.normal", "kernelcalc.functions.special")
    )

Number = Any
HAIR = -(10**5)  # log2 of the angle that stands for 0 where densities would be 0/0
LARGE = 4096  # log2 of a variance that no hair makes up for
SEEN = 12  # layers of roots, after which it would be seen
TINY = 2.0**-1000  # constants below stand for 0 where float64 ends
UNSEEN = 2.0**-60  # error of an exponent that no result shows
# register -> bound of what a sum that cancelled to 0, or an exponential, has lost (inf: unknown)
Lost = dict[int, Any]


def number(text: str, kept: bool = False) -> Number:
    """A constant of a tape, with the digits that mpmath is set to; kept: also one that stands for 0."""
    if text == PI:
        return +mp.pi
    value = mp.mpf(2) ** -1060 if text == "tiny" else mp.mpf(1)
    if text != "tiny":
        over, _, under = text.partition("/")
        value = mp.mpf(int(over)) / int(under or 1)
    if text == LEAST:
        return mp.ldexp(1, 4 * HAIR)
    return mp.ldexp(value, -(10**6)) if 0 < value < TINY and not kept else value


def _root_angles(q: Number, p: Number, r: Number) -> tuple[Number, ...]:
    sine, half = 2 * q * p, mp.pi / 2
    if abs(r) <= 0.5:
        rest = mp.atan2(r, sine)
        return half - rest, half + rest, rest
    acute = 2 * mp.atan2(min(q, p), max(q, p))
    theta, other = (acute, mp.pi - acute) if r > 0 else (mp.pi - acute, acute)
    return theta, other, half - theta


def _sin_minus_t_cos(t: Number, sine: Number, cosine: Number) -> Number:
    if t > 0.1:
        return sine - t * cosine
    with mp.extraprec(20):  # t^3/3 - t^5/30 + ...
        total, power, k = mp.mpf(0), t**3, 1
        while abs(power) > 0 and (total == 0 or abs(power) > abs(total) * mp.eps):
            total += power * 2 * k / mp.factorial(2 * k + 1) * (-1) ** (k + 1)
            power, k = power * t * t, k + 1
    return +total


def _over(x: Number, y: Number) -> Number:
    return x / y if y != 0 else mp.nan if x == 0 else mp.sign(x) * mp.inf


def _ending(function: Callable[[Number], Number], low: float, high: float) -> Callable[[Number], Number]:
    """The function with its limits beyond all floats, where mpmath would not come to an end."""
    return lambda x: mp.mpf(low if x < 0 else high) if mp.mag(x) > normal.BEYOND else function(x)


_phi = _ending(lambda x: mp.ncdf(x), 0.0, 1.0)


def _quadrant(h: Number, k: Number, A: Number, B: Number) -> Number:
    """P(X > h, Y > k) as normal.py has it: the signed sum of two triangles."""

    def side(h: Number, A: Number) -> Number:
        size = abs(h)
        # W may be tiny and yet count, times an exponential; not so if it is taken from P(X > h)
        if size == 0 or mp.mag(size) > normal.BEYOND // 2 or mp.isinf(A) or -2 * mp.sqrt(mp.mp.prec) > A:
            found = _phi(-size) if A < 0 else mp.mpf(0)
        else:
            found = mp.nan if mp.isnan(A) else normal.wedge(size, A)
        return -found if h < 0 else found

    if mp.isnan(h) or mp.isnan(k):
        return mp.nan
    return (h < 0 and k < 0) + side(h, A) + side(k, B)


def _scaled_quadrant(h: Number, k: Number, A: Number, B: Number) -> Number:
    """exp((h^2 + A^2)/2) P(X > h, Y > k)."""

    def side(h: Number, A: Number) -> Number:
        if mp.isinf(h) or mp.isinf(A) or (h == 0 and A >= 0):
            return mp.mpf(0)
        found = normal.scaled_wedge(abs(h), A)
        return -found if h < 0 else found

    both = mp.exp((h * h + A * A) / 2) if h < 0 and k < 0 else mp.mpf(0)
    return both + side(h, A) + side(k, B)


def _power_pair(root_q: Number, root_p: Number, n: Number, k: Number) -> tuple[Number, Number]:
    """1 - kappa and kappa of tables/powers.py."""
    if root_q == 0 or root_p == 0:
        end = mp.mpf(1 if n > -0.5 else mp.inf) if root_q == 0 else mp.mpf(0)
        return 1 - end, end
    with mp.extraprec(20 + 2 * max(0, -mp.mag(root_q))):
        p = root_p**2 if root_p < root_q else 1 - root_q**2
        C = mp.gamma(n + 1) ** 2 / (mp.gamma(n + 1.5) * mp.gamma(n + 0.5)) if n > -0.5 else 1
        kappa = C * p ** (n + 0.5) * mp.hyp2f1(0.5, 0.5, n + 1.5, p)
        less = 1 - kappa
    return +less, +kappa


def _root_power_pair(*given: Number) -> tuple[Number, Number]:
    less, kappa = _power_pair(*given)
    return mp.sqrt(less), kappa


OPERATIONS: dict[str, Callable[..., Any]] = {
    "copy": lambda x: x,
    "add": lambda x, y: x + y,
    "mul": lambda x, y: x * y,
    "div": _over,
    "sqrt": lambda x: mp.sqrt(x) if x > 0 else mp.mpf(0),
    "neg": lambda x: -x,
    "abs": abs,
    "copysign": lambda x, y: abs(x) if y >= 0 else -abs(x),
    "less": lambda x, y: mp.mpf(x < y),
    "equal": lambda x, y: mp.mpf(x == y),
    "select": lambda x, y, z: y if x != 0 else z,
    "root_angles": _root_angles,
    "angles": lambda y, x: (mp.atan2(y, x), mp.atan2(y, -x)),
    "sin_minus_t_cos": _sin_minus_t_cos,
    "exp": _ending(lambda x: mp.exp(x), 0.0, math.inf),
    "log": lambda x: mp.log(x),
    "erf": _ending(lambda x: mp.erf(x), -1.0, 1.0),
    "erfc": _ending(lambda x: mp.erfc(x), 2.0, 0.0),
    "sinh": lambda x: mp.sinh(x),
    "cosh": lambda x: mp.cosh(x),
    "sin": lambda x: mp.sin(x),
    "cos": lambda x: mp.cos(x),
    "asin": lambda x: mp.re(mp.asin(x)),
    "phi": _phi,
    "erfcx": special.mp_erfcx,
    "quadrant": _quadrant,
    "scaled_quadrant": _scaled_quadrant,
    "hypot": lambda x, y: mp.hypot(x, y),
    "pow": lambda x, y: x**y if x > 0 else mp.mpf(0 if y > 0 else mp.inf),
    "gamma": lambda x: mp.gamma(x),
    "power_pair": _power_pair,
    "root_power_pair": _root_power_pair,
    "power_alone": lambda *given: _power_pair(*given)[1],
}


def available(tape: Tape) -> bool:
    """Whether all operations are known here."""
    return set(OPERATIONS) >= tape.operations


def run(code: Sequence[Instruction], registers: list[Number], lost: Lost) -> None:
    for i in code:
        given = [registers[x] for x in i.operands]
        found = OPERATIONS[i.operation](*given)
        left = _left(i, given, found, lost)
        for x, value in zip(i.results, found if len(i.results) > 1 else (found,), strict=True):
            registers[x] = value
            lost.pop(x, None)
            if left:
                lost[x] = left


def _left(i: Instruction, given: Sequence[Number], found: Any, lost: Lost) -> Number:
    """The bound for the results of an instruction: (1 + x) - 1 is 0 in all precisions that lose x, and
    exp(x) is infinite in all that do not reach the units of x."""
    if i.operation == "add" and found == 0 and given[0] != 0 and mp.isfinite(given[0]):
        return abs(given[0]) * mp.eps + sum(lost.get(x, 0) for x in i.operands)
    if i.operation == "exp" and given[0] * mp.eps > UNSEEN:
        return OPERATIONS["exp"](given[0] * (1 + 4 * mp.eps) + lost.get(i.operands[0], 0))
    if not any(x in lost for x in i.operands):
        return 0
    bounds = [lost.get(x, mp.mpf(0)) for x in i.operands]
    if i.operation == "select":
        return bounds[0] or bounds[1 if given[0] != 0 else 2]
    if i.operation == "less":
        return 0 if abs(given[0] - given[1]) > sum(bounds) else mp.inf
    if i.operation == "add":
        return sum(bounds)
    if i.operation == "mul":
        parts = (bounds[0], given[1]), (bounds[1], given[0]), bounds
        return sum(bound * abs(x) for bound, x in parts if bound and x)
    if i.operation == "div" and not bounds[1]:
        return _over(bounds[0], abs(given[1]))
    if i.operation in ("copy", "neg", "abs"):
        return bounds[0]
    if i.operation == "exp" and bounds[0] < 1:
        return abs(found) * mp.expm1(bounds[0])
    return mp.sqrt(bounds[0]) if i.operation == "sqrt" else mp.inf


@lru_cache(maxsize=4)
def _sums(x: tuple[float, ...], y: tuple[float, ...]) -> tuple[Fraction, ...]:
    """x.x, y.y, x.y and |x - y|^2, exactly: in integers, as denominators of floats are powers of 2."""
    ratios = [value.as_integer_ratio() for value in (*x, *y)]
    unit = max(under for _, under in ratios)
    whole = [over * (unit // under) for over, under in ratios]
    u, v = whole[: len(x)], whole[len(x) :]
    w = [s - t for s, t in zip(u, v, strict=True)]
    sums = (sum(map(mul, *two)) for two in ((u, u), (v, v), (u, v), (w, w)))
    return tuple(Fraction(total, unit**2) for total in sums)


def first_layer(x: Sequence[float], y: Sequence[float], w2: Number, s2: Number) -> dict[str, Number]:
    """The state of a pair of rows in the first layer, c included."""
    xx, yy, xy, far = _sums(tuple(x), tuple(y))

    def real(value: Fraction) -> Number:
        return mp.mpf(value.numerator) / value.denominator

    scale = w2 / len(x)
    a, b, c = (scale * real(value) + s2 for value in (xx, yy, xy))
    determinant = scale**2 * real(xx * yy - xy**2) + scale * s2 * real(far)
    size = mp.sqrt(a * b)
    if size == 0:  # a zero row without bias: no correlations, and a hair as its variance, for the limits
        half, a, b = mp.sqrt(mp.mpf(1) / 2), a or mp.ldexp(1, HAIR), b or mp.ldexp(1, HAIR)
        return {"root_q": half, "root_p": half, "r": mp.mpf(0), "d": a - b, "a_x": a, "a_y": b, "c": c}
    r = c / size
    small = mp.sqrt(determinant) / (size * mp.sqrt(2 + 2 * abs(r)))
    large = mp.sqrt(1 - small**2)
    q, p = (small, large) if c >= 0 else (large, small)
    return {"root_q": q, "root_p": p, "r": r, "d": scale * real(xx - yy), "a_x": a, "a_y": b, "c": c}


def _raise(registers: list[Number], names: dict[str, int], lost: Lost) -> None:
    """A hair for a variance below all floats, as of thresholds out of reach: the limits are the same,
    unless the other variance is as far above."""
    sides = [names[name] for name in ("a_x", "a_y") if name in names]
    least = mp.ldexp(1, HAIR)
    low = [x for x in sides if registers[x] + lost.get(x, 0) < least]
    if not low or not max(registers[x] for x in sides) < mp.ldexp(1, LARGE):
        return
    raised = dict.fromkeys(low, least)
    if "d" in names:
        raised[names["d"]] = mp.fsub(*(raised.get(x, registers[x]) for x in sides))
    if "r" in names and not mp.isfinite(registers[names["r"]]):
        half = mp.sqrt(mp.mpf(1) / 2)
        raised |= {names["root_q"]: half, names["root_p"]: half, names["r"]: mp.mpf(0)}
    for x, value in raised.items():
        registers[x] = value
        lost.pop(x, None)


def constants(tape: Tape, numbers: dict[str, Any]) -> dict[int, Number]:
    """What is the same for all pairs, by register."""
    registers = _loaded(tape, numbers)
    run(tape.first, registers, {})
    return {x: registers[x] for i in tape.first for x in i.results}


def _loaded(tape: Tape, numbers: dict[str, Any]) -> list[Number]:
    registers: list[Number] = [mp.mpf(0)] * tape.registers
    for name, value in numbers.items():
        registers[tape.inputs[name]] = mp.mpmathify(value)
    for register, text in tape.constants.items():
        registers[register] = number(text)
    return registers


def evaluate(tape: Tape, numbers: dict[str, Any], state: dict[str, Number], depth: int) -> tuple[Number, ...]:
    """c, T and S after depth layers, from the state of the first; NaN where there is no value."""
    return bounded(tape, numbers, state, depth)[0]


def bounded(
    tape: Tape, numbers: dict[str, Any], state: dict[str, Number], depth: int
) -> tuple[tuple[Number, ...], tuple[Number, ...]]:
    """As evaluate, and of each what sums that cancelled to 0 may have lost."""
    found = _evaluated(tape, numbers, state, depth, mp.mpf(0))
    if any(map(mp.isnan, found[0])) and depth < SEEN:
        return _evaluated(tape, numbers, state, depth, mp.ldexp(1, HAIR))
    return found


def _evaluated(
    tape: Tape, numbers: dict[str, Any], state: dict[str, Number], depth: int, hair: Number
) -> tuple[tuple[Number, ...], tuple[Number, ...]]:
    registers = _loaded(tape, numbers)
    state = state | {"T": state["c"], "S": state["c"]}
    for name, value in state.items():
        if name in tape.inputs:  # less for a point than for a pair
            registers[tape.inputs[name]] = value
    angles = [tape.inputs[name] for name in ("root_q", "root_p") if name in tape.inputs]
    lost: Lost = {}
    run(tape.first, registers, lost)
    for layer in range(depth - 1):
        for angle in angles:
            registers[angle] = registers[angle] or hair
        _raise(registers, tape.inputs, lost)
        run(tape.layer if layer < depth - 2 else tape.last, registers, lost)
    ends = [tape.inputs[name] for name in RESULTS]
    return tuple(registers[x] for x in ends), tuple(lost.get(x, mp.mpf(0)) for x in ends)
