"""The symbols every formula is written in, with their assumptions.

Sign and order conventions, everywhere: (X, Y) ~ N(0, [[a, c], [c, b]]), so a and b are variances
(of the first and the second argument) and c is their covariance; Z ~ N(mu, v).
"""

import sympy as sp

z = sp.Symbol("z", real=True)  # the argument of an activation function or surrogate derivative

a = sp.Symbol("a", positive=True)  # Var X
b = sp.Symbol("b", positive=True)  # Var Y
c = sp.Symbol("c", real=True)  # Cov(X, Y)
v = sp.Symbol("v", positive=True)  # Var Z
mu = sp.Symbol("mu", real=True)  # E Z
D = sp.Symbol("D", positive=True)  # the determinant a b - c^2, where a formula reads better with it
rho = sp.Symbol("rho", real=True)  # the correlation c / sqrt(a b)
xx, yy, xy = (sp.Symbol(name, real=True) for name in ("xx", "yy", "xy"))  # <x,x>, <y,y>, <x,y>

m = sp.Symbol("m", positive=True)  # steepness of erf_m(z) = erf(m z)
sigma_w = sp.Symbol("sigma_w", positive=True)  # standard deviation of the weights
sigma_b = sp.Symbol("sigma_b", nonnegative=True)  # standard deviation of the biases
n0 = sp.Symbol("n_0", positive=True, integer=True)  # input dimension
L = sp.Symbol("L", positive=True, integer=True)  # depth: the number of weight layers

T = sp.Symbol("T", real=True)  # the tangent kernel of the layer before

DETERMINANT = a * b - c**2
