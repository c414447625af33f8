"""What trained infinitely wide networks predict: the kernels put to use.

inputs.py       checks of what users pass
filters.py      (1 - exp(-s x))/x and its discrete twin, of numbers and of matrices
dynamics.py     these functions of the kernel matrix, by the decomposition that its conditioning allows
spectrum.py     eigenvalues, effective rank, learning rates, and whether the theorems' hypotheses hold
flow.py         GradientFlow: mean and covariance at any time;  precise.py  the same with many digits
components.py   kernel principal components, convergence along them, early stopping
singular.py     the classifier of the singular kernel
networks.py     kernels from names
estimators.py   scikit-learn regressor and classifier;  gp_kernel.py  scikit-learn Gaussian-process kernel
plots.py        figures;  circle.py  the regression task of the paper
"""
