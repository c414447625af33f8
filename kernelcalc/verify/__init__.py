"""Claims of the papers, judged against the symbolic engine and the independent quadrature."""
