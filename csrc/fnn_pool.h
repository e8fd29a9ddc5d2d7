/* The arithmetic of pooling windows, for every element type. */
#ifndef FNN_POOL_H
#define FNN_POOL_H

#include "fnn_kernels.h"

/* What a pixel gathers: gradients of max pooling, of average pooling, of a depthwise convolution. */
enum { FNN_GATHER_WINNERS, FNN_GATHER_SHARES, FNN_GATHER_PRODUCTS };

/* What becomes of a window's pixels; FNN_POOL_MAX: of finite numbers. */
enum { FNN_POOL_MAX, FNN_POOL_EXACT_MAX, FNN_POOL_MEAN };

/* One axis of a window: where tap 0 lies, and which taps [low, high) lie on the image. */
typedef struct {
    ptrdiff_t start, low, high;
} fnn_span;

static inline fnn_span fnn_window_span(ptrdiff_t window, ptrdiff_t kernel, ptrdiff_t stride, ptrdiff_t pad,
                                       ptrdiff_t dilation, ptrdiff_t size)
{
    ptrdiff_t start = window * stride - pad, room = size - start;
    ptrdiff_t low = start < 0 ? -start : 0, high = room > 0 ? room : 0;
    if (dilation != 1) { /* divisions are slow */
        low = (low + dilation - 1) / dilation;
        high = (high + dilation - 1) / dilation;
    }
    return (fnn_span){start, low, high < kernel ? high : kernel};
}

static inline fnn_span fnn_rows(const fnn_pool2d *g, ptrdiff_t p)
{
    return fnn_window_span(p, g->kernel_h, g->stride_h, g->pad_h, g->dilation_h, g->in_h);
}

static inline fnn_span fnn_cols(const fnn_pool2d *g, ptrdiff_t q)
{
    return fnn_window_span(q, g->kernel_w, g->stride_w, g->pad_w, g->dilation_w, g->in_w);
}

/* How many pixels of one axis a window's mean counts. */
static inline ptrdiff_t fnn_mean_extent(fnn_span span, ptrdiff_t kernel, ptrdiff_t pad, ptrdiff_t size, int include_pad)
{
    ptrdiff_t room = size + pad - span.start;
    return !include_pad ? span.high - span.low : kernel < room ? kernel : room;
}

static inline ptrdiff_t fnn_mean_height(const fnn_pool2d *g, ptrdiff_t p, int include_pad)
{
    return fnn_mean_extent(fnn_rows(g, p), g->kernel_h, g->pad_h, g->in_h, include_pad);
}

static inline ptrdiff_t fnn_mean_width(const fnn_pool2d *g, ptrdiff_t q, int include_pad)
{
    return fnn_mean_extent(fnn_cols(g, q), g->kernel_w, g->pad_w, g->in_w, include_pad);
}

/* One window over the whole plane. */
static inline int fnn_is_global(const fnn_pool2d *g)
{
    return g->out_h == 1 && g->out_w == 1 && g->kernel_h == g->in_h && g->kernel_w == g->in_w && !g->pad_h &&
           !g->pad_w && g->dilation_h == 1 && g->dilation_w == 1;
}

/* 2x2 windows side by side, all of them inside the image. */
static inline int fnn_is_2x2(const fnn_pool2d *g)
{
    return g->kernel_h == 2 && g->kernel_w == 2 && g->stride_h == 2 && g->stride_w == 2 && !g->pad_h && !g->pad_w &&
           g->dilation_h == 1 && g->dilation_w == 1 && 2 * g->out_h <= g->in_h && 2 * g->out_w <= g->in_w;
}

/* Whether the depthwise kernels take such windows: few taps, and a row of tiles fits the cells of pool_tile.inl. */
static inline int fnn_depthwise_fits(const fnn_pool2d *g)
{
    ptrdiff_t past = (g->kernel_w - 1) * g->dilation_w / g->stride_w, reach = (g->kernel_h - 1) * g->dilation_h + 1;
    return g->kernel_h * g->kernel_w <= 256 && g->kernel_w <= 32 && g->stride_w <= 2 && past < 1024 && reach < 1024 &&
           reach * g->stride_w * (64 + 2 * past) <= 2048;
}

static inline ptrdiff_t fnn_min(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }
static inline ptrdiff_t fnn_max(ptrdiff_t a, ptrdiff_t b) { return a > b ? a : b; }

/* A division by such a number is a multiplication by its inverse, to the bit. */
static inline int fnn_is_power(ptrdiff_t n) { return (n & (n - 1)) == 0; }

/* a / b rounded up and down, b > 0. */
static inline ptrdiff_t fnn_ceil_div(ptrdiff_t a, ptrdiff_t b) { return a > 0 ? (a + b - 1) / b : -(-a / b); }
static inline ptrdiff_t fnn_floor_div(ptrdiff_t a, ptrdiff_t b) { return -fnn_ceil_div(-a, b); }

#endif
