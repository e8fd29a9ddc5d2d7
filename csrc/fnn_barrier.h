/* A barrier for the few threads of one parallel region, cheap enough to stand in every time step. */
#ifndef FNN_BARRIER_H
#define FNN_BARRIER_H

#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>

#if defined(__x86_64__)
#define FNN_PAUSE() __builtin_ia32_pause()
#elif defined(__aarch64__)
#define FNN_PAUSE() __asm__ volatile("yield")
#else
#define FNN_PAUSE() ((void)0)
#endif

#define FNN_SPINS 4000      /* some 50 us; past that a thread that waits gives its core away */

/* One thread's count of the barriers it has reached, on a cache line of its own. All begin at 0. */
typedef struct {
    _Alignas(64) atomic_uint_fast64_t reached;
} fnn_flag;

/* Returns when all `n` threads have called it as often as this one, thread `id`. What they wrote before is visible. */
static inline void fnn_barrier(fnn_flag *flags, int id, int n)
{
    uint_fast64_t mine = atomic_load_explicit(&flags[id].reached, memory_order_relaxed) + 1;
    int spins = 0;
    atomic_store_explicit(&flags[id].reached, mine, memory_order_release);
    for (int i = 0; i < n; i++)
        while (atomic_load_explicit(&flags[i].reached, memory_order_acquire) < mine) {
            if (spins++ < FNN_SPINS)
                FNN_PAUSE();
            else
                sched_yield();
        }
}

#endif
