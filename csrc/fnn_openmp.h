/* The one door to OpenMP: the same names in a serial build. */
#ifndef FNN_OPENMP_H
#define FNN_OPENMP_H

#ifdef _OPENMP
#include <omp.h>
#define FNN_HAVE_OPENMP 1
static inline int fnn_omp_max_threads(void) { return omp_get_max_threads(); }
static inline int fnn_omp_team(void) { return omp_get_num_threads(); } /* threads in this region */
#else
#define FNN_HAVE_OPENMP 0
static inline int fnn_omp_max_threads(void) { return 1; }
static inline int fnn_omp_team(void) { return 1; }
#endif

#endif
