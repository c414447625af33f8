"""Machine code of generated source, kept on disk between processes (`kept.py`).

Numba compiles a function of pointers and numbers once; what is kept is the object code, in a signed private
file (`store.py`), and a later process links it with llvmlite alone: neither Numba nor SymPy is imported. The
name of a file is a hash of everything that determines its content, so nothing is ever out of date.
"""

from __future__ import annotations

import ctypes
import itertools
import linecache
import os
import threading
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

from kernelcalc.compile.processor import with_estimates
from kernelcalc.kept import digest, package, store, version

if TYPE_CHECKING:
    from llvmlite.binding import LLJIT, TargetMachine

C_TYPES: dict[str, Any] = {
    "float64*": ctypes.c_void_p,
    "float32*": ctypes.c_void_p,
    "int64*": ctypes.c_void_p,
    "float64": ctypes.c_double,
    "int64": ctypes.c_int64,
}

# Held while compiling and linking, and during a fork, so that a child never inherits a half-done compilation.
_lock = threading.RLock()
_functions: dict[str, Callable[..., None]] = {}
_serial = itertools.count()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)


def function(source: str, entry: str, arguments: tuple[str, ...]) -> Callable[..., None]:
    """The function `entry` of a module with this source as machine code; it returns nothing.

    arguments: for each argument "float64", "int64", or with * a pointer (pass array.ctypes.data). The source
    may import kernelcalc.compile's inlined functions and index pointers; it may not allocate or raise. A call
    runs without the GIL. Safe with threads and fork. TypeError for source that needs the Python runtime.
    """
    machine = _machine()
    settings = [os.environ.get(f"NUMBA_{name}") for name in ("OPT", "LOOP_VECTORIZE", "SLP_VECTORIZE")]
    versions = [version(name) for name in ("numba", "llvmlite")]
    name = "code-" + digest(package(), versions, settings, *machine, source, entry, arguments)
    with _lock:
        if name not in _functions:
            kept = store().get(name)
            if kept is None:
                kept = _compile(source, entry, arguments, _target(*machine))
                store().put(name, kept)
            _functions[name] = _link(kept, entry, arguments)
        return _functions[name]


def _machine() -> tuple[str, str]:
    """Name and features of the processor, as Numba sees them."""
    import llvmlite.binding as llvm

    name = os.environ.get("NUMBA_CPU_NAME", llvm.get_host_cpu_name())
    return name, os.environ.get("NUMBA_CPU_FEATURES", llvm.get_host_cpu_features().flatten())


@cache
def _target(cpu: str, features: str) -> TargetMachine:
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    # small code model: constants are addressed relative to the code, which saves an instruction each
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=cpu, features=features, opt=3, reloc="pic", codemodel="small", jit=True
    )


@cache
def _linker() -> LLJIT:
    import llvmlite.binding as llvm

    return llvm.create_lljit_compiler(_target(*_machine()))


def _compile(source: str, entry: str, arguments: tuple[str, ...], target: TargetMachine) -> bytes:
    """Object code that defines `entry` as a C function."""
    import llvmlite.binding as llvm
    import numba

    from kernelcalc.compile.lowering import TextCompiler

    filename = f"<kernelcalc {digest(source)[:16]}>"
    linecache.cache[filename] = len(source), None, source.splitlines(keepends=True), filename
    scope: dict[str, Any] = {"__name__": filename}
    exec(compile(source, filename, "exec"), scope)
    known: Any = numba.types  # untyped
    plain = [getattr(known, name.rstrip("*")) for name in arguments]
    types = [known.CPointer(t) if name.endswith("*") else t for t, name in zip(plain, arguments, strict=True)]
    options: dict[str, Any] = {"forceinline": True, "error_model": "numpy", "pipeline_class": TextCompiler}
    compiled = numba.cfunc(numba.void(*types), **options)(scope[entry])
    module = llvm.parse_assembly(with_estimates(compiled.inspect_llvm(), _machine()[1]))
    declared = [f.name for f in module.functions if f.is_declaration]
    runtime = [name for name in declared if name.startswith(("Py", "numba_", "NRT_"))]
    if runtime:
        raise TypeError(
            f"{entry} may raise or allocate ({', '.join(runtime)}): compute with pointers and numbers"
        )
    module.get_function(compiled.native_name).name = entry
    return bytes(target.emit_object(module))


def _link(code: bytes, entry: str, arguments: tuple[str, ...]) -> Callable[..., None]:
    import llvmlite.binding as llvm

    builder = llvm.JITLibraryBuilder().add_object_img(code).add_current_process().export_symbol(entry)
    library = builder.link(_linker(), f"{entry}-{next(_serial)}")
    called = ctypes.CFUNCTYPE(None, *(C_TYPES[argument] for argument in arguments))(library[entry])
    called.library = library  # type: ignore[attr-defined]  # the code lives as long as the library object
    return called
