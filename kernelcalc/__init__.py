"""kernelcalc: kernels of infinitely wide networks, derived, proved, and evaluated."""
