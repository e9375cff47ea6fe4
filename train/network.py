"""The network: transformers' own CLIPSeg classes at a small size, and the two ways in which training runs them."""
import json

import torch
from torch import nn
from torch.nn import functional as F
from transformers import CLIPSegConfig, CLIPSegForImageSegmentation

SIDE = 192
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def configuration(vocabulary):
    return CLIPSegConfig(
        projection_dim=128, logit_scale_init_value=2.6592, extract_layers=[1, 3, 5], reduce_dim=64,
        decoder_num_attention_heads=4, decoder_intermediate_size=256, decoder_hidden_act="relu",
        conditional_layer=0, use_complex_transposed_convolution=True,
        text_config=dict(
            hidden_size=128, num_attention_heads=4, num_hidden_layers=3, intermediate_size=512,
            max_position_embeddings=32, vocab_size=vocabulary, hidden_act="quick_gelu", layer_norm_eps=1e-5,
            bos_token_id=vocabulary - 2, eos_token_id=vocabulary - 1, pad_token_id=vocabulary - 1),
        vision_config=dict(
            hidden_size=160, num_attention_heads=5, num_hidden_layers=6, intermediate_size=640, image_size=SIDE,
            patch_size=16, num_channels=3, hidden_act="quick_gelu", layer_norm_eps=1e-5))


def create(vocabulary, seed=1):
    """Sensible initial values: transformers' default decoder answers with logits hundreds wide."""
    torch.manual_seed(seed)
    model = CLIPSegForImageSegmentation._from_config(configuration(vocabulary), attn_implementation="sdpa")
    for name, p in model.named_parameters():
        if p.ndim >= 2 and "embedding" not in name and "transposed" not in name:
            nn.init.normal_(p, std=(p.shape[1]) ** -0.5 * (0.5 if "out_proj" in name or "fc2" in name else 1.0))
        elif name.endswith("bias"):
            nn.init.zeros_(p)
    for name in ("token_embedding", "position_embedding"):
        nn.init.normal_(getattr(model.clip.text_model.embeddings, name).weight, std=0.1)
    v = model.clip.vision_model.embeddings
    nn.init.normal_(v.position_embedding.weight, std=0.1)
    nn.init.normal_(v.class_embedding, std=0.1)
    nn.init.normal_(v.patch_embedding.weight, std=(3 * 16 * 16) ** -0.5)
    nn.init.ones_(model.decoder.film_mul.bias)
    head = model.decoder.transposed_convolution
    for layer, gain in ((head[0], 2.0), (head[2], 2.0), (head[4], 0.2)):
        fan = layer.weight.shape[1] * 9 if layer is head[0] else layer.weight.shape[0]
        nn.init.normal_(layer.weight, std=(gain / fan) ** 0.5)
        nn.init.zeros_(layer.bias)
    nn.init.constant_(head[4].bias, -2.0)
    return model


def pixels(pictures):
    """uint8 [n, side, side, 3] to normalised [n, 3, side, side]"""
    x = torch.as_tensor(pictures).permute(0, 3, 1, 2).float() / 255
    return (x - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(DEVIATION).view(3, 1, 1)


def encode_images(model, x):
    """The vision tower once: activations of extract_layers, the image embedding, and every token projected like it."""
    vision, tower = model.clip.vision_model, []
    hidden = vision.pre_layrnorm(vision.embeddings(x, interpolate_pos_encoding=True))
    for layer in vision.encoder.layers:
        hidden = layer(hidden, None)
        tower.append(hidden)
    projected = model.clip.visual_projection(vision.post_layernorm(hidden))
    return [tower[i] for i in model.extract_layers], projected[:, 0], projected[:, 1:]


def encode_texts(model, ids):
    return model.clip.get_text_features(input_ids=ids).pooler_output


def decode(model, activations, conditions, owners):
    """Prompts on encoded images: conditions [p, projection]; owners [p]: the image that each belongs to. The same as
    CLIPSegDecoder.forward, but the reductions, which do not depend on the prompt, run once for each image."""
    decoder, x = model.decoder, None
    multiply, add = decoder.film_mul(conditions)[:, None], decoder.film_add(conditions)[:, None]
    for i, (activation, layer, reduce) in enumerate(zip(reversed(activations), decoder.layers, decoder.reduces)):
        reduced = reduce(activation).index_select(0, owners)
        x = reduced if x is None else x + reduced
        if i == decoder.conditional_layer:
            x = multiply * x + add
        x = layer(x, None)
    side = round((x.shape[1] - 1) ** 0.5)
    x = x[:, 1:].transpose(1, 2).reshape(len(x), -1, side, side)
    return decoder.transposed_convolution(x).squeeze(1)


def similarity(a, b):
    return F.normalize(a, dim=-1) @ F.normalize(b, dim=-1).T


def save(model, folder, processor=True):
    """A checkpoint directory that transformers opens as it is."""
    model.save_pretrained(folder, safe_serialization=True)
    if processor:
        with open(f"{folder}/preprocessor_config.json", "w") as f:
            json.dump({"do_normalize": True, "do_rescale": True, "do_resize": True,
                       "image_processor_type": "ViTImageProcessor", "image_mean": list(MEAN),
                       "image_std": list(DEVIATION), "resample": 2, "rescale_factor": 1 / 255,
                       "size": {"height": SIDE, "width": SIDE}}, f, indent=2)
            f.write("\n")
