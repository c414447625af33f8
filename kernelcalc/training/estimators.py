"""scikit-learn estimators: networks of infinite width, trained by gradient flow.

from sklearn.model_selection import GridSearchCV
grid = {"depth": [2, 3, 5], "surrogate": ["erf", "1/(1 + z**2)"]}
GridSearchCV(kc.InfiniteNetworkRegressor("sign", "erf"), grid)
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from scipy.special import ndtr

from kernelcalc.errors import InputError
from kernelcalc.training.flow import GradientFlow
from kernelcalc.training.networks import network_kernel
from kernelcalc.training.singular import SingularClassifier, is_singular

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_is_fitted, check_random_state, validate_data
except ImportError as error:
    raise ImportError("the estimators need scikit-learn >= 1.6: pip install 'kernelcalc[sklearn]'") from error

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from kernelcalc.functions.base import Function
    from kernelcalc.kernels import Kernel
    from kernelcalc.training.inputs import Reals


class _InfiniteNetwork(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """What both estimators share: the parameters, and the trained network."""

    def __init__(
        self,
        activation: Function | str = "relu",
        surrogate: Function | str | None = None,
        *,
        depth: int = 3,
        sigma_w: float = 1.0,
        sigma_b: float = 0.1,
        kernel: Kernel | str = "auto",
        time: float = math.inf,
        learning_rate: float = 1.0,
        loss: str = "sum",
        ridge: float = 0.0,
        kappa: float = 1.0,
    ) -> None:
        self.activation = activation
        self.surrogate = surrogate
        self.depth = depth
        self.sigma_w = sigma_w
        self.sigma_b = sigma_b
        self.kernel = kernel
        self.time = time
        self.learning_rate = learning_rate
        self.loss = loss
        self.ridge = ridge
        self.kappa = kappa

    def _kernel(self) -> Kernel:
        if not isinstance(self.kernel, str):
            return self.kernel
        sigmas = {"sigma_w": self.sigma_w, "sigma_b": self.sigma_b}
        return network_kernel(self.activation, self.surrogate, kind=self.kernel, depth=self.depth, **sigmas)

    def _flow(self, X: Reals, Y: Reals) -> GradientFlow:
        options = {name: getattr(self, name) for name in ("learning_rate", "loss", "ridge", "kappa")}
        return GradientFlow(self.kernel_, X, Y, **options)

    def _points(self, X: ArrayLike) -> Reals:
        check_is_fitted(self)
        points: Reals = validate_data(self, X, dtype=np.float64, reset=False)
        return points


class InfiniteNetworkRegressor(RegressorMixin, _InfiniteNetwork):  # type: ignore[misc]  # as above
    """Regression with a network of infinite width, trained by gradient flow on the squared error.

    activation: a function, the name of one, or a formula in z. surrogate: None for the NTK; else the
    surrogate derivative of the SG-NTK, where the name of a function stands for its derivative. depth: weight
    layers, >= 1. sigma_w > 0, sigma_b >= 0: standard deviations at initialisation. kernel: "auto", "ntk",
    "sgntk", "nngp", or a Kernel, which then replaces the five parameters before. time: training time, inf
    allowed. learning_rate, loss, ridge, kappa: see GradientFlow; a ridge makes noisy data, and data with
    repeated points, well-posed.

    After fit: kernel_, flow_ (the GradientFlow, with .spectrum), n_features_in_.
    """

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Train on X (n, d), y (n,) or (n, outputs)."""
        points, values = validate_data(self, X, y, dtype=np.float64, multi_output=True, y_numeric=True)
        self.kernel_ = self._kernel()
        if is_singular(self.kernel_):
            raise InputError(
                f"{self.kernel_!r} is singular: its network predicts 0 off the training points, so "
                "regression is not possible (section D.2). Give a surrogate, or classify"
            )
        self.flow_ = self._flow(points, np.asarray(values, dtype=np.float64))
        self.flow_.mean(
            points[:1], self.time
        )  # what cannot be trained fails here, not at the first prediction
        return self

    def predict(self, X: ArrayLike, return_std: bool = False, return_cov: bool = False) -> Any:
        """The mean at X (p, d): (p,) or (p, outputs); with return_std or return_cov a pair.

        std has the shape of the mean, cov is (p, p) or (p, p, outputs): the spread over initialisations.
        """
        if return_std and return_cov:
            raise InputError("ask for return_std or return_cov, not both")
        points = self._points(X)
        mean = self.flow_.mean(points, self.time)
        outputs = mean.shape[1:]
        if return_std:
            std = self.flow_.std(points, self.time)
            return mean, np.broadcast_to(std.reshape(-1, *[1] * len(outputs)), mean.shape).copy()
        if return_cov:
            cov = self.flow_.covariance(points, self.time)
            shape = (*cov.shape, *outputs)
            return mean, np.broadcast_to(cov.reshape(*cov.shape, *[1] * len(outputs)), shape).copy()
        return mean

    def sample_y(self, X: ArrayLike, n_samples: int = 1, random_state: Any = 0) -> Reals:
        """Trained networks drawn at random: (p, n_samples) or (p, outputs, n_samples)."""
        points = self._points(X)
        seed = int(check_random_state(random_state).randint(2**31 - 1))
        return np.moveaxis(self.flow_.sample(points, self.time, size=n_samples, seed=seed), 0, -1)


class InfiniteNetworkClassifier(ClassifierMixin, _InfiniteNetwork):  # type: ignore[misc]  # as above
    """Classification by a network of infinite width, trained on targets -1 and +1, one output per class.

    Parameters as in InfiniteNetworkRegressor. An activation with jumps and no surrogate has a singular NTK:
    the prediction is then the limit of Theorem D.4 and Remark D.4 (SingularClassifier), for time = inf.

    There is no predict_proba: regression on -1 and +1 gives no probability of a class. For one, put the
    estimator into scikit-learn's CalibratedClassifierCV; vote_share says how far trained networks agree.

    After fit: classes_, kernel_, network_ (GradientFlow or SingularClassifier), n_features_in_.
    """

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Train on X (n, d), labels y (n,) of at least two classes."""
        points, labels = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(labels)
        self.classes_, codes = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:
            raise InputError(f"y holds one class only, {self.classes_[0]!r}; give at least 2 classes")
        Y = np.where(codes[:, None] == np.arange(len(self.classes_)), 1.0, -1.0)
        Y = Y[:, 1] if len(self.classes_) == 2 else Y
        self.kernel_ = self._kernel()
        if not is_singular(self.kernel_):
            self.network_: GradientFlow | SingularClassifier = self._flow(points, Y)
            self.network_.mean(points[:1], self.time)
        elif self.time == math.inf and not self.ridge:
            self.network_ = SingularClassifier(self.kernel_, points, Y)
        else:
            raise InputError(f"{self.kernel_!r} is singular: it needs time = inf and ridge = 0")
        return self

    def decision_function(self, X: ArrayLike) -> Reals:
        """The outputs at X (p, d): (p,) for two classes, positive for the second; else (p, classes)."""
        points = self._points(X)
        if isinstance(self.network_, SingularClassifier):
            return self.network_.decision(points)
        return self.network_.mean(points, self.time)

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """The class of every row of X (p, d): (p,)."""
        values = self.decision_function(X)
        best = (values > 0).astype(int) if values.ndim == 1 else values.argmax(axis=1)
        return np.asarray(self.classes_[best])

    def vote_share(self, X: ArrayLike) -> Reals:
        """The share of trained networks, over random initialisations, that choose each class: (p, classes).

        Raises InputError for a singular kernel, whose limit says nothing of the spread.
        """
        points = self._points(X)
        if isinstance(self.network_, SingularClassifier):
            raise InputError(f"{self.kernel_!r} is singular: its networks have no limit that could vote")
        mean, std = self.network_.mean(points, self.time), self.network_.std(points, self.time)[:, None]
        if mean.ndim == 1:  # one output: its sign
            share = np.where(std > 0, ndtr(mean[:, None] / np.where(std > 0, std, 1)), mean[:, None] > 0)
            return np.hstack([1 - share, share])
        ahead = (mean[:, :, None] - mean[:, None, :]) / np.where(std > 0, std, 1)[:, :, None]
        itself = np.eye(mean.shape[1], dtype=bool)
        ahead[:, itself] = np.inf
        # integral over u of p(u) prod_j P(output j < output k | noise u of output k), by the trapezoidal rule
        weight = 0.1 / math.sqrt(2 * math.pi)
        nodes = np.linspace(-9, 9, 181)
        share = sum(weight * math.exp(-(u**2) / 2) * ndtr(ahead + u).prod(axis=2) for u in nodes)
        return np.asarray(np.where(std > 0, share, itself[mean.argmax(axis=1)]))
