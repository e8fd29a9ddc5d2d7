/* AVX-512 F, VL, DQ, BW: 32 registers of 512 bits. */
#define FNN_ISA_NAME avx512
#define FNN_VEC_BYTES 64
#define FNN_NARROWER fnn_isa__avx2 /* for planes that fill half a vector */
#define FNN_NV 4
#define FNN_NV_ONE_ROW 4
#define FNN_MR1 12
#define FNN_MR2 12
#define FNN_MR3 8
#define FNN_MR4 6
#define FNN_TANDEM 8
#define FNN_DOT_ROWS 6
#define FNN_DOT_COST 160
#include "isa.inl"
