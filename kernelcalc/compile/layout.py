"""Sizes that generated code and its callers agree on (a module of its own: importing it imports nothing)."""

TILE = 240  # rows and columns of a tile at most: the tile fills a quarter of a 2 MB level-2 cache
STRIP = 24  # columns whose products with 8 rows fit into the registers: a tile holds whole strips,
STRIP_SINGLE = 48  # and of float32 twice as many
STRIDE = TILE + 32  # a row of a tile; no power of two, or columns would compete for cache lines
CHUNK = 128  # terms summed before they are added to a total: shorter sums round less
PANEL = CHUNK * STRIDE  # size of the work space of `blocks.product`, in front of 8 rows
PRODUCT_SPACE = PANEL + 8 * CHUNK
LANES = 11  # rows of STRIDE numbers: the state of TILE pairs
MARKS = 2 + TILE * TILE  # how many pairs of a tile are close, which, and the column behind the tile
LOOKUPS = 16  # in one layer: two more rows for each,
TABLE_TERMS = 7  # and as many as a polynomial of a table has terms, the last two in one number
# where a second product of the tile begins
EXACT = TILE * STRIDE + PRODUCT_SPACE + (LANES + 2 * LOOKUPS + TABLE_TERMS) * STRIDE
SCRATCH = EXACT + TILE * STRIDE  # work space of a tile
Q, P, R, C, T, S, D, A, B, E, X = (lane * STRIDE for lane in range(LANES))  # where each begins
RSQRT_CUBIC = 0.3125001  # 5/16 in roots.rsqrt_estimate, by which processor.py knows it in machine code
TABLE_HEADER = 8  # numbers in front of them
PLANE_TERMS = 12  # of the polynomials of planes.py, in each of their two variables: a multiple of 4
PLANE_LEVELS = 96  # of the squares of planes.py
PLANE_FOLDED = -0.5  # in place of a number: the function repeats there, and the square of one period has it
PLANE_FOLD = 2.0  # width of that square; its part up to 1/2 is used
FALLS = 6  # place in the header of a table of what is not 0 where the function falls like 1/x for ever
SECOND = 5  # place in the header of the number of intervals of the first table of two
WEDGE_TERMS = 21  # of the polynomials of wedges.py, an odd number
WEDGE = 2 + 3 * WEDGE_TERMS  # numbers that a point keeps for each of its thresholds
POWER_TERMS = 8  # of the polynomials of powers.py
POWER_SCALES = 1024  # exponents of numbers below 2, in front of them
