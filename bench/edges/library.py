"""libclipseg through its public header: refine ready logits, without a model of that size at hand."""
import ctypes
import os
import time

import numpy as np


class Image(ctypes.Structure):
    _fields_ = [("width", ctypes.c_size_t), ("height", ctypes.c_size_t), ("rgb", ctypes.c_void_p),
                ("alpha", ctypes.c_void_p)]


class SessionOptions(ctypes.Structure):
    _fields_ = [("size", ctypes.c_size_t), ("threads", ctypes.c_size_t), ("input_size", ctypes.c_size_t),
                ("refine", ctypes.c_int), ("image_embedding", ctypes.c_int)]


class RefineOptions(ctypes.Structure):
    _fields_ = [("size", ctypes.c_size_t), ("mode", ctypes.c_int), ("trust", ctypes.c_float),
                ("contrast", ctypes.c_float)]


class Error(ctypes.Structure):
    _fields_ = [("status", ctypes.c_int), ("text", ctypes.c_char * 1024)]


def forget_peak():
    """The process's memory now, in kB; peak_memory() begins again from here."""
    with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
        file.write("5")
    return status_line("VmRSS")


def peak_memory():
    return status_line("VmHWM")


def status_line(name):
    with open("/proc/self/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(name))


OFF, FAST, BEST = 0, 1, 2


class Library:
    """A session whose logits have the size of those that are to be refined: input_size, 0 for the checkpoint's own."""

    def __init__(self, path, checkpoint, input_size, threads=2):
        self.lib, self.error = ctypes.CDLL(path), Error()
        self.model, self.session = ctypes.c_void_p(), ctypes.c_void_p()
        options = SessionOptions()
        self.lib.clipseg_session_options_default(ctypes.byref(options))
        options.threads, options.input_size = threads, input_size
        self.check(self.lib.clipseg_model_open(ctypes.byref(self.model), os.fsencode(checkpoint), None, ctypes.byref(self.error)))
        self.check(self.lib.clipseg_session_create(ctypes.byref(self.session), self.model, ctypes.byref(options),
                                                   ctypes.byref(self.error)))

    def check(self, status):
        if status:
            raise RuntimeError(self.error.text.decode())

    def refine(self, picture, logits, mode=FAST, threshold=0.5, **controls):
        """(alpha 0..1, seconds to prepare the picture, seconds for the prompt)"""
        picture, logits = np.ascontiguousarray(picture), np.ascontiguousarray(logits, np.float32)
        height, width = picture.shape[:2]
        image, error = Image(width, height, picture.ctypes.data, None), ctypes.byref(self.error)
        options, refiner = RefineOptions(), ctypes.c_void_p()
        self.lib.clipseg_refine_options_default(ctypes.byref(options))
        options.mode = mode
        for name, value in controls.items():
            setattr(options, name, value)
        probability, alpha = np.full((height, width), 0, np.float32), np.full((height, width), 0, np.uint8)
        before = forget_peak()
        start = time.perf_counter()
        self.check(self.lib.clipseg_refiner_create(ctypes.byref(refiner), self.session, ctypes.byref(image),
                                                   ctypes.byref(options), error))
        middle = time.perf_counter()
        self.check(self.lib.clipseg_refiner_mask(
            refiner, logits.ctypes.data_as(ctypes.c_void_p), ctypes.c_float(threshold),
            probability.ctypes.data_as(ctypes.c_void_p), alpha.ctypes.data_as(ctypes.c_void_p), error))
        end = time.perf_counter()
        self.growth = peak_memory() - before
        self.lib.clipseg_refiner_close(ctypes.byref(refiner))
        return alpha.astype(np.float32) / 255, middle - start, end - middle
