"""A claim: one statement of a paper as printed, with what is needed to judge it."""

from __future__ import annotations

import difflib
import fnmatch
import importlib
import itertools
import pkgutil
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import sympy as sp

from kernelcalc.errors import InputError
from kernelcalc.symbols import a, b, c, rho

Point = Mapping[sp.Symbol, sp.Rational]
# (point, digits) -> the left-hand side from its definition: mpf, mpc, int, or an mpmath matrix of them
Witness = Callable[[Point, int], Any]

DERIVATIONS = "kernelcalc.derivations"
_TAG = re.compile(r"[A-Za-z0-9][\w.+-]*(/[\w.+-]+)*")


@dataclass(frozen=True, eq=False)
class Claim:
    """One printed statement "left-hand side = printed".

    tag: permanent and unique ("S23", "C.4/eta"); title: one short line; source: where it stands.
    printed: the right-hand side as printed, a SymPy expression or matrix without decimals.
    derive: gives the right-hand side by symbols: an expression, a matrix, or an object with .expr and .steps.
    witness: (point, digits) -> left-hand side computed from its definition, independently of derive.
    points: exact rational values for (at least) all symbols of printed and corrected, inside their domain.
    corrected: the right form, iff the printed one is wrong; note then says what is wrong, in one sentence.
    doubtful: why the printed form may be an artefact of reading the PDF rather than the authors' error.
    statement: the printed statement in plain text, for the ledger.
    domain: symbol -> expression in other symbols that together run through the whole domain; only helps
        the proof. For a, b, c with c^2 < a b and for rho in (-1, 1) this is known without saying.

    Raises InputError if the parts do not fit together.
    """

    tag: str
    title: str
    source: str
    printed: Any
    derive: Callable[[], object] | None = None
    witness: Witness | None = None
    points: tuple[Point, ...] = ()
    digits: int = 50
    conditions: str = ""
    corrected: Any = None
    doubtful: str = ""
    note: str = ""
    statement: str = ""
    domain: Mapping[sp.Symbol, sp.Expr] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not _TAG.fullmatch(self.tag):
            raise InputError(f"claim tag {self.tag!r}: use letters, digits, . + - _ in parts separated by /")
        for name in ("printed", "corrected"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, self._exact(getattr(self, name), name))
        forms = [form for form in (self.printed, self.corrected) if form is not None]
        needed: set[sp.Symbol] = set().union(*(form.free_symbols for form in forms))
        for broken, message in (
            (self.printed is None, "printed is missing"),
            (not (self.title.strip() and self.source.strip()), "title and source must not be empty"),
            (not (self.derive or self.witness), "needs derive or witness"),
            (self.digits <= 0, "digits must be positive"),
            (self.corrected is not None and not self.note, "a corrected form needs a note of what is wrong"),
            (self.doubtful and self.corrected is None, "doubtful needs a corrected form"),
            (needed and not self.points, "needs at least one point"),
        ):
            if broken:
                raise self._wrong(message)
        points = tuple(self._point(point, needed) for point in self.points or ({},))
        object.__setattr__(self, "points", points)

    @property
    def holds(self) -> Any:
        """The form that is claimed to be true: corrected if there is one, else printed."""
        return self.printed if self.corrected is None else self.corrected

    def _repr_latex_(self) -> str:
        from kernelcalc.display import claim_latex

        return claim_latex(self)

    def _repr_markdown_(self) -> str:
        from kernelcalc.display import claim_markdown
        from kernelcalc.verify.judge import last_verdict

        return claim_markdown(self, last_verdict(self))

    def _wrong(self, message: str) -> InputError:
        return InputError(f"claim {self.tag}: {message}")

    def _exact(self, given: object, name: str) -> Any:
        form: Any = sp.sympify(given)
        if isinstance(form, sp.MatrixBase):
            form = form.as_immutable()
        if not isinstance(form, sp.Expr | sp.ImmutableMatrix):
            raise self._wrong(f"{name} is no expression or matrix: {form}")
        if form.has(sp.nan, sp.zoo):
            raise self._wrong(f"{name} = {form} is undefined")
        if decimals := sorted(map(str, form.atoms(sp.Float))):
            raise self._wrong(f"{name} contains decimals {decimals}; write sympy.Rational")
        return form

    def _point(self, point: Mapping[Any, object], needed: set[sp.Symbol]) -> Point:
        exact = {symbol: sp.sympify(value) for symbol, value in point.items()}
        if missing := sorted(map(str, needed - set(exact))):
            raise self._wrong(f"point {point} gives no value for {', '.join(missing)}")
        for symbol, value in exact.items():
            if not isinstance(symbol, sp.Symbol):
                raise self._wrong(f"point {point}: {symbol!r} is no symbol")
            if not isinstance(value, sp.Rational):
                raise self._wrong(f"point {point}: {symbol} must be an exact rational number")
            for fact, holds in symbol.assumptions0.items():
                if getattr(value, f"is_{fact}", None) not in (None, holds):
                    raise self._wrong(f"point {point}: {symbol} = {value} breaks {fact} = {holds}")
        if {a, b, c} <= set(exact) and exact[c] ** 2 > exact[a] * exact[b]:
            raise self._wrong(f"point {point}: c^2 > a b is no covariance")
        if abs(exact.get(rho, 0)) > 1:
            raise self._wrong(f"point {point}: |rho| > 1")
        return MappingProxyType(exact)


def collect(package: str = DERIVATIONS) -> tuple[Claim, ...]:
    """All claims of the package's modules, in file-name order.

    Raises InputError if a module has no tuple CLAIMS, a tag appears twice, or there are no claims at all.
    """
    return tuple(itertools.chain.from_iterable(collect_files(package).values()))


def collect_files(package: str = DERIVATIONS) -> dict[str, tuple[Claim, ...]]:
    """First line of a module's docstring -> its claims, in file-name order; raises as ``collect`` does."""
    folder = importlib.import_module(package)
    names = sorted(
        info.name for info in pkgutil.iter_modules(folder.__path__) if not info.name.startswith("_")
    )
    files: dict[str, tuple[Claim, ...]] = {}
    for name in names:
        module = importlib.import_module(f"{package}.{name}")
        found = getattr(module, "CLAIMS", None)
        if not isinstance(found, tuple) or not all(isinstance(claim, Claim) for claim in found):
            raise InputError(f"{package}.{name} must define CLAIMS, a tuple of claims")
        files[(module.__doc__ or name).strip().splitlines()[0]] = found
    claims = list(itertools.chain.from_iterable(files.values()))
    if not claims:
        raise InputError(f"no claims in {package}")
    for tag, group in itertools.groupby(sorted(claim.tag for claim in claims)):
        if len(list(group)) > 1:
            raise InputError(f"claim {tag} is defined more than once")
    return files


def select(claims: Sequence[Claim], tags: Iterable[str]) -> tuple[Claim, ...]:
    """The claims that the tags name, in the order of claims; all claims if tags is empty.

    A tag means itself and all below it ("C.4" selects "C.4" and "C.4/eta", not "C.41"), a trailing "/" all
    below it only; *, ? and [...] match as in file names. Raises InputError for a tag that names nothing.
    """
    patterns = list(tags)
    if not patterns:
        return tuple(claims)
    for pattern in patterns:
        if not any(_matches(claim.tag, pattern) for claim in claims):
            close = difflib.get_close_matches(pattern, [claim.tag for claim in claims], n=3, cutoff=0.5)
            hint = f"did you mean {', '.join(close)}?" if close else "see kernelcalc verify for all tags"
            raise InputError(f"unknown claim {pattern!r}; {hint}")
    return tuple(claim for claim in claims if any(_matches(claim.tag, pattern) for pattern in patterns))


def _matches(tag: str, pattern: str) -> bool:
    below = tag.startswith(pattern.rstrip("/") + "/")
    return tag == pattern or below or fnmatch.fnmatchcase(tag, pattern)
