"""kernelcalc: kernels of infinitely wide networks, derived, proved, and evaluated.

    import kernelcalc as kc
    kc.dual(kc.Erf("m")).expr      # the closed form, with .steps, .limit("m", kc.oo), .latex()
    k = kc.SGNTK(kc.Sign(), kc.Erf().derivative, depth=3, sigma_b=0.1)
    k(X)                           # the Gram matrix of the rows of X

Importing this module is fast: SymPy, Numba and the rest are imported when a name is first used.
"""

from __future__ import annotations

import math
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kernelcalc import limits as limits
    from kernelcalc import symbols as symbols
    from kernelcalc.checking.compare import Comparison as Comparison
    from kernelcalc.checking.compare import check as check
    from kernelcalc.errors import InputError as InputError
    from kernelcalc.errors import SurrogateWarning as SurrogateWarning
    from kernelcalc.errors import Undefined as Undefined
    from kernelcalc.expectation.result import Expectation as Expectation
    from kernelcalc.expectation.result import dual as dual
    from kernelcalc.expectation.result import mean as mean
    from kernelcalc.functions.base import Function as Function
    from kernelcalc.functions.catalogue import catalogue as catalogue
    from kernelcalc.functions.named import function as function
    from kernelcalc.functions.named import function_by_name as function_by_name
    from kernelcalc.functions.named import surrogate as surrogate
    from kernelcalc.functions.piecewise import MultiStep as MultiStep
    from kernelcalc.functions.piecewise import PiecewiseLinear as PiecewiseLinear
    from kernelcalc.functions.piecewise import Polynomial as Polynomial
    from kernelcalc.kernels import NNGP as NNGP
    from kernelcalc.kernels import NTK as NTK
    from kernelcalc.kernels import SGNTK as SGNTK
    from kernelcalc.kernels import GeneralizedNTK as GeneralizedNTK
    from kernelcalc.kernels import Kernel as Kernel
    from kernelcalc.training.circle import circle_task as circle_task
    from kernelcalc.training.estimators import InfiniteNetworkClassifier as InfiniteNetworkClassifier
    from kernelcalc.training.estimators import InfiniteNetworkRegressor as InfiniteNetworkRegressor
    from kernelcalc.training.flow import GradientFlow as GradientFlow
    from kernelcalc.training.gp_kernel import InfiniteNetworkKernel as InfiniteNetworkKernel
    from kernelcalc.training.plots import plot_components as plot_components
    from kernelcalc.training.plots import plot_kernel as plot_kernel
    from kernelcalc.training.plots import plot_prediction as plot_prediction
    from kernelcalc.training.plots import plot_training as plot_training
    from kernelcalc.training.singular import SingularClassifier as SingularClassifier
    from kernelcalc.training.spectrum import ConditioningWarning as ConditioningWarning
    from kernelcalc.training.spectrum import HypothesisWarning as HypothesisWarning

__version__ = "0.1.0"

oo = math.inf  # for .limit("m", oo) and flow.mean(T, oo)

_HOME = {
    "Comparison": "checking.compare",
    "check": "checking.compare",
    "InputError": "errors",
    "SurrogateWarning": "errors",
    "Undefined": "errors",
    "Expectation": "expectation.result",
    "dual": "expectation.result",
    "mean": "expectation.result",
    "Function": "functions.base",
    "catalogue": "functions.catalogue",
    "function": "functions.named",
    "function_by_name": "functions.named",
    "MultiStep": "functions.piecewise",
    "PiecewiseLinear": "functions.piecewise",
    "Polynomial": "functions.piecewise",
    "surrogate": "functions.named",
    "NNGP": "kernels",
    "NTK": "kernels",
    "SGNTK": "kernels",
    "GeneralizedNTK": "kernels",
    "Kernel": "kernels",
    "GradientFlow": "training.flow",
    "SingularClassifier": "training.singular",
    "InfiniteNetworkRegressor": "training.estimators",
    "InfiniteNetworkClassifier": "training.estimators",
    "InfiniteNetworkKernel": "training.gp_kernel",
    "ConditioningWarning": "training.spectrum",
    "HypothesisWarning": "training.spectrum",
    "plot_components": "training.plots",
    "plot_kernel": "training.plots",
    "plot_prediction": "training.plots",
    "plot_training": "training.plots",
    "circle_task": "training.circle",
}


def __getattr__(name: str) -> Any:
    if name in ("symbols", "limits"):
        return import_module(f"kernelcalc.{name}")
    if name in _HOME:
        value = getattr(import_module(f"kernelcalc.{_HOME[name]}"), name)
    elif name.startswith("_"):
        raise AttributeError(f"module 'kernelcalc' has no attribute {name!r}")
    else:
        value = import_module("kernelcalc.functions.entry").named(name)
        if value is None:
            raise AttributeError(f"module 'kernelcalc' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    named = import_module("kernelcalc.functions.catalogue").BY_NAME
    return sorted({*globals(), *_HOME, *named, "limits", "symbols"})
