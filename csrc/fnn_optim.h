/* What a step of an optimiser does with each element, for the kernels and their driver. */
#ifndef FNN_OPTIM_H
#define FNN_OPTIM_H

/* d = g + weight_decay p; buffer = d if `first`, else momentum buffer + fresh d; p -= lr times d, or buffer, or with
 * `nesterov` d + momentum buffer. */
typedef struct {
    double lr, momentum, fresh, weight_decay;
    int nesterov, first;
} fnn_sgd;

/* p = keep p; d = g + weight_decay p; mean += mean_part (d - mean); square = square_keep square + square_part d^2;
 * p -= rate mean / (scale sqrt(square) + eps). */
typedef struct {
    double keep, weight_decay, mean_part, square_keep, square_part, scale, eps, rate;
} fnn_adam;

#endif
