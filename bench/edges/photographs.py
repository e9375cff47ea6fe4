"""Photographs that come with a mask: reported without a threshold, as one is small and the other's mask no exact truth."""
import os

import cv2
import numpy as np

from scenes import simulate_logits


class Photograph:
    def __init__(self, folder, name, mask, turn=None):
        self.name, self.folder, self.mask, self.turn = name, folder, mask, turn

    def picture(self):
        return cv2.imread(os.path.join(self.folder, self.name))[..., ::-1].copy()

    def alpha(self):
        mask = cv2.imread(os.path.join(self.folder, self.mask), cv2.IMREAD_GRAYSCALE)
        if self.turn is not None:
            mask = cv2.rotate(mask, self.turn)
        height, width = self.picture().shape[:2]
        return cv2.resize(mask, (width, height), interpolation=cv2.INTER_LINEAR).astype(np.float32) / 255

    def logits(self):
        return simulate_logits(1, self.alpha())


def find(folder):
    all_of_them = [Photograph(folder, "lemur.png", "lemur_alpha.png"),
                   Photograph(folder, "sky-193508.jpg", "sky-193508-mask.jpg", cv2.ROTATE_90_CLOCKWISE)]
    return [p for p in all_of_them if os.path.exists(os.path.join(folder, p.name))]
