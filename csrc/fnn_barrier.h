/* A barrier for the few threads of one parallel region, cheap enough to stand in every time step. */
#ifndef FNN_BARRIER_H
#define FNN_BARRIER_H

#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <time.h>

#if defined(__x86_64__)
#define FNN_PAUSE() __builtin_ia32_pause()
#elif defined(__aarch64__)
#define FNN_PAUSE() __asm__ volatile("yield")
#else
#define FNN_PAUSE() ((void)0)
#endif

#define FNN_SPINS 4000      /* some 50 us; past that a thread that waits gives its core away */
#define FNN_LATE_NS 1000000 /* a wait that takes longer means that another thread has lost its core */

/* One thread's count of the barriers it has reached, on a cache line of its own, and how often it waited long there.
 * All begin at 0. */
typedef struct {
    _Alignas(64) atomic_uint_fast64_t reached;
    int late;
} fnn_flag;

static inline int64_t fnn_clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Returns when all `n` threads have called it as often as this one, thread `id`. What they wrote before is visible. */
static inline void fnn_barrier(fnn_flag *flags, int id, int n)
{
    uint_fast64_t mine = atomic_load_explicit(&flags[id].reached, memory_order_relaxed) + 1;
    int spins = 0;
    int64_t start = 0;
    atomic_store_explicit(&flags[id].reached, mine, memory_order_release);
    for (int i = 0; i < n; i++)
        while (atomic_load_explicit(&flags[i].reached, memory_order_acquire) < mine) {
            if (spins++ < FNN_SPINS) {
                FNN_PAUSE();
                continue;
            }
            if (start == 0) start = fnn_clock_ns();
            sched_yield();
        }
    if (start != 0 && fnn_clock_ns() - start > FNN_LATE_NS) flags[id].late++;
}

/* How often the `n` threads waited long, all together. */
static inline int fnn_times_late(const fnn_flag *flags, int n)
{
    int sum = 0;
    for (int i = 0; i < n; i++) sum += flags[i].late;
    return sum;
}

#endif
