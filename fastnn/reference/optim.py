"""Steps of the optimisers, in place."""

import math

import numpy as np


def sgd_step(data, grad, buffer, lr, momentum, dampening, weight_decay, nesterov, is_first):
    d = grad + weight_decay * data if weight_decay else grad
    if buffer is not None:
        buffer[...] = d if is_first else momentum * buffer + (1 - dampening) * d
        d = d + momentum * buffer if nesterov else buffer
    data -= lr * d


def adam_step(data, grad, mean, mean_sq, step, lr, betas, eps, weight_decay, is_decoupled):
    beta1, beta2 = betas
    if is_decoupled:
        data *= 1 - lr * weight_decay
    elif weight_decay:
        grad = grad + weight_decay * data
    mean += (1 - beta1) * (grad - mean)
    mean_sq[...] = beta2 * mean_sq + (1 - beta2) * np.square(grad)
    denominator = np.sqrt(mean_sq) / math.sqrt(1 - beta2**step) + eps
    data -= lr / (1 - beta1**step) * (mean / denominator)
