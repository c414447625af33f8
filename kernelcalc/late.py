"""What is made when it is first needed: SymPy takes longer to import than a matrix to compute, and a kernel
that an earlier process has derived needs none of it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import fields
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from typing import Self


T = TypeVar("T")


class unlocked(cached_property[T]):
    """As Python 3.12 has it: two threads may both compute it. Up to 3.11 one waits for the other, and two
    properties that need each other, of different objects, wait for ever."""

    if not TYPE_CHECKING:

        def __get__(self, instance: Any, owner: Any = None) -> Any:
            if instance is None:
                return self
            found = vars(instance)[self.attrname] = self.func(instance)
            return found


class Late:
    """Stands for a module, which is imported when something of it is used."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        return getattr(sys.modules.get(self._name) or import_module(self._name), attribute)


class Deferred:
    """A base of dataclasses: an object that is filled in when a field that it lacks is first asked for.

    A default would be found in the class, and so is given by default_factory.
    """

    @classmethod
    def later(cls, make: Callable[[], Self], **known: object) -> Self:
        """The object that make() makes, of which only some attributes are known as yet."""
        made = object.__new__(cls)
        vars(made).update(known, _make=make)
        return made

    if not TYPE_CHECKING:  # a type checker would believe in every attribute

        def __getattr__(self, name: str) -> Any:
            if "_make" not in vars(self) or name not in self.__dataclass_fields__:
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
            made = self._make()
            vars(self).update(made.__getstate__() | vars(self))
            return vars(self)[name]

    def __getstate__(self) -> dict[str, Any]:
        """All fields, and not how to make them: also what pickle takes."""
        own: Any = self  # a dataclass, as all subclasses are
        return {field.name: getattr(self, field.name) for field in fields(own)}
