"""The parser of formulas: what it means, what it refuses and where it says so."""

import math
import re

import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from kernelcalc.errors import InputError
from kernelcalc.functions.formula import BRANCHING, CONSTANTS, FUNCTIONS, parse
from kernelcalc.symbols import z

MEANINGS = {
    "z": z,
    "x**2 - 1": z**2 - 1,
    "-z^2": -(z**2),
    "2**-3*z": z / 8,
    "2**3**2": sp.Integer(512),
    "z/2/3": z / 6,
    "1 - 2 - 3 + z": z - 4,
    "--z": z,
    "2 - -z": 2 + z,
    "0.1*z": z / 10,
    "1e-3*z + .5": z / 1000 + sp.Rational(1, 2),
    "2*pi*e": 2 * sp.pi * sp.E,
    "E**(-z^2)": sp.exp(-(z**2)),
    "2**z": sp.Integer(2) ** z,
    "1/(1 + 25*abs(z))**2": 1 / (1 + 25 * sp.Abs(z)) ** 2,
    "abs(z)**.5": sp.sqrt(sp.Abs(z)),
    "sqrt(1 + z^2)": sp.sqrt(1 + z**2),
    "sigmoid(2*z)": 1 / (1 + sp.exp(-2 * z)),
    "softplus(z)": sp.log(1 + sp.exp(z)),
    "relu(z)": sp.Max(0, z),
    "ReLU(z)": sp.Max(0, z),
    "clip(z, -1, 1)": sp.Max(-1, sp.Min(1, z)),
    "max(0, z, 1)": sp.Max(1, z),
    "heaviside(z + 1) - heaviside(z - 1)": sp.Heaviside(z + 1) - sp.Heaviside(z - 1),
    "where(z < 0, exp(z) - 1, z)": sp.Piecewise((sp.exp(z) - 1, z < 0), (z, True)),
    "where(-1 <= z < 1, 1 - z**2, 0)": sp.Piecewise((1 - z**2, (z >= -1) & (z < 1)), (0, True)),
    "piecewise(z < -1, 0, z <= 1, z, 2)": sp.Piecewise((0, z < -1), (z, z <= 1), (2, True)),
    "where(z > 1, 1/z, 1)": sp.Piecewise((1 / z, z > 1), (1, True)),
    "where(abs(z) < 1, 1, 1/abs(z))": sp.Piecewise((1, sp.Abs(z) < 1), (1 / sp.Abs(z), True)),
    "where(z >= 0, log(1 + z), -z)": sp.Piecewise((sp.log(1 + z), z >= 0), (-z, True)),
    "where(z > 0, sqrt(z), 0)": sp.Piecewise((sp.sqrt(z), z > 0), (0, True)),
    "1/(2 + cos(z))": 1 / (2 + sp.cos(z)),
    "1/(1 + exp(-z) + sin(z)/2)": 1 / (1 + sp.exp(-z) + sp.sin(z) / 2),
    "-" * 999 + "z": -z,
}


@pytest.mark.parametrize("text", MEANINGS)
def test_meaning(text: str) -> None:
    assert parse(text) == MEANINGS[text]


@pytest.mark.parametrize("text", [text for text in MEANINGS if "w" not in text])  # not Piecewise
def test_what_sympy_prints_is_read_back(text: str) -> None:
    assert parse(str(parse(text))) == parse(text)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_is_total_on_the_reals(name: str) -> None:
    count = FUNCTIONS[name][0] or 2
    inside = "2 + cos(z)" if name in ("log", "ln", "sqrt") else "3*z"
    value = parse(f"{name}({', '.join([inside, '0', '1'][:count])})")
    for x in (-2.5, 0.0, 1.25):
        assert math.isfinite(float(value.subs(z, sp.Rational(x))))


# A formula whose Python reading is the same: Python itself is the witness for precedence and associativity.
ATOMS = st.sampled_from(["z", "2", "0.5", "3", "1e-1", "pi"])


def extend(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    binary = st.tuples(inner, st.sampled_from(["+", "-", "*", " - ", "*-", "+-"]), inner).map("".join)
    power = st.tuples(inner, st.sampled_from(["**2", "**3", "**2**-1**2", "/2", "/-4"])).map("".join)
    names, pairs = ["tanh", "sin", "erf", "abs", "-atan", "-"], ["max", "min"]
    call = st.tuples(st.sampled_from(names), inner).map(lambda t: f"{t[0]}({t[1]})")
    pair = st.tuples(st.sampled_from(pairs), inner, inner).map(lambda t: f"{t[0]}({t[1]}, {t[2]})")
    return binary | power | call | pair


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.recursive(ATOMS, extend, max_leaves=7))
def test_values_are_those_of_python(text: str) -> None:
    names = {"pi": math.pi, "tanh": math.tanh, "sin": math.sin, "erf": math.erf, "atan": math.atan}
    refusal = ""
    try:
        expr = parse(text)
    except InputError as error:
        refusal = str(error)
    if refusal:  # no wrong refusal of the syntax: only kinks or powers out of reach
        assert re.search("zeros|powers|exponent|not real|a root", refusal)
        return
    for x in (-1.7, 0.3, 2.2):
        expected = eval(text, names | {"z": x})
        assert float(expr.subs(z, sp.Rational(x))) == pytest.approx(expected, rel=1e-9, abs=1e-9)


LONG = 1001
SYNTAX = {  # text: (position, words)
    "": (1, "empty"),
    "   ": (4, "empty"),
    "z z": (3, "operator"),
    "2z": (2, "write *"),
    "z(1)": (2, "write *"),
    "1_000": (2, "operator"),
    "0x10": (2, "operator"),
    "1.2.3": (4, "operator"),
    "..": (1, "expected a number"),
    "z+": (3, "the end"),
    "*z": (1, "expected a number"),
    "z**": (4, "the end"),
    "z//2": (3, "expected a number"),
    "(z": (3, "expected ')'"),
    "z)": (2, "operator"),
    "()": (2, "expected a number"),
    "(z, z)": (3, "expected ')'"),
    ",": (1, "expected a number"),
    "max(z,)": (7, "expected a number"),
    "max(,z)": (5, "expected a number"),
    "max(z)": (1, "2 to 10 arguments, got 1"),
    "max(" + "z," * 400 + "z)": (1, "2 to 10 arguments, got 401"),
    "1 + sin(z, z)": (5, "1 argument, got 2"),
    "sin": (4, "expected '('"),
    "sin z": (5, "expected '('"),
    "sin()": (5, "expected a number"),
    "z < 0": (3, "where"),
    "z == 1": (3, "operator"),
    "where(z, 1, 2)": (7, "condition"),
    "where(z < 0, 1)": (15, "expected ','"),
    "where(z < 0, 1, 2, 3)": (18, "expected ')'"),
    "where(z < 0, 1, z < 1, 2, 3)": (19, "expected ')', found '<'"),
    "piecewise(z < 0, 1)": (19, "expected ','"),
    "x + z": (5, "both z and x"),
    "foo(z)": (1, "known: z, pi"),
    "2*sigmiod(z)": (3, "'sigmoid'"),
    "tan(z)": (1, "'tanh'"),
    "acos(z)": (1, "'cos'"),
    "y": (1, "unknown name"),
    "lambda z: z": (1, "unknown name"),
    "__import__('os').system('x')": (1, "unknown name"),
    "().__class__": (2, "expected a number"),
    "z.real": (2, "operator"),
    "z[0]": (2, "operator"),
    "z; z": (2, "operator"),
    "'z'": (1, "expected a number"),
    "1 if z else 2": (3, "operator"),
    "z\x00": (2, "operator"),
    "\N{CYRILLIC SMALL LETTER IE}xp(z)": (1, "CYRILLIC SMALL LETTER IE"),
    "z \N{MINUS SIGN} 1": (3, "MINUS SIGN"),
    "\N{FULLWIDTH DIGIT ONE}": (1, "FULLWIDTH DIGIT ONE"),
    "\N{GREEK SMALL LETTER PI}*z": (1, "ASCII"),
    "z\N{SUPERSCRIPT TWO}": (2, "SUPERSCRIPT TWO"),
    "z\N{ZERO WIDTH SPACE}": (2, "ZERO WIDTH SPACE"),
    "\ud800": (1, "no name"),
    "(" * 900: (52, "nested deeper"),
    "(" * 60 + "z" + ")" * 60: (52, "nested deeper"),
    "tanh(" * 60 + "z" + ")" * 60: (255, "nested deeper"),
    "abs(" * 40 + "z" + " - 1)" * 40: (52, "nested deeper"),
    "2**" * 300 + "2": (154, "nested deeper"),
    "-" * 1000: (1001, "the end"),
    "exp" * 300: (1, "unknown name"),
}
SIZES = {
    "9**9**9**9": (5, "exponent"),
    "9**9**9*z": (2, "exponent"),
    "(9**60)**60": (8, "too large"),
    "9**64**64": (6, "beyond 1e100"),
    "pi**64**2": (3, "exponent"),
    "(pi**64)**64": (9, "beyond 1e100"),
    "1e999999": (1, "exponent between"),
    "1e99999999999999999999": (1, "exponent between"),
    "9" * 51: (1, "50 digits"),
    "1e100*1e100": (6, "beyond 1e100"),
    "exp(1e90)": (1, "beyond 1e100"),
    "z*exp(exp(exp(exp(9))))": (11, "beyond 1e100"),
    "z**65": (2, "exponent"),
    "(z**64)**64": (8, "beyond 64"),
    "((z+1)**64)**64": (12, "beyond 64"),
    "z*" * 400 + "z": (128, "beyond 64"),
    "z**pi": (2, "rational exponent"),
    "z**z": (2, "positive number as the base"),
    "(-2)**z": (5, "positive number as the base"),
}
VALUES = {
    "sqrt(-1)": (1, "not real"),
    "log(0)": (1, "not real"),
    "1/0": (2, "division by zero"),
    "0**-1": (2, "division by zero"),
    "1/(log(4) - 2*log(2))": (2, "division by zero"),
    "where(1 < 2, z, 1/0)": (18, "division by zero"),
    "sqrt(z)": (1, "negative at z = -1"),
    "sqrt(z)**2": (1, "negative at z = -1"),
    "z**0.5": (2, "negative at z = -1"),
    "z**0.5 * 0 + abs(z)**.5": (2, "negative at z = -1"),
    "exp(log(z))": (5, "negative at z = -1"),
    "log(z**2)": (1, "z**2 is 0 at z = 0"),
    "1/z": (2, "z is 0 at z = 0"),
    "1/z*z": (2, "z is 0 at z = 0"),
    "z/(z - 1)": (2, "0 at z = 1"),
    "1/(z**2 - 2)": (2, "0 at z = -sqrt(2)"),
    "abs(z)**-0.5": (7, "0 at z = 0"),
    "where(z >= 0, 1/z, 0)": (16, "0 at z = 0"),
    "where(z < 1, sqrt(z), 0)": (14, "negative at z = -1"),
    "1/sin(z)": (2, "zeros"),
}
REFUSED = {**SYNTAX, **SIZES, **VALUES}


@pytest.mark.parametrize("text", REFUSED, ids=range(len(REFUSED)))
def test_refusals_name_the_position(text: str) -> None:
    position, words = REFUSED[text]
    with pytest.raises(InputError) as caught:
        parse(text)
    message = str(caught.value)
    assert message.startswith(f"position {position}, ")
    assert words in message
    assert message.isprintable()  # one line, no control characters
    assert message.isascii()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("(" * 10_000, "at most 1000"),
        ("z" * LONG, "at most 1000"),
        ("where(z > 0, 1/z, 0)", "infinite at z = 0"),
        ("where(z > 0, log(z), 0)", "infinite at z = 0"),
        ("abs(sin(z))", "zeros of sin"),
        ("abs(z + exp(z))", "zeros of z + exp"),
        ("+".join(f"abs(abs(abs(z-{k}/7)-1)-1)" for k in range(36)), "too complicated"),
    ],
    ids=range(7),
)
def test_refusals_of_the_whole(text: str, words: str) -> None:
    with pytest.raises(InputError, match=re.escape(words)) as caught:
        parse(text)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("thing", [5, None, b"z", z])
def test_only_strings(thing: object) -> None:
    with pytest.raises(InputError, match="a formula is a string"):
        parse(thing)  # type: ignore[arg-type]  # what an untyped caller may do


def test_suggestions_exist() -> None:
    for name in (*FUNCTIONS, *BRANCHING, *CONSTANTS):
        with pytest.raises(InputError, match="unknown name"):
            parse(f"{name}qq(z)")
