"""CLIPSeg as ONNX graphs, each for a fixed number of prompts."""
import logging
import os
import warnings

import torch


class Repeated(torch.nn.Module):
    """As the guide does it: the picture goes through the tower once for every prompt."""

    def __init__(self, model, count):
        super().__init__()
        self.model, self.count = model, count

    def forward(self, pixels, ids):
        return self.model(pixel_values=pixels.repeat(self.count, 1, 1, 1), input_ids=ids).logits


class Once(torch.nn.Module):
    """The picture goes through the tower once, its activations are repeated for the decoder."""

    def __init__(self, model, count):
        super().__init__()
        self.model, self.count = model, count

    def forward(self, pixels, ids):
        model = self.model
        hidden = model.clip.vision_model(pixel_values=pixels, output_hidden_states=True).hidden_states
        activations = tuple(hidden[i + 1].repeat(self.count, 1, 1) for i in model.extract_layers)
        condition = model.clip.get_text_features(input_ids=ids).pooler_output
        return model.decoder(activations, condition).logits


def export(module, pixels, ids, folder):
    """The graph's path; written when it is not there yet."""
    path = os.path.join(folder, f"{type(module).__name__.lower()}-{module.count}", "model.onnx")
    if not os.path.exists(path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        warnings.simplefilter("ignore")  # the exporter's, about itself
        logging.disable(logging.WARNING)
        torch.onnx.export(module, (pixels, ids), path + ".part", input_names=["pixels", "ids"], output_names=["logits"],
                          dynamo=True, external_data=False, verbose=False)
        os.rename(path + ".part", path)
    return path


def onnx_runtime(path, threads):
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda pixels, ids: session.run(None, {"pixels": pixels.numpy(), "ids": ids.numpy()})[0]


def openvino(path, threads):
    import openvino as ov
    compiled = ov.Core().compile_model(path, "CPU", {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY",
                                                     "INFERENCE_PRECISION_HINT": "f32"})
    return lambda pixels, ids: compiled([pixels.numpy(), ids.numpy()])[0]
