"""Sizes that generated code and its callers agree on (a module of its own: importing it imports nothing)."""

TILE = 256  # rows and columns of a tile at most: the tile fills a quarter of a 2 MB level-2 cache
STRIDE = TILE + 8  # a row of a tile: not a power of two, which would make columns compete for cache lines
CHUNK = 128  # terms summed before they are added to a total: shorter sums round less
PANEL = CHUNK * STRIDE  # size of the work space of `blocks.product`, in front of 4 rows of sums
PRODUCT_SPACE = PANEL + 4 * STRIDE
LANES = 6  # rows of STRIDE numbers: the state of the pairs of one row of a tile
SCRATCH = TILE * STRIDE + PRODUCT_SPACE + LANES * STRIDE  # work space of a tile
TABLE_TERMS = 8  # of the polynomials of a table: one cache line
TABLE_HEADER = 8  # numbers in front of them
SECOND = 5  # place in the header of the number of intervals of the first table of two
