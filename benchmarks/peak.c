/* The machine's limits: multiply-add peak (float32, float64) and memory bandwidth, on OMP_NUM_THREADS threads.
   Compiled and run by machine.py with the flags of the widest instruction set that the machine has. */
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef VECTOR_BYTES
#define VECTOR_BYTES 16
#endif
#define CHAINS 12           /* enough independent sums to hide the latency of a multiply-add */
#define STEPS 4000000L
#define COPY_BYTES (96L << 20)

typedef float f32_vector __attribute__((vector_size(VECTOR_BYTES)));
typedef double f64_vector __attribute__((vector_size(VECTOR_BYTES)));

static volatile double sink;

#define DEFINE_PEAK(T)                                                                      \
    static double peak_##T(void)                                                            \
    {                                                                                       \
        double best = 0;                                                                    \
        for (int round = 0; round < 3; round++) {                                           \
            double total = 0, start = omp_get_wtime();                                      \
            _Pragma("omp parallel reduction(+ : total)")                                    \
            {                                                                               \
                T##_vector sum[CHAINS], factor, term;                                       \
                memset(sum, 0, sizeof sum);                                                 \
                factor = (T##_vector){0} + 0.5;                                             \
                term = factor + (float)omp_get_thread_num();                                \
                __asm__ volatile("" : "+m"(factor), "+m"(term));                            \
                for (long step = 0; step < STEPS; step++)                                   \
                    _Pragma("GCC unroll 12")                                                \
                    for (int i = 0; i < CHAINS; i++)                                        \
                        sum[i] = sum[i] * factor + term;                                    \
                for (int i = 0; i < CHAINS; i++)                                            \
                    total += sum[i][0];                                                     \
            }                                                                               \
            double seconds = omp_get_wtime() - start;                                       \
            double flops = 2.0 * STEPS * CHAINS * (sizeof(T##_vector) / sizeof(((T##_vector){0})[0])) \
                           * omp_get_max_threads();                                         \
            sink = total;                                                                   \
            if (flops / seconds > best)                                                     \
                best = flops / seconds;                                                     \
        }                                                                                   \
        return best * 1e-9;                                                                 \
    }

DEFINE_PEAK(f32)
DEFINE_PEAK(f64)

/* Bytes read and written by copies of arrays far larger than the caches. */
static double bandwidth(void)
{
    double best = 0;
    for (int round = 0; round < 5; round++) {
        double seconds = 0;
#pragma omp parallel
        {
            char *from = malloc(COPY_BYTES), *to = malloc(COPY_BYTES);
            if (!from || !to)
                abort();
            memset(from, 1, COPY_BYTES);
            memset(to, 2, COPY_BYTES);
#pragma omp barrier
            double start = omp_get_wtime();
            memcpy(to, from, COPY_BYTES);
#pragma omp barrier
#pragma omp master
            seconds = omp_get_wtime() - start;
            sink = to[COPY_BYTES / 2];
            free(from);
            free(to);
        }
        double rate = 2.0 * COPY_BYTES * omp_get_max_threads() / seconds;
        if (rate > best)
            best = rate;
    }
    return best * 1e-9;
}

int main(void)
{
    printf("{\"float32_gflops\": %.1f, \"float64_gflops\": %.1f, \"copy_gbytes\": %.1f}\n", peak_f32(), peak_f64(),
           bandwidth());
    return 0;
}
