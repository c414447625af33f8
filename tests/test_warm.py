"""With a warm cache neither SymPy nor mpmath is imported, and what is known of a function by its recipe is
what the function itself says."""

from __future__ import annotations

import copy
import itertools
import pickle
import subprocess
import sys
import threading
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import sympy as sp

import kernelcalc as kc
from kernelcalc import kept
from kernelcalc.errors import InputError, SurrogateWarning
from kernelcalc.functions.base import Function

# kernels that other tests compile, too
PROGRAM = """
import sys
import numpy as np
import kernelcalc as kc
X = np.random.default_rng(0).standard_normal((40, 5))
near = X[:1] + 1e-9 * X
erf, own = kc.Erf(0.5), kc.function("exp(-abs(z)**3)")
kernels = [
    kc.SGNTK(kc.Sign(), erf.derivative, depth=3, sigma_b=0.1),
    kc.SGNTK(kc.Sign(), kc.surrogate("snntorch.fast_sigmoid", slope=10), 2, sigma_w=np.float64(0.7)),
    kc.SGNTK(kc.Sign(), own, 3),
    kc.NTK(kc.function_by_name("relu"), depth=3),
    kc.NTK(erf.with_params(m=3), 2, sigma_w=1.5, sigma_b=0.1),
    kc.GeneralizedNTK((erf, erf.derivative), (erf, erf.derivative), 2),
]
print(kernels[0](X, dtype=np.float32).tobytes().hex())
deep = kc.SGNTK(kc.Sign(), erf.derivative, depth=40, sigma_b=0.1)  # in double-double
print(deep(X[:3]).tobytes().hex(), deep(near[:3]).tobytes().hex())
for kernel in kernels:
    print(kernel(X).tobytes().hex(), kernel(near).tobytes().hex(), kernel.diag(X).tobytes().hex())
print(*(name for name in ("sympy", "mpmath", "numba", "gmpy2") if name in sys.modules))
"""


def run() -> list[str]:
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    assert not done.stderr
    return done.stdout.split("\n")[:-1]


def test_a_warm_process_imports_neither_sympy_nor_mpmath() -> None:
    *values, _ = run()
    *again, loaded = run()
    assert loaded == ""
    assert again == values


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache."""
    monkeypatch.setenv("KERNELCALC_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(kept, "_facts", itertools.count())
    return tmp_path / "signed-1"


@pytest.mark.parametrize(
    "make",
    [
        lambda: kc.Erf(0.3),
        lambda: kc.Erf(Fraction(1, 3)).derivative,
        lambda: kc.Sign().derivative,
        lambda: kc.Sign().derivative.shifted(2),
        lambda: kc.ReLU().derivative.centred(1.5),
        lambda: kc.Erf().derivative.smoothed(0.5),
        lambda: kc.function(" where(z < 0, 0, 1/(1 + z)) "),
        lambda: kc.surrogate("norse.super", alpha=7),
        lambda: kc.MultiStep([0, 1], [1, 0.5]),
        lambda: kc.Hermite(3),
    ],
)
def test_the_second_time_a_function_is_known_before_it_is_made(folder: Path, make: object) -> None:
    assert callable(make)
    first = make()
    known = make()
    assert "template" not in vars(known)
    assert vars(known)["fingerprint"] == first.fingerprint
    bare = Function(first.name, first.template, first.parameters, first.masses, first.source)
    assert not bare.recipe
    assert (known, hash(known), repr(known)) == (bare, hash(bare), repr(bare))
    assert known.bounded == bare.bounded
    for other in (copy.deepcopy(known), pickle.loads(pickle.dumps(known))):
        assert other == bare
        assert other.expr == bare.expr
    assert make().expr == bare.expr


def test_what_differs_has_another_fingerprint() -> None:
    z, q, r = kc.symbols.z, sp.Symbol("q"), sp.Symbol("r")
    one = sp.Integer(1)
    made = [
        Function("f", z),
        Function("g", z),
        Function("f", 2 * z),
        Function("f", q * z, ((q, one),)),
        Function("f", q * z, ((q, 2 * one),)),
        Function("f", r * z, ((r, one),)),
        Function("f", z, (), ((one, one),)),
    ]
    assert len({f.fingerprint for f in made}) == len(made) == len(set(made))


def test_only_plain_calls_are_recipes() -> None:
    m = sp.Symbol("m", positive=True)
    assert kc.Erf(2).recipe
    assert kc.Erf("m").derivative.recipe
    assert len({kc.Erf(2).recipe, kc.Erf(3).recipe, kc.Sign().recipe, kc.Erf(2).derivative.recipe}) == 4
    assert not kc.Erf(m).recipe
    assert not kc.Erf(m).derivative.recipe
    assert not kc.Erf(sp.Rational(1, 2)).recipe
    assert kc.Erf(sp.Rational(1, 2)) == kc.Erf(0.5) == kc.Erf(Fraction(1, 2))
    user = type(kc.Erf)("Erf", "erf", kc.symbols.z)  # another family of the same name
    assert not user().recipe
    assert user() != kc.Erf()
    assert kc.NTK(kc.Erf(m), 2).recipe == ""
    assert kc.NTK(kc.Erf(2), 2).recipe == kc.NTK(kc.Erf(2), 3, sigma_w=2).recipe


def test_wrong_calls_fail_at_once_and_again(folder: Path) -> None:
    for _ in range(2):
        with pytest.raises(InputError, match="must be > 0"):
            kc.Erf(-1)
        with pytest.raises(InputError, match="position"):
            kc.function("z +")
        with pytest.raises(InputError, match="not a measure"):
            _ = kc.Sign().derivative.derivative
        with pytest.raises(InputError, match="grows like"):
            kc.NTK(kc.function("exp(z**2)"), 2)
        with pytest.raises(InputError, match="Dirac mass"):
            kc.NTK(kc.Sign().derivative, 2)


def test_warnings_come_from_what_is_known(folder: Path) -> None:
    from kernelcalc.functions import hypotheses

    words = []
    for _ in range(2):
        hypotheses._seen.clear()
        with pytest.warns(SurrogateWarning) as caught:
            kc.SGNTK(kc.Sign(), kc.Sign(), 2)
        words.append(str(caught[0].message))
    assert words[0] == words[1]
    assert "jumps at z = 0" in words[0]


def test_deviations_are_fractions_where_they_can_be() -> None:
    light = kc.NTK(kc.ReLU(), 2, sigma_w=0.5)
    assert "sigma_w" not in vars(light)
    same = kc.NTK(kc.ReLU(), 2, sigma_w=sp.Rational(1, 2))
    assert (light, hash(light)) == (same, hash(same))
    assert light.sigma_w == sp.Rational(1, 2)
    with pytest.raises(InputError, match="beyond the range of"):
        kc.NTK(kc.ReLU(), 2, sigma_w=1e200)(np.eye(2))
    root = kc.NTK(kc.ReLU(), 2, sigma_w=sp.sqrt(2))
    assert root.deviations[0] == sp.sqrt(2)
    assert np.allclose(root(np.eye(2)), kc.NTK(kc.ReLU(), 2, sigma_w=2**0.5)(np.eye(2)), rtol=1e-14)


def test_threads_do_not_wait_for_each_other() -> None:
    class Asked:
        def __init__(self, mine: threading.Event, other: threading.Event) -> None:
            self.mine, self.other, self.recipe = mine, other, ""

        @kept.remembered
        def both(self) -> bool:
            self.mine.set()
            return self.other.wait(timeout=20)

    one, two = threading.Event(), threading.Event()
    asked = Asked(one, two), Asked(two, one)
    threads = [threading.Thread(target=getattr, args=(x, "both")) for x in asked]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert [x.both for x in asked] == [True, True]


def test_facts_that_cannot_be_kept_are_found_again(folder: Path) -> None:
    found: list[int] = []

    def find() -> int:
        found.append(1)
        return 3

    assert [kept.recall("an object", "size", find) for _ in range(2)] == [3, 3]
    assert len(found) == 1
    assert kept.recall("another", "size", find) == kept.recall("", "size", find) == 3
    assert len(found) == 3
    kept._facts = itertools.count(kept.MOST_NEW)  # a sweep over parameters
    assert [kept.recall("the last", "size", find) for _ in range(2)] == [3, 3]
    assert len(found) == 5
    for path in folder.glob("fact-*"):
        path.write_bytes(b"[1, 2]")
    assert kept.recall("an object", "size", find) == 3
    assert len(found) == 6
