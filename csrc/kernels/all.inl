/* The kernels of one element type, and the table of them. Undefines what it defined. */
#include "../simd/vec.h"
#include "../simd/math.h"
#include "../simd/normal.h"
#include "elementwise.inl"
#include "gates.inl"
#include "units.inl" /* on the loads and stores of gates.inl */
#include "norm.inl"
#include "gemm.inl"
#include "tandem.inl"
#include "dot.inl"
#include "square.inl"
#include "gemv_chain.inl" /* on the squares, as is pack.inl */
#include "pack.inl"
#include "pool.inl"
#include "depthwise.inl" /* on the strips of pool.inl */
#include "depthwise_weight.inl"
#include "activation.inl"
#include "optim.inl"
#include "conv.inl"
#include "winograd.inl"
#include "winograd_stride.inl"

static const FNN_CONCAT(FNN_CONCAT(fnn_, DTYPE), _kernels)
    FNN_CONCAT(FNN_CONCAT(FNN_CONCAT(fnn_, DTYPE), _table__), FNN_ISA_NAME) = {
        .lanes = FNN_VEC_BYTES / sizeof(REAL),
        .nv_max = FNN_NV,
        .nv_max_one_row = FNN_NV_ONE_ROW,
        .mr_max = {0, FNN_MR1, FNN_MR2, FNN_MR3, FNN_MR4},
        .tandem_size = FNN_TANDEM,
        .dot_rows = FNN_DOT_ROWS,
        .dot_cost = FNN_DOT_COST,
        .gemm = NAME(gemm),
        .igemm = NAME(igemm),
#if FNN_TANDEM > 0
        .tandem = NAME(tandem),
#endif
        .dot_pack = NAME(dot_pack),
        .dot = NAME(dot),
        .pack = NAME(pack),
        .pack_t = NAME(pack_t),
        .pack_t_apart = NAME(pack_t_apart),
        .gemv_chain = NAME(gemv_chain),
        .col_sum = NAME(col_sum),
        .sum = NAME(sum),
        .sum_squares = NAME(sum_squares),
        .sum_products = NAME(sum_products),
        .scale_row = NAME(scale_row),
        .combine_rows = NAME(combine_rows),
        .normalize_row = NAME(normalize_row),
        .normalize_row_grad = NAME(normalize_row_grad),
        .normalize_weight_grad = NAME(normalize_weight_grad),
        .softmax_row = NAME(softmax_row),
        .softmax_row_grad = NAME(softmax_row_grad),
        .exp = NAME(exp_array),
        .tanh = NAME(tanh_array),
        .sigmoid = NAME(sigmoid_array),
        .rnn_gates = NAME(rnn_gates),
        .lstm_gates = NAME(lstm_gates),
        .gru_gates = NAME(gru_gates),
        .rnn_gates_backward = NAME(rnn_gates_backward),
        .lstm_gates_backward = NAME(lstm_gates_backward),
        .gru_gates_backward = NAME(gru_gates_backward),
        .zone = NAME(zone),
        .zone_grad = NAME(zone_grad),
        .rnn_unit = NAME(rnn_unit),
        .rnn_unit_grad = NAME(rnn_unit_grad),
        .gru_unit = NAME(gru_unit),
        .gru_unit_grad = NAME(gru_unit_grad),
        .lstm_unit = NAME(lstm_unit),
        .lstm_unit_grad = NAME(lstm_unit_grad),
        .lstm_emit = NAME(lstm_emit),
        .lstm_emit_grad = NAME(lstm_emit_grad),
        .max_pool2d = NAME(max_pool2d),
        .max_pool2d_grad = NAME(max_pool2d_grad),
        .avg_pool2d = NAME(avg_pool2d),
        .avg_pool2d_grad = NAME(avg_pool2d_grad),
        .depthwise = NAME(depthwise_forward),
        .depthwise_grad = NAME(depthwise_grad),
        .depthwise_weight = NAME(depthwise_weight),
        .activate = NAME(activate),
        .activate_grad = NAME(activate_grad),
        .sgd = NAME(sgd),
        .adam = NAME(adam),
        .pad_rows = NAME(pad_rows),
        .spread = NAME(spread),
        .gather = NAME(gather),
        .wino_input = NAME(wino_input),
        .wino_dy = NAME(wino_dy),
        .wino_output = NAME(wino_output),
        .wino_filter = NAME(wino_filter),
        .wino_dfilter = NAME(wino_dfilter),
        .wino2_input = NAME(wino2_input),
        .wino2_dy = NAME(wino2_dy),
        .wino2_output = NAME(wino2_output),
        .wino2_filter = NAME(wino2_filter),
        .wino2_dfilter = NAME(wino2_dfilter),
        .to_lanes = NAME(to_lanes),
        .from_lanes = NAME(from_lanes),
};

#undef PART
#undef GROUP
#undef NAME
#undef LANES
#undef INLINE
#undef EVERY_LANE
#undef X86
#undef X86_V
#undef X86_TYPE
#undef X86_PREFIX
