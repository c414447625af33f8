"""Kernels from names, as the estimators and the command line take them."""

from __future__ import annotations

from kernelcalc.errors import InputError
from kernelcalc.functions.base import Function
from kernelcalc.functions.named import function_by_name, surrogate_by_name
from kernelcalc.kernels import NNGP, NTK, SGNTK, Kernel


def activation_named(given: Function | str) -> Function:
    """A function, the name of one ("erf"), or a formula in z."""
    if isinstance(given, Function):
        return given
    if not isinstance(given, str):
        raise InputError(f"activation={given!r} must be a function, the name of one, or a formula in z")
    return function_by_name(given)


def surrogate_named(given: Function | str) -> Function:
    """A surrogate derivative: a function, or what ``surrogate_by_name`` makes of a name or formula."""
    if isinstance(given, Function):
        return given
    if not isinstance(given, str):
        raise InputError(f"surrogate={given!r} must be a function, the name of one, or a formula in z")
    return surrogate_by_name(given)


def network_kernel(
    activation: Function | str,
    surrogate: Function | str | None = None,
    *,
    kind: str = "auto",
    depth: int = 3,
    sigma_w: float = 1.0,
    sigma_b: float = 0.0,
) -> Kernel:
    """The kernel of a network: kind "ntk", "sgntk", "nngp", or "auto" (sgntk if a surrogate is given)."""
    if kind not in ("auto", "ntk", "sgntk", "nngp"):
        raise InputError(f"kernel {kind!r} must be 'auto', 'ntk', 'sgntk' or 'nngp'")
    if (kind in ("ntk", "nngp") and surrogate is not None) or (kind == "sgntk" and surrogate is None):
        raise InputError(f"a surrogate is needed for the kernel 'sgntk', and only there (kernel {kind!r})")
    f = activation_named(activation)
    if surrogate is not None:
        return SGNTK(f, surrogate_named(surrogate), depth, sigma_w=sigma_w, sigma_b=sigma_b)
    return (NNGP if kind == "nngp" else NTK)(f, depth, sigma_w=sigma_w, sigma_b=sigma_b)
