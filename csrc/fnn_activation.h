/* Names of the activations, for the kernels and their drivers. */
#ifndef FNN_ACTIVATION_H
#define FNN_ACTIVATION_H

enum {
    FNN_RELU,
    FNN_LEAKY_RELU, /* parameter: the slope below 0 */
    FNN_ELU,        /* parameter: alpha */
    FNN_SIGMOID,
    FNN_TANH,
    FNN_SILU,
    FNN_GELU,
    FNN_GELU_TANH
};

#endif
