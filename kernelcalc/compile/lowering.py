"""Numba's compiler up to optimised LLVM text, for code that Python never calls.

The functions of this package are inlined into the entries of a kernel, and of those only the text is wanted:
`cache.py` makes the machine code. Numba would make it for each of them, with a wrapper for calls from Python,
which takes a quarter of the time of a first call.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numba
from numba.core.codegen import CPUCodeLibrary
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import register_pass
from numba.core.registry import CPUDispatcher
from numba.core.typed_passes import NativeLowering


class Text(CPUCodeLibrary):
    """Optimised text; the machine code is not made."""

    def _finalize_final_module(self) -> None:
        self._verify_declare_only_symbols()
        self._finalized = True

    def get_pointer_to_function(self, name: str) -> int:
        """There is none; Numba asks for it when a C callback is complete."""
        self._ensure_finalized()
        return 0


@register_pass(mutates_CFG=True, analysis_only=False)
class TextLowering(NativeLowering):
    """Numba's lowering into Text."""

    _name = "text_lowering"

    def run_pass(self, state: Any) -> bool:
        """As its parent; a function of ours gets an entry point that does nothing but to tell it apart."""
        state.library = Text(state.targetctx.codegen(), state.func_id.func_qualname)
        callback, state.flags.no_compile = state.flags.no_compile, True
        super().run_pass(state)
        if not callback:
            entry: Any = {}.update  # of the kind that Numba takes
            state.targetctx.insert_user_function(entry, state.cr.fndesc, [state.library])
            state["cr"] = state.cr._replace(cfunc=entry)
        return True


class TextCompiler(CompilerBase):
    """For pipeline_class= of numba.njit and numba.cfunc."""

    def define_pipelines(self) -> list[Any]:
        """Numba's own, but for the lowering."""
        passes = DefaultPassBuilder.define_nopython_pipeline(self.state)
        at = next(i for i, (kind, _) in enumerate(passes.passes) if kind is NativeLowering)
        _, words = passes.passes[at]
        passes.passes[at] = TextLowering, words
        passes.finalize()
        return [passes]


class Inlined(CPUDispatcher):
    """A function for compiled code. Called from Python, it is compiled once more, as Numba does it."""

    def __init__(self, function: Callable[..., Any], **options: Any) -> None:
        self._options = options | {"error_model": "numpy", "forceinline": True}
        alone = {"nopython": True, "no_cfunc_wrapper": True, "no_cpython_wrapper": True}
        super().__init__(function, targetoptions=self._options | alone, pipeline_class=TextCompiler)

    @cached_property
    def _called(self) -> Callable[..., Any]:
        made: Callable[..., Any] = numba.njit(**self._options)(self.py_func)
        return made

    def __call__(self, *arguments: Any) -> Any:
        return self._called(*arguments)
