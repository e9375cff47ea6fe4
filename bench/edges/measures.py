"""How well a mask's border lies: boundary F at a distance (Perazzi 2016), Boundary IoU (Cheng 2021), IoU, trimap IoU, mean
absolute error of the alpha."""
import cv2
import numpy as np


def border(mask):
    """Pixels of the mask that touch something outside; the picture's own edge is no border."""
    padded = cv2.copyMakeBorder(mask.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    return mask & (cv2.erode(padded, np.ones((3, 3), np.uint8))[1:-1, 1:-1] == 0)


def distance_to(pixels):
    if not pixels.any():
        return np.full(pixels.shape, 1e9, np.float32)
    return cv2.distanceTransform((~pixels).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)


def band(mask, width):
    """The mask's pixels at most `width` from its border; the picture's edge counts as one (as Cheng's code does)."""
    padded = cv2.copyMakeBorder(mask.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    return mask & (cv2.distanceTransform(padded, cv2.DIST_L2, 5)[1:-1, 1:-1] <= width)


def iou(a, b):
    union = (a | b).sum()
    return 1.0 if union == 0 else float((a & b).sum() / union)


class Truth:
    """What is measured again and again against one true alpha."""

    def __init__(self, alpha):
        self.alpha, self.mask = alpha, alpha > 0.5
        self.diagonal = float(np.hypot(*alpha.shape))
        self.border = border(self.mask)
        self.distance = distance_to(self.border)
        self.band = band(self.mask, 0.02 * self.diagonal)

    def boundary_f(self, mine, distance):
        def f(d):
            if not mine.any() or not self.border.any():
                return float(mine.any() == self.border.any())
            precision = float((self.distance[mine] <= d).mean())
            recall = float((distance[self.border] <= d).mean())
            return 2 * precision * recall / max(precision + recall, 1e-9)
        return f

    def measure(self, soft):
        mask = soft > 0.5
        mine = border(mask)
        f = self.boundary_f(mine, distance_to(mine))
        near = self.distance <= 0.02 * self.diagonal
        return {"IoU": iou(mask, self.mask), "F1px": f(1), "F2px": f(2), "F.1%": f(0.001 * self.diagonal),
                "F.8%": f(0.008 * self.diagonal), "BIoU": iou(band(mask, 0.02 * self.diagonal), self.band),
                "trimap IoU": iou(mask & near, self.mask & near), "MAE": float(np.abs(soft - self.alpha).mean())}
