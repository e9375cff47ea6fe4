"""Alter a drawing as another hand might have drawn it, so that a thing is known by more than one drawing's habits."""
import cv2
import numpy as np


def stretch(rng, rgba):
    """A little wider or narrower, and slanted."""
    side = rgba.shape[0]
    a = np.array([[rng.uniform(0.85, 1.0), rng.normal(0, 0.06)], [rng.normal(0, 0.06), rng.uniform(0.85, 1.0)]])
    middle = np.array([side / 2, side / 2])
    return cv2.warpAffine(rgba, np.hstack([a, (middle - a @ middle)[:, None]]), (side, side), flags=cv2.INTER_LINEAR)


def flatten(rng, rgb):
    """Few shades and no detail, as in flat drawings."""
    rgb = cv2.medianBlur(rgb.astype(np.uint8), int(rng.choice((3, 5, 7)))).astype(np.float32)
    step = 255 / rng.integers(3, 7)
    bright = rgb.max(-1, keepdims=True) + 1
    return rgb * ((np.floor(bright / step) + 0.5) * step / bright)


def shade(rng, rgb):
    """Light from one side, as in drawings that look solid."""
    side = rgb.shape[0]
    direction, depth = rng.uniform(0, 2 * np.pi), rng.uniform(0.15, 0.45)
    ramp = np.linspace(-1, 1, side, dtype=np.float32)
    light = 1 + depth * (np.cos(direction) * ramp[None, :] + np.sin(direction) * ramp[:, None])
    return rgb * light[..., None]


def other_hues(rng, rgb):
    """Hues turned by up to some twenty degrees, stronger or paler colours; now and then almost none."""
    luma = (rgb @ np.array([0.299, 0.587, 0.114], np.float32))[..., None]
    angle, strength = rng.normal(0, 0.2), rng.uniform(0.5, 1.5) if rng.random() < 0.9 else 0.1
    chroma = rgb - luma
    turned = np.cos(angle) * chroma + np.sin(angle) / np.sqrt(3) * (np.roll(chroma, 1, -1) - np.roll(chroma, -1, -1))
    return luma + strength * turned


def outline(rng, rgb, alpha):
    """A dark line along the border."""
    width = int(rng.integers(3, 8))
    inner = cv2.erode(alpha, np.ones((width, width), np.uint8))
    line = (alpha.astype(np.float32) - inner)[..., None] / 255
    return rgb * (1 - line * rng.uniform(0.4, 0.9))


def vary(rng, rgba, hues=True):
    """uint8 RGBA in, another one of the same size out. Half of the drawings stay as they are."""
    if rng.random() < 0.5:
        return rgba
    out = stretch(rng, rgba) if rng.random() < 0.7 else rgba.copy()
    rgb = out[..., :3].astype(np.float32)
    if rng.random() < 0.4:
        rgb = flatten(rng, rgb)
    if rng.random() < 0.4:
        rgb = shade(rng, rgb)
    if hues and rng.random() < 0.5:
        rgb = other_hues(rng, np.clip(rgb, 0, 255))
    if rng.random() < 0.2:
        rgb = outline(rng, rgb, out[..., 3])
    out[..., :3] = np.clip(rgb, 0, 255).astype(np.uint8)
    return out
