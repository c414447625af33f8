"""Surrogate derivatives by name: "library.name", a family of the catalogue, a derivative, or a formula."""

from __future__ import annotations

import difflib
import re

from kernelcalc.errors import InputError
from kernelcalc.functions.base import Function
from kernelcalc.functions.catalogue import BY_LABEL, BY_NAME, function_by_name
from kernelcalc.functions.formula import parse
from kernelcalc.functions.libraries import LIBRARIES, Named
from kernelcalc.functions.surrogates import SURROGATES

_CALL = re.compile(r"(?P<name>[A-Za-z]\w*(?:\.\w+)?)'*\s*(?:\((?P<arguments>[\w\s=.,+*/-]*)\))?")
_BY_PATH: dict[str, Named] = {row.path.lower(): row for row in LIBRARIES}


def library_names() -> tuple[str, ...]:
    """The libraries, in the order of the catalogue."""
    return tuple(dict.fromkeys(row.library for row in LIBRARIES))


def library(name: str) -> tuple[Named, ...]:
    """All surrogate derivatives of a library. Raises InputError for unknown ones, with the nearest name."""
    rows = tuple(row for row in LIBRARIES if row.library == name.lower())
    if not rows:
        near = difflib.get_close_matches(name.lower(), library_names(), n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(library_names())}"
        raise InputError(f"unknown library {name!r}; {hint}")
    return rows


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
    if stem.lower() in _BY_PATH:
        return _BY_PATH[stem.lower()](**given)
    entry = BY_NAME.get(stem) or BY_LABEL.get(stem.lower())
    if entry in SURROGATES and entry is not None and "'" not in name:
        return entry(**given)
    raise InputError(f"unknown surrogate derivative {name!r}{_hint(stem)}")


def _arguments(text: str, name: str) -> dict[str, object]:
    """"slope=10, B=1/2" as numbers."""
    found: dict[str, object] = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or not key.isidentifier():
            raise InputError(f"surrogate {name!r}: write its parameters as name=number, not {part!r}")
        found[key] = parse(value)
    return found


def _hint(stem: str) -> str:
    prefix, _, last = stem.lower().rpartition(".")
    if prefix in library_names():
        known = {row.name.lower(): row.path for row in library(prefix)}
        near = [known[key] for key in difflib.get_close_matches(last, known, n=3, cutoff=0.4)]
        near = near or [row.path for row in LIBRARIES if row.name.lower() == last]
        rest = "" if near else f"; {prefix} has {', '.join(row.name for row in library(prefix))}"
    else:
        names = [row.path for row in LIBRARIES if row.name.lower() == last]
        close = difflib.get_close_matches(stem.lower(), [*_BY_PATH, *(e.label for e in SURROGATES)], n=3)
        near = names or [_BY_PATH[key].path if key in _BY_PATH else key for key in close]
        rest = "" if near else f"; libraries: {', '.join(library_names())}"
    return f"; did you mean {' or '.join(map(repr, dict.fromkeys(near)))}?" if near else rest


def surrogate_by_name(name: str) -> Function:
    """A surrogate derivative from text: a name that ``surrogate`` knows; the bare name of an activation, for
    its derivative, or "erf'"; or a formula in z.

    Raises InputError where there is none, or where it is infinite at a jump.
    """
    text = name.strip()
    match = _CALL.fullmatch(text)
    stem = match["name"] if match else ""
    entry = BY_NAME.get(stem) or BY_LABEL.get(stem.lower())
    if "." in stem or (entry in SURROGATES and not text.endswith("'")):
        return surrogate(text)
    found = function_by_name(text)
    if text.isidentifier() and text not in ("z", "x"):
        found = found.derivative
    if found.deltas:
        raise InputError(
            f"surrogate {name!r}: the derivative is infinite at a jump; a surrogate must be finite"
        )
    return found
