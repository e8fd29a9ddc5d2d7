/* How `dot` reads x: rows that lie a power of two apart would throw each other out of the cache. */

/* height vectors of a row each, [tap / LANES][row][LANES]. */
INLINE void NAME(pack_rows)(ptrdiff_t height, ptrdiff_t k, const REAL *x, ptrdiff_t x_rs, REAL *dst)
{
    ptrdiff_t t = 0;
    for (; t + LANES <= k; t += LANES)
        for (ptrdiff_t r = 0; r < height; r++, dst += LANES) NAME(store)(dst, NAME(load)(x + r * x_rs + t));
    if (t == k) return;
    const NAME(mask) taps = NAME(lanes_between)(0, k - t);
    for (ptrdiff_t r = 0; r < height; r++, dst += LANES)
        NAME(store)(dst, NAME(load_or_zero)(x + r * x_rs + t, taps));
}

#if BESIDE > 1
#define LOW(j) (j) + ((j) < LANES / 2 ? 0 : LANES / 2)
#define HIGH(j) LANES / 2 + (j) + ((j) < LANES / 2 ? 0 : LANES / 2)
#define EVEN(j) (j) + (j) / PIECE * PIECE
#define ODD(j) (j) + (j) / PIECE * PIECE + PIECE
#define HALVES(a, b, f) SHUFFLE(a, b, EVERY_LANE(f))
/* A piece of each row in the place of a vector of pieces of each row. */
INLINE void NAME(turn_pieces)(NAME(v) row[BESIDE])
{
    NAME(v) low = HALVES(row[0], row[1], LOW), high = HALVES(row[0], row[1], HIGH);
    if (BESIDE == 2) {
        row[0] = low;
        row[1] = high;
        return;
    }
    NAME(v) next_low = HALVES(row[BESIDE - 2], row[BESIDE - 1], LOW);
    NAME(v) next_high = HALVES(row[BESIDE - 2], row[BESIDE - 1], HIGH);
    row[0] = HALVES(low, next_low, EVEN);
    row[1] = HALVES(low, next_low, ODD);
    row[BESIDE - 2] = HALVES(high, next_high, EVEN);
    row[BESIDE - 1] = HALVES(high, next_high, ODD);
}
#undef LOW
#undef HIGH
#undef EVEN
#undef ODD
#undef HALVES

/* height vectors of BESIDE rows each, [tap / PIECE][vector][BESIDE][PIECE]; in place of rows past the last
 * one, others. */
INLINE void NAME(pack_beside)(ptrdiff_t height, ptrdiff_t rows, ptrdiff_t k, const REAL *x, ptrdiff_t x_rs, REAL *dst)
{
    const REAL *first = x;
    for (ptrdiff_t r = 0; r < height; r++, x += BESIDE * x_rs, rows -= BESIDE, dst += LANES) {
        REAL *to = dst;
        if (rows <= 0) {
            rows = 1;
            x = first;
        }
        ptrdiff_t t = 0;
        for (; t + LANES <= k; t += LANES) {
            NAME(v) row[BESIDE];
            _Pragma("GCC unroll 4") for (int i = 0; i < BESIDE; i++)
                row[i] = NAME(load)(x + (i < rows ? i : 0) * x_rs + t);
            NAME(turn_pieces)(row);
            _Pragma("GCC unroll 4") for (int i = 0; i < BESIDE; i++, to += height * LANES) NAME(store)(to, row[i]);
        }
        for (; t < k; t += PIECE, to += height * LANES)
            _Pragma("GCC unroll 1") for (int i = 0; i < BESIDE; i++)
                _Pragma("GCC unroll 1") for (int j = 0; j < PIECE; j++)
                    to[i * PIECE + j] = i < rows && t + j < k ? x[i * x_rs + t + j] : 0;
    }
}
#endif

static void NAME(dot_pack)(ptrdiff_t rows, int beside, ptrdiff_t k, const REAL *x, ptrdiff_t x_rs, REAL *dst)
{
    const NAME(dot_way) way = NAME(dot_way_for)(rows, beside);
    ptrdiff_t vectors = way.vectors;
    for (ptrdiff_t blocks = (vectors + way.tallest - 1) / way.tallest; blocks > 0; blocks--) {
        const ptrdiff_t height = NAME(dot_block)(vectors, blocks);
#if BESIDE > 1
        if (way.beside > 1)
            NAME(pack_beside)(height, rows, k, x, x_rs, dst);
        else
#endif
            NAME(pack_rows)(height, k, x, x_rs, dst);
        dst += height * ((k + way.taps - 1) / way.taps) * LANES;
        x += height * way.beside * x_rs;
        rows -= height * way.beside;
        vectors -= height;
    }
}

