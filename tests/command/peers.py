"""What other programs compute, in numpy."""
import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def enlarged(logits, width, height):
    """torch's bilinear interpolation (align_corners false), then the sigmoid, in numpy."""
    def taps(size, side):
        position = np.maximum((np.arange(size) + 0.5) * side / size - 0.5, 0)
        low = position.astype(int)
        return low, np.minimum(low + 1, side - 1), position - low
    top, bottom, wy = taps(height, logits.shape[0])
    left, right, wx = taps(width, logits.shape[1])
    upper = logits[top][:, left] * (1 - wx) + logits[top][:, right] * wx
    lower = logits[bottom][:, left] * (1 - wx) + logits[bottom][:, right] * wx
    return sigmoid(upper * (1 - wy[:, None]) + lower * wy[:, None])
