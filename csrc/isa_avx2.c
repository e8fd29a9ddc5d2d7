/* AVX2 and FMA: 16 registers of 256 bits. */
#define FNN_ISA_NAME avx2
#define FNN_VEC_BYTES 32
#define FNN_NV 3
#define FNN_NV_ONE_ROW 8
#define FNN_MR1 10
#define FNN_MR2 6
#define FNN_MR3 4
#define FNN_MR4 0
#define FNN_TANDEM 0
#define FNN_DOT_ROWS 3
#define FNN_DOT_COST 220
#include "isa.inl"
