"""Functions by name: a family of the catalogue, its derivative, "library.name", or a formula."""

from __future__ import annotations

import difflib
import re
from functools import cache
from typing import TYPE_CHECKING

from kernelcalc.errors import InputError
from kernelcalc.functions.base import Function, planned
from kernelcalc.late import Late

if TYPE_CHECKING:
    from kernelcalc.functions import catalogue, libraries, surrogates
    from kernelcalc.functions import formula as formulas
    from kernelcalc.functions.libraries import Named
else:
    catalogue, libraries = Late("kernelcalc.functions.catalogue"), Late("kernelcalc.functions.libraries")
    surrogates, formulas = Late("kernelcalc.functions.surrogates"), Late("kernelcalc.functions.formula")

_CALL = re.compile(r"(?P<name>[A-Za-z]\w*(?:\.\w+)?)'*\s*(?:\((?P<arguments>[\w\s=.,+*/-]*)\))?")


@planned
def function(formula: str, *, unbounded: bool = False) -> Function:
    """A function of z from a user's formula, parsed and never evaluated as Python.

    Example: function("1/(1 + 25*abs(z))**2"). Raises InputError with the position of what is wrong.
    unbounded: a kernel takes it as a surrogate derivative even if it grows without bound; as an activation it
    may in any case.
    """
    name = formula.strip() if isinstance(formula, str) else "formula"
    return Function(name, formulas.parse(formula), own=not unbounded)


@planned
def function_by_name(name: str, **params: object) -> Function:
    """A catalogue function by its public name or label, or "label'" for a derivative; else a formula.

    Raises InputError for unknown names, with the nearest known one, and as ``function`` does.
    """
    stem, primes = name.rstrip("'"), len(name) - len(name.rstrip("'"))
    entry = catalogue.BY_NAME.get(stem) or catalogue.BY_LABEL.get(stem.lower())
    if entry is None:
        if stem.isidentifier() and stem not in {"z", "x"}:
            near = difflib.get_close_matches(stem.lower(), catalogue.BY_LABEL, n=1, cutoff=0.4)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise InputError(
                f"unknown function {name!r}{hint} (known: {', '.join(catalogue.BY_LABEL)}; or a formula in z)"
            )
        if params:
            raise InputError(f"the formula {name!r} has no parameters; got {', '.join(params)}")
        return function(name)
    result = entry(**params)
    for _ in range(primes):
        result = result.derivative
    return result


@cache
def _by_path() -> dict[str, Named]:
    return {row.path.lower(): row for row in libraries.LIBRARIES}


def library_names() -> tuple[str, ...]:
    """The libraries, in the order of the catalogue."""
    return tuple(dict.fromkeys(row.library for row in libraries.LIBRARIES))


def library(name: str) -> tuple[Named, ...]:
    """All surrogate derivatives of a library. Raises InputError for unknown ones, with the nearest name."""
    rows = tuple(row for row in libraries.LIBRARIES if row.library == name.lower())
    if not rows:
        near = difflib.get_close_matches(name.lower(), library_names(), n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(library_names())}"
        raise InputError(f"unknown library {name!r}; {hint}")
    return rows


@planned
def surrogate(name: str, **params: object) -> Function:
    """A surrogate derivative by the name under which people train with it.

        kc.surrogate("snntorch.fast_sigmoid", slope=25)     kc.surrogate("spikingjelly.ATan")
        kc.surrogate("norse.super")                         kc.surrogate("snntorch.atan(alpha=3)")

    Libraries: snntorch (1.0.0), spikingjelly (2.0.0), norse (1.1.0), lava, slayer, stork, sinabs, rockpool,
    spyx, braintools, papers; ``kernelcalc list`` shows all names, parameters and quirks. Parameters and
    defaults are the library's, and the function is that of its code where the documentation says otherwise:
    snnTorch's "triangular" is no triangle. Capitals do not matter. A family of the catalogue serves as well
    (kc.surrogate("SuperSpike", beta=25)); the result is always one, with the parameters put in.

    Raises InputError for unknown names and parameters, with what comes near.
    """
    if not isinstance(name, str):
        raise InputError(f"surrogate {name!r} must be a name such as 'snntorch.fast_sigmoid'")
    found = _CALL.fullmatch(name.strip())
    if found is None:
        raise InputError(f"surrogate {name!r} is no name such as 'snntorch.fast_sigmoid' or 'SuperSpike'")
    stem = found["name"]
    given = _arguments(found["arguments"] or "", name) | params
    if stem.lower() in _by_path():
        return _by_path()[stem.lower()](**given)
    entry = catalogue.BY_NAME.get(stem) or catalogue.BY_LABEL.get(stem.lower())
    if entry in surrogates.SURROGATES and entry is not None and "'" not in name:
        return entry(**given)
    raise InputError(f"unknown surrogate derivative {name!r}{_hint(stem)}")


def _arguments(text: str, name: str) -> dict[str, object]:
    """"slope=10, B=1/2" as numbers."""
    found: dict[str, object] = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or not key.isidentifier():
            raise InputError(f"surrogate {name!r}: write its parameters as name=number, not {part!r}")
        found[key] = formulas.parse(value)
    return found


def _hint(stem: str) -> str:
    prefix, _, last = stem.lower().rpartition(".")
    if prefix in library_names():
        known = {row.name.lower(): row.path for row in library(prefix)}
        near = [known[key] for key in difflib.get_close_matches(last, known, n=3, cutoff=0.4)]
        near = near or [row.path for row in libraries.LIBRARIES if row.name.lower() == last]
        rest = "" if near else f"; {prefix} has {', '.join(row.name for row in library(prefix))}"
    else:
        names = [row.path for row in libraries.LIBRARIES if row.name.lower() == last]
        every = [*_by_path(), *(e.label for e in surrogates.SURROGATES)]
        close = difflib.get_close_matches(stem.lower(), every, n=3)
        near = names or [_by_path()[key].path if key in _by_path() else key for key in close]
        rest = "" if near else f"; libraries: {', '.join(library_names())}"
    return f"; did you mean {' or '.join(map(repr, dict.fromkeys(near)))}?" if near else rest


@planned
def surrogate_by_name(name: str) -> Function:
    """A surrogate derivative from text: a name that ``surrogate`` knows; the bare name of an activation, for
    its derivative, or "erf'"; or a formula in z.

    Raises InputError where there is none, or where it is infinite at a jump.
    """
    text = name.strip()
    match = _CALL.fullmatch(text)
    stem = match["name"] if match else ""
    entry = catalogue.BY_NAME.get(stem) or catalogue.BY_LABEL.get(stem.lower())
    if "." in stem or (entry in surrogates.SURROGATES and not text.endswith("'")):
        return surrogate(text)
    found = function_by_name(text)
    if text.isidentifier() and text not in ("z", "x"):
        found = found.derivative
    if found.deltas:
        raise InputError(
            f"surrogate {name!r}: the derivative is infinite at a jump; a surrogate must be finite"
        )
    return found
