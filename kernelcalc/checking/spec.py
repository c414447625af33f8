"""Targets written as text: dual(erf), mean(erf'), ntk(relu, depth=3), limit(dual(erf), m), S23 and others.

A function without values, erf, has those parameters as symbols that the formula uses, unless the target names
them elsewhere, and the defaults for others; erf(m) and erf(2) say it. sigma_w and sigma_b of a kernel are
symbols unless given.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from functools import lru_cache
from typing import Any

import sympy as sp

from kernelcalc.checking.kernel_target import KernelTarget
from kernelcalc.checking.targets import ClaimTarget, ExpectationTarget, FormTarget, Target
from kernelcalc.errors import InputError
from kernelcalc.expectation.result import Expectation, dual, mean
from kernelcalc.functions.base import Function
from kernelcalc.functions.catalogue import BY_LABEL, BY_NAME
from kernelcalc.functions.named import function, function_by_name
from kernelcalc.kernels import NNGP, NTK, SGNTK, GeneralizedNTK, Kernel
from kernelcalc.symbols import sigma_b, sigma_w
from kernelcalc.verify.claim import Claim, collect, select

KERNELS: dict[str, Callable[..., Kernel]] = {"nngp": NNGP, "ntk": NTK, "sgntk": SGNTK}
EXAMPLES = "dual(erf), mean(erf'), ntk(relu, depth=3), sgntk(sign, erf', depth=2), limit(dual(erf), m), S23"
_CALL = re.compile(r"\s*(\w+)\s*\((.*)\)\s*\Z", re.DOTALL)
_FUNCTION = re.compile(r"(\w+)(?:\((.*)\))?('*)\Z", re.DOTALL)
_ENTRY = re.compile(r"(.*\S)\[(\d+(?:,\s*\d+)?)\]\Z", re.DOTALL)
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,2})?(/\d+)?\Z")


def target(against: object, used: Collection[str] = (), package: str | None = None) -> Target:
    """The target that an Expectation, a Kernel, a Claim, the tag of a claim or a text names.

    used: the names in the formula, for the parameters of functions without values. Raises InputError.
    """
    if isinstance(against, Expectation):
        return ExpectationTarget(against)
    if isinstance(against, Kernel):
        return KernelTarget(against)
    if isinstance(against, Claim):
        return ClaimTarget(against)
    if not isinstance(against, str):
        raise InputError(f"against={against!r}: give an expectation, a kernel, a claim, or text: {EXAMPLES}")
    if len(against) > 1000:
        raise InputError("against is longer than 1000 characters")
    match = _CALL.match(against)
    if match and match[1].lower() in {*KERNELS, "dual", "mean", "diagonal", "limit", "generalized_ntk"}:
        named = re.findall(r"\w+", against)  # sgntk(erf(m), erf'): then the second has its default
        return _called(match[1].lower(), split(match[2]), frozenset(used) - set(named))
    return _claim(against.strip(), package)


@lru_cache(maxsize=1)
def _claims(package: str | None) -> tuple[Claim, ...]:
    return collect(package) if package else collect()


def _claim(text: str, package: str | None) -> ClaimTarget:
    match = _ENTRY.match(text)
    tag, entry = (match[1], tuple(int(x) for x in match[2].split(","))) if match else (text, ())
    found = [claim for claim in _claims(package) if claim.tag == tag]
    if not found:
        try:
            below = ", ".join(claim.tag for claim in select(_claims(package), [tag]))
        except InputError as error:
            raise InputError(f"{error}; or one of {EXAMPLES}") from error
        raise InputError(f"{tag} has several claims; take one: {below}")
    return ClaimTarget(found[0], entry)


def split(text: str) -> list[str]:
    """Parts between the commas that stand in no bracket."""
    parts, depth = [""], 0
    for sign in text:
        depth += (sign in "([{") - (sign in ")]}")
        if sign == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += sign
    return [part.strip() for part in parts]


def _called(name: str, arguments: list[str], used: frozenset[str]) -> Target:
    options = {}
    while arguments and (match := re.match(r"(depth|sigma_w|sigma_b)\s*=\s*(\S.*)\Z", arguments[-1])):
        options[match[1]] = match[2]
        arguments.pop()
    if name in ("dual", "mean", "diagonal", "limit") and options:
        raise InputError(f"{name} has no option {next(iter(options))}")
    if name == "dual" and len(arguments) in (1, 2):
        return ExpectationTarget(dual(*(_function(text, used) for text in arguments)))
    if name == "mean" and len(arguments) == 1:
        return ExpectationTarget(mean(_function(arguments[0], used)))
    if name == "diagonal" and len(arguments) == 1:
        return ExpectationTarget(_expectation(arguments[0], used), diagonal=True)
    if name == "limit" and len(arguments) in (2, 3):
        return _limit(arguments, used)
    if name in KERNELS or name == "generalized_ntk":
        return KernelTarget(_kernel(name, arguments, options, used))
    raise InputError(f"{name}({', '.join(arguments)}) is not understood; examples are {EXAMPLES}")


def _expectation(text: str, used: frozenset[str]) -> Expectation:
    found = target(text, used)
    if not isinstance(found, ExpectationTarget) or found.diagonal:
        raise InputError(f"{text!r}: dual(...) or mean(...) was expected")
    return found.expectation


def _limit(arguments: list[str], used: frozenset[str]) -> Target:
    inner, name, *point = arguments
    to: Any = sp.oo if not point or point[0] in ("oo", "inf") else _number(point[0])
    found = target(inner, used | {name})
    if isinstance(found, KernelTarget):
        return KernelTarget(found.kernel.limit(name, to))
    if isinstance(found, ExpectationTarget) and not found.diagonal:
        return FormTarget(found.expectation.limit(name, to), f"limit({inner}, {name} -> {to})")
    raise InputError(f"{inner!r}: limits of dual(...), mean(...) and kernels are known")


def _kernel(name: str, arguments: list[str], options: dict[str, str], used: frozenset[str]) -> Kernel:
    wanted = {"nngp": 1, "ntk": 1, "sgntk": 2, "generalized_ntk": 2}[name]
    if len(arguments) == wanted + 1 and "depth" not in options:
        options["depth"] = arguments.pop()
    if len(arguments) != wanted or "depth" not in options:
        raise InputError(f"{name} needs {wanted} function(s) and the depth: ntk(relu, depth=3)")
    text = options.pop("depth")
    depth: Any = int(text) if re.fullmatch(r"\d{1,2}", text) else text
    if isinstance(depth, str) and not depth.isidentifier():
        raise InputError(f"depth={depth!r} is neither a number nor a letter")
    sigmas = {key: _value(options[key]) if key in options else symbol
              for key, symbol in (("sigma_w", sigma_w), ("sigma_b", sigma_b))}  # fmt: skip
    if name == "generalized_ntk":
        pairs = [split(text.strip().removeprefix("(").removesuffix(")")) for text in arguments]
        if any(len(pair) != 2 for pair in pairs):
            raise InputError("generalized_ntk needs two pairs: generalized_ntk((sign, erf'), (erf, erf'), 2)")
        first, second = (tuple(_function(text, used) for text in pair) for pair in pairs)
        return GeneralizedNTK(first, second, depth, **sigmas)  # type: ignore[arg-type]  # pairs, as checked
    return KERNELS[name](*(_function(text, used) for text in arguments), depth, **sigmas)


def _number(text: str) -> sp.Rational:
    if not _NUMBER.match(text) or len(text) > 40:
        raise InputError(f"{text!r} is no number")
    top, _, bottom = text.partition("/")
    if bottom and not int(bottom):
        raise InputError(f"{text!r} is no number")
    return sp.Rational(top) / sp.Rational(bottom or 1)


def _value(text: str) -> object:
    return text if text.isidentifier() else _number(text)


def _function(text: str, used: Collection[str]) -> Function:
    """A function of the catalogue, with values or primes, or a formula in z."""
    match = _FUNCTION.match(text)
    entry = (BY_LABEL.get(match[1].lower()) or BY_NAME.get(match[1])) if match else None
    if match is None or entry is None:
        return function_by_name(text) if match and match[2] is None else function(text)
    names = [parameter.symbol.name for parameter in entry.parameters]
    values: dict[str, object] = {}
    for i, part in enumerate(split(match[2]) if match[2] else []):
        key, equals, value = (x.strip() for x in part.partition("="))
        if not equals:
            key, value = names[i] if i < len(names) else "", key
        if key not in names or not (value.isidentifier() or _NUMBER.match(value)) or value in ("z", "x"):
            return function(text)  # erf(2*z), say
        values[key] = _value(value)
    if match[2] is None:
        shapes = {p.symbol.name for p in entry.parameters if p.symbol.is_integer}
        values = {name: name for name in names if name in used and name not in shapes}
    symbols = {p.symbol.name: p.symbol for p in entry.parameters}
    result = entry(**{key: symbols[key] if value == key else value for key, value in values.items()})
    for _ in match[3]:
        result = result.derivative
    return result


