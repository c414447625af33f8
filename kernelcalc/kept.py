"""What was found once and is kept on disk between processes, in signed private files (`store.py`).

Two things are kept here: texts by a key that says all they depend on, and plain facts about objects that are
known by a recipe. The name of a file is a hash of the key and of every file of kernelcalc, so nothing is ever
out of date.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import itertools
import json
import os
import platform
import sys
from collections.abc import Callable
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import platformdirs

from kernelcalc.late import unlocked
from kernelcalc.store import Store

PACKAGE = Path(__file__).parent
MOST_NEW = 1000  # facts that one process keeps: more come from sweeps over parameters, and writing takes time
_facts = itertools.count()
T = TypeVar("T")


def text(key: str, generate: Callable[[], str], kind: str = "text") -> str:
    """generate() or what it returned in an earlier process under the same key, for the same kernelcalc.

    The key must say everything that generate depends on, apart from kernelcalc's own files and SymPy.
    """
    name = f"{kind}-" + digest(package(), version("sympy"), key)
    kept = store().get(name)
    if kept is not None:
        return kept.decode()
    result = generate()
    if kind != "fact" or next(_facts) < MOST_NEW:
        store().put(name, result.encode())
    return result


def store() -> Store:
    """The store in $KERNELCALC_CACHE_DIR or, without it, in the user's cache folder."""
    return _store(os.environ.get("KERNELCALC_CACHE_DIR") or platformdirs.user_cache_dir("kernelcalc"))


@cache
def _store(folder: str) -> Store:
    return Store(Path(folder) / "signed-1")


@cache
def version(package: str) -> str:
    """Of an installed package, which is not imported for it."""
    return importlib.metadata.version(package)


def digest(*parts: object) -> str:
    """A hash of their repr."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()


@cache
def package() -> str:
    """Changes with every file of kernelcalc and with the Python version."""
    files = sorted(PACKAGE.rglob("*.py"))
    contents = [(str(file), file.read_bytes()) for file in files]
    return digest(sys.implementation.cache_tag, platform.machine(), contents)


# ---------------------------------------------------------------- facts about objects known by a recipe


def recipe(*parts: object) -> str:
    """The parts written out, "" if one is neither a plain value nor has a recipe itself.

    A recipe is the call that makes an object: two processes that read the same one make the same object.
    """
    words = [_word(part) for part in parts]
    return f"({', '.join(words)})" if all(words) else ""


def _word(part: object) -> str:
    if isinstance(part, dict):
        return recipe(*part.items())
    if isinstance(part, tuple | list):
        return recipe(*part)
    if part is None or type(part) in (bool, int, float, str, Fraction):
        return repr(part)
    found = getattr(part, "recipe", "")
    return found if isinstance(found, str) else ""


def recall(of: str, what: str, find: Callable[[], T]) -> T:
    """find(), or what it returned in an earlier process for an object of the same recipe; "" is none.

    It returns what JSON can hold, with lists in place of tuples.
    """
    if not of:
        return find()
    result: T = json.loads(text(f"{what} of {of}", lambda: json.dumps(find()), "fact"))
    return result


class remembered(unlocked[T]):
    """A cached property that later processes know, too, if the object has a recipe; as `recall`."""

    def __init__(self, find: Callable[[Any], T]) -> None:
        super().__init__(lambda owner: recall(owner.recipe, find.__qualname__, lambda: find(owner)))
        self.__doc__ = find.__doc__
