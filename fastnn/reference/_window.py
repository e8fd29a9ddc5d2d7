"""How the taps of a window meet an image: what convolution and pooling share."""


def taps(kernel, stride, pad, dilation, size, n_windows):
    """Return [(tap, windows, pixels)] of one axis: the windows whose tap lies on the image, and the pixels under it.

    `windows` and `pixels` are slices of the same length. Taps that meet padding alone are left out.
    """
    first = max(0, -((n_windows - 1) * stride - pad) // dilation)
    last = min(kernel - 1, (size - 1 + pad) // dilation)
    met = []
    for tap in range(first, last + 1):
        offset = tap * dilation - pad  # the pixel under this tap of window 0
        low = max(0, -(offset // stride))
        high = min(n_windows, (size - 1 - offset) // stride + 1)
        if low < high:
            met.append((tap, slice(low, high), slice(low * stride + offset, (high - 1) * stride + offset + 1, stride)))
    return met
