"""Other methods for the same task, on the same logits."""
import cv2
import numpy as np


def bilinear(picture, logits):
    z = cv2.resize(logits, (picture.shape[1], picture.shape[0]), interpolation=cv2.INTER_LINEAR)
    return 1 / (1 + np.exp(-z))


def guided_filter(picture, logits):
    p, diagonal = bilinear(picture, logits), np.hypot(*picture.shape[:2])
    return np.clip(cv2.ximgproc.guidedFilter(picture, p, int(0.02 * diagonal), 1e-4 * 255 ** 2), 0, 1)


def fast_global_smoother(picture, logits):
    return np.clip(cv2.ximgproc.fastGlobalSmootherFilter(picture, bilinear(picture, logits), 4000, 4), 0, 1)


def grabcut(picture, logits):
    """At 600 pixels, as it takes a second per megapixel; then a guided filter."""
    height, width = picture.shape[:2]
    size = (600, round(600 * height / width)) if width > height else (round(600 * width / height), 600)
    small, p = cv2.resize(picture, size, interpolation=cv2.INTER_AREA), cv2.resize(bilinear(picture, logits), size)
    mask = np.select([p > 0.95, p > 0.5, p > 0.05], [cv2.GC_FGD, cv2.GC_PR_FGD, cv2.GC_PR_BGD], cv2.GC_BGD).astype(np.uint8)
    if (mask % 2 == 1).any() and (mask % 2 == 0).any():
        cv2.grabCut(small, mask, None, np.zeros((1, 65)), np.zeros((1, 65)), 5, cv2.GC_INIT_WITH_MASK)
    hard = cv2.resize((mask % 2).astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    return np.clip(cv2.ximgproc.guidedFilter(picture, hard, max(2, int(0.003 * np.hypot(width, height))), 1e-4 * 255 ** 2), 0, 1)


def closed_form_matting(picture, logits):
    """pymatting's, with the undecided band as trimap, at 600 pixels."""
    from pymatting import estimate_alpha_cf
    height, width = picture.shape[:2]
    size = (600, round(600 * height / width)) if width > height else (round(600 * width / height), 600)
    small, p = cv2.resize(picture, size, interpolation=cv2.INTER_AREA), cv2.resize(bilinear(picture, logits), size)
    trimap = np.select([p > 0.9, p < 0.1], [1.0, 0.0], 0.5).astype(np.float64)
    alpha = estimate_alpha_cf(small / 255.0, trimap) if (trimap == 1).any() and (trimap == 0).any() else p
    return cv2.resize(alpha.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)


PEERS = {"OpenCV guided filter": guided_filter, "OpenCV fast global smoother": fast_global_smoother,
         "OpenCV GrabCut at 600 px + guided filter": grabcut, "pymatting closed form at 600 px": closed_form_matting}
