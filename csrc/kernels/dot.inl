/* y = x w^T with the rows of w as they lie in memory: dot products, DOT_COLS rows of w with the rows of x at a time.
 * Where 3 x 4 sums fill the registers, so do 4 x 3: rows by fours pass once where threes pass twice. */
#define DOT_COLS 4
#define DOT_FAR (4 << 20) /* bytes of w, of which the next rows are fetched in good time */
#define DOT_TILE(rows) DOT_TILE2(rows)
#define DOT_TILE2(rows) NAME(dot_##rows)

/* Two vectors folded into one: each half, quarter, ... of lanes on top of its neighbour, a's where the bit HALF of the
 * lane is 0, b's where it is 1. */
#define OWN(j) (j) + ((j) & HALF ? LANES : 0)
#define NEIGHBOUR(j) ((j) ^ HALF) + ((j) & HALF ? LANES : 0)
#define FOLD(a, b) (SHUFFLE(a, b, EVERY_LANE(OWN)) + SHUFFLE(a, b, EVERY_LANE(NEIGHBOUR)))
#define HALF (8 % LANES)
INLINE NAME(v) NAME(fold_8)(NAME(v) a, NAME(v) b) { return FOLD(a, b); }
#undef HALF
#define HALF (4 % LANES)
INLINE NAME(v) NAME(fold_4)(NAME(v) a, NAME(v) b) { return FOLD(a, b); }
#undef HALF
#define HALF (2 % LANES)
INLINE NAME(v) NAME(fold_2)(NAME(v) a, NAME(v) b) { return FOLD(a, b); }
#undef HALF
#define HALF 1
INLINE NAME(v) NAME(fold_1)(NAME(v) a, NAME(v) b) { return FOLD(a, b); }
#undef HALF
#undef OWN
#undef NEIGHBOUR
#undef FOLD

/* LANES vectors: the sum of vector i's lanes in lane i. */
INLINE NAME(v) NAME(add_up)(NAME(v) rows[LANES])
{
    _Pragma("GCC unroll 4") for (int half = LANES / 2; half >= 1; half /= 2)
        _Pragma("GCC unroll 8") for (int i = 0; i < half; i++) {
            NAME(v) a = rows[i], b = rows[i + half];
            rows[i] = half == 8   ? NAME(fold_8)(a, b)
                      : half == 4 ? NAME(fold_4)(a, b)
                      : half == 2 ? NAME(fold_2)(a, b)
                                  : NAME(fold_1)(a, b);
        }
    return rows[0];
}

#define COLS DOT_COLS
#define ROWS 1
#include "dot_tile.inl"
#undef ROWS
#define ROWS 2
#include "dot_tile.inl"
#undef ROWS
#if FNN_DOT_ROWS >= 3
#define ROWS 3
#include "dot_tile.inl"
#undef ROWS
#endif
#if FNN_DOT_ROWS >= 6
#define ROWS 4
#include "dot_tile.inl"
#undef ROWS
#define ROWS 5
#include "dot_tile.inl"
#undef ROWS
#define ROWS 6
#include "dot_tile.inl"
#undef ROWS
#endif
#undef COLS
#if FNN_DOT_ROWS == 3
#define COLS 3
#define ROWS 4
#include "dot_tile.inl"
#undef ROWS
#undef COLS
#endif

/* The same with rows of x side by side in a vector: fewer lanes to add up. */
#define PIECE (16 / REAL_BYTES)
#define BESIDE (LANES / PIECE)
#define WIDE_TILE(rows) WIDE_TILE2(rows)
#define WIDE_TILE2(rows) NAME(dot_wide_##rows)
#if FNN_DOT_ROWS >= 3
#if FNN_DOT_ROWS == 3
#define ROWS 2
#include "dot_wide.inl"
#undef ROWS
#endif
#define ROWS 3
#include "dot_wide.inl"
#undef ROWS
#endif
#if FNN_DOT_ROWS >= 6
#define ROWS 4
#include "dot_wide.inl"
#undef ROWS
#define ROWS 5
#include "dot_wide.inl"
#undef ROWS
#define ROWS 6
#include "dot_wide.inl"
#undef ROWS
#endif

typedef void NAME(dot_tile)(ptrdiff_t, const REAL *, const REAL *, ptrdiff_t, ptrdiff_t, const REAL *, REAL *,
                            ptrdiff_t);

/* How the rows of x lie in vectors: `beside` each other, `taps` of each; and the tiles for so many vectors. */
typedef struct {
    NAME(dot_tile) *const *tiles;
    ptrdiff_t vectors, beside, taps, tallest, width;
} NAME(dot_way);

static NAME(dot_way) NAME(dot_way_for)(ptrdiff_t rows, int beside)
{
    static NAME(dot_tile) *const tiles[] = {
        NULL, DOT_TILE(1), DOT_TILE(2),
#if FNN_DOT_ROWS >= 3
        DOT_TILE(3), DOT_TILE(4),
#endif
#if FNN_DOT_ROWS >= 6
        DOT_TILE(5), DOT_TILE(6),
#endif
    };
#if FNN_DOT_ROWS == 6
    static NAME(dot_tile) *const wide_tiles[] = {
        NULL, NULL, NULL, WIDE_TILE(3), WIDE_TILE(4), WIDE_TILE(5), WIDE_TILE(6),
    };
#elif FNN_DOT_ROWS == 3
    static NAME(dot_tile) *const wide_tiles[] = {NULL, NULL, WIDE_TILE(2), WIDE_TILE(3)};
#else
    static NAME(dot_tile) *const *wide_tiles = NULL; /* a vector is a piece */
#endif
    if (beside) {
        const ptrdiff_t vectors = (rows + BESIDE - 1) / BESIDE, fewest = (FNN_DOT_ROWS + 1) / 2;
        return (NAME(dot_way)){wide_tiles, vectors < fewest ? fewest : vectors, BESIDE, PIECE, FNN_DOT_ROWS, DOT_COLS};
    }
    if (FNN_DOT_ROWS == 3 && rows % 4 == 0) return (NAME(dot_way)){tiles, rows, 1, LANES, 4, 3};
    return (NAME(dot_way)){tiles, rows, 1, LANES, FNN_DOT_ROWS, DOT_COLS};
}

/* The vectors of the next of `blocks` blocks, of nearly equal height. */
INLINE ptrdiff_t NAME(dot_block)(ptrdiff_t vectors, ptrdiff_t blocks) { return (vectors + blocks - 1) / blocks; }

#include "dot_pack.inl"

/* Columns from..to-1 of a tile that is not wanted whole, or is to be added. */
__attribute__((noinline)) static void NAME(dot_keep)(ptrdiff_t rows, ptrdiff_t from, ptrdiff_t to, const REAL *tile,
                                                     int add, REAL *y, ptrdiff_t y_rs)
{
    const int whole = !add && to - from == DOT_COLS;
    for (; rows > 0; rows--, tile += DOT_COLS, y += y_rs)
        if (whole)
            memcpy(y, tile, DOT_COLS * sizeof(REAL));
        else
            for (ptrdiff_t q = from; q < to; q++) y[q] = tile[q] + (add ? y[q] : 0);
}

static void NAME(dot)(ptrdiff_t rows, int beside, ptrdiff_t cols, ptrdiff_t k, const REAL *x, const REAL *w,
                      ptrdiff_t w_rs, const REAL *init, int add, REAL *y, ptrdiff_t y_rs)
{
    static const REAL zeros[DOT_COLS];
    const NAME(dot_way) way = NAME(dot_way_for)(rows, beside);
    const ptrdiff_t vector_size = (k + way.taps - 1) / way.taps * LANES, width = way.width;
    const ptrdiff_t far = cols * w_rs * REAL_BYTES >= DOT_FAR ? width * w_rs : 0;
    const int alone = cols < width; /* each column in all columns of its tile */
    for (ptrdiff_t o = 0, next; o < cols; o = next) {
        /* The last tile ends with the last column. */
        const ptrdiff_t first = alone || o + width <= cols ? o : cols - width;
        next = alone ? o + 1 : first + width;
        REAL part[(FNN_DOT_ROWS + 1) * BESIDE * DOT_COLS], same[DOT_COLS];
        const REAL *x_block = x, *start = init == NULL ? zeros : init + first;
        if (alone && init != NULL) {
            same[0] = same[1] = same[2] = same[3] = init[first];
            start = same;
        }
        REAL *y_block = y + first;
        ptrdiff_t left = way.vectors, rows_left = rows;
        for (ptrdiff_t blocks = (left + way.tallest - 1) / way.tallest; blocks > 0; blocks--) {
            const ptrdiff_t height = NAME(dot_block)(left, blocks), ahead = blocks == 1 ? far : 0;
            const ptrdiff_t block_rows = height * way.beside < rows_left ? height * way.beside : rows_left;
            if (add || alone || block_rows < height * way.beside) {
                way.tiles[height](k, x_block, w + first * w_rs, alone ? 0 : w_rs, ahead, start, part, DOT_COLS);
                NAME(dot_keep)(block_rows, o - first, next - first, part, add, y_block, y_rs);
            } else {
                way.tiles[height](k, x_block, w + first * w_rs, w_rs, ahead, start, y_block, y_rs);
            }
            x_block += height * vector_size;
            y_block += block_rows * y_rs;
            rows_left -= block_rows;
            left -= height;
        }
    }
}
#undef PIECE
#undef BESIDE
#undef WIDE_TILE
#undef WIDE_TILE2
#undef DOT_COLS
#undef DOT_FAR
#undef DOT_TILE
#undef DOT_TILE2
