"""Handwritten digits (1797 x 64) through four kernels of depth 3, checked against the definition.

    python benchmarks/real_data.py [--entries 200]      # several minutes: every reference is a quadrature

Prints, for each kernel, the seconds of the whole Gram matrix and the largest relative difference of
random entries from kernel.reference (mpmath, from the definition, on the exact float64 inputs); status 1
above 1e-12.
"""

import argparse
import sys
import time

import numpy as np
from rich.progress import track
from sklearn.datasets import load_digits

import kernelcalc as kc


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--entries", type=int, default=200)
    entries: int = parser.parse_args().entries
    X = load_digits().data
    rng = np.random.default_rng(0)
    kernels = (
        kc.NNGP(kc.Erf(), 3, sigma_b=0.1),
        kc.NTK(kc.Erf(), 3, sigma_b=0.1),
        kc.NTK(kc.ReLU(), 3, sigma_b=0.1),
        kc.SGNTK(kc.Sign(), kc.Erf().derivative, 3, sigma_b=0.1),
    )
    worst = 0.0
    for kernel in kernels:
        kernel(X[:2])  # compile
        start = time.perf_counter()
        K = kernel(X)
        seconds = time.perf_counter() - start
        errors = []
        for i, j in track(rng.integers(0, len(X), (entries, 2)), description=kernel.kind, transient=True):
            reference = kernel.reference(X[i], X[j], digits=16)
            errors.append(abs(float((K[i, j] - reference) / reference)))
        worst = max(worst, *errors)
        print(f"{kernel!r}: {seconds:.3f} s; {entries} entries differ by {max(errors):.1e} at most")
    return int(not worst <= 1e-12)


if __name__ == "__main__":
    sys.exit(main())
