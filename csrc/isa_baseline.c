/* SSE2 on x86-64, NEON on AArch64: what every such machine has. 16 registers of 128 bits or more. */
#define FNN_ISA_NAME baseline
#define FNN_VEC_BYTES 16
#define FNN_NV 3
#define FNN_NV_ONE_ROW 8
#define FNN_MR1 8
#define FNN_MR2 5
#ifdef __aarch64__
#define FNN_MR3 4
#else
#define FNN_MR3 3 /* with two operands to an instruction, four rows spill a register in the loop: 27 GF/s, not 34 */
#endif
#define FNN_MR4 0
#define FNN_TANDEM 0
#define FNN_DOT_ROWS 2
#define FNN_DOT_COST 150
#include "isa.inl"
