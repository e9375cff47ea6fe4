"""Train the built-in model. Can be stopped at any time and started again: it goes on where the last save was.

    train.py SOURCES_DIR WORK_DIR [--minutes 20 60 120] [--threads N] [--start MODEL_DIR]

Stages, each with its own budget of minutes (of computing, kept across restarts):
  1. contrastive: single things at 64 pixels and texts; image and text embeddings learn to agree
  2. masks on small scenes (128 pixels)
  3. masks on full scenes (192 pixels)
Stages 2 and 3 go on with the contrastive loss, ask for visual prompts, and carry that loss into the scenes in two forms:
every token of the image tower against the texts of its own scene (dense), and the mean of the tokens that show a thing
against all texts of the batch (regions). The learning rate falls at the end of the last stage.
--start begins with the weights of a finished model, for example models/demo: with --minutes 0 0 120 it trains that one on.
WORK_DIR holds sprites.npz and model/ (tokenizer files); state.pt, log.txt and the averaged weights go there too.
"""
import argparse
import copy
import os
import time

import numpy as np
import torch
from torch.nn import functional as F
from safetensors.torch import load_file
from transformers import CLIPTokenizer

import batches
import muon
import network
import scenes
import sprites

SAVE_SECONDS = 120
AVERAGE = 0.995  # of the weights that are shipped
PEAK_RATE = (1e-3, 4e-4, 4e-4)
LONGEST_STEP = 60  # seconds that count at most: a stopped process spends nothing of its budget
ABSENT_WEIGHT = 1.5  # of the masks that must stay empty, in the cross-entropy


class Trainer:
    def __init__(self, args):
        things, keywords = sprites.load_world(args.sources)
        self.w = scenes.World(things, keywords, np.load(f"{args.work}/sprites.npz")["sprites"])
        self.w.training = True
        self.tokenizer = CLIPTokenizer.from_pretrained(f"{args.work}/model")
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        # On the CPU float32 is faster, even with instructions for bfloat16: attention's backward pass has no use for them.
        self.bfloat16 = self.device == "cuda"
        self.model = network.create(len(self.tokenizer)).to(self.device)
        if args.start:
            weights = load_file(f"{args.start}/model.safetensors")
            self.model.load_state_dict({k: v.float() for k, v in weights.items()})
        self.average = copy.deepcopy(self.model)
        self.known = {}
        self.work, self.minutes = args.work, args.minutes
        self.optimizers = self.two_optimizers()
        self.stage, self.spent, self.step = 0, 0.0, 0
        if os.path.exists(f"{self.work}/state.pt"):
            self.load()

    def two_optimizers(self):
        """Muon for what multiplies vectors; AdamW for embeddings, convolutions, biases and scales."""
        matrices = {n: p for n, p in self.model.named_parameters() if p.ndim == 2 and "embedding" not in n}
        others = [p for n, p in self.model.named_parameters() if n not in matrices]
        decayed, free = [p for p in others if p.ndim >= 2], [p for p in others if p.ndim < 2]
        return [muon.Muon(list(matrices.values()), lr=1e-3, weight_decay=0.05),
                torch.optim.AdamW([{"params": decayed, "weight_decay": 0.05}, {"params": free, "weight_decay": 0.0}],
                                  lr=1e-3, betas=(0.9, 0.98))]

    def load(self):
        state = torch.load(f"{self.work}/state.pt", weights_only=True)
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        for optimizer, kept in zip(self.optimizers, state["optimizers"]):
            optimizer.load_state_dict(kept)
        self.stage, self.spent, self.step = state["stage"], state["spent"], state["step"]

    def save(self):
        state = {"model": self.model.state_dict(), "average": self.average.state_dict(),
                 "optimizers": [o.state_dict() for o in self.optimizers], "stage": self.stage, "spent": self.spent,
                 "step": self.step}
        torch.save(state, f"{self.work}/state.part")
        os.replace(f"{self.work}/state.part", f"{self.work}/state.pt")

    def log(self, text):
        with open(f"{self.work}/log.txt", "a") as f:
            f.write(text + "\n")
        print(text, flush=True)

    def ids(self, texts):
        for t in texts:
            if t not in self.known:
                self.known[t] = self.tokenizer(t, truncation=True)["input_ids"]
        longest = max(len(self.known[t]) for t in texts)
        end = self.tokenizer.eos_token_id
        return torch.tensor([self.known[t] + [end] * (longest - len(self.known[t])) for t in texts],
                            device=self.device)

    def images(self, pictures):
        return network.pixels(pictures).to(self.device)

    def embed_texts(self, texts):
        """Every different text once; returns one row per text."""
        unique = sorted(set(texts), key=len)
        place = {t: i for i, t in enumerate(unique)}
        rows = network.encode_texts(self.model, self.ids(unique))
        return rows[torch.tensor([place[t] for t in texts], device=self.device)]

    def contrastive(self, image, text, matches):
        """Softmax over texts for every image and over images for every text; other right answers do not count."""
        scale = self.model.clip.logit_scale.exp().clamp(max=100)
        logits = scale * network.similarity(image, text)
        others = torch.as_tensor(matches, device=self.device) != 0
        others.fill_diagonal_(False)
        target = torch.arange(len(logits), device=self.device)
        a = F.cross_entropy(logits.masked_fill(others, -1e4), target)
        b = F.cross_entropy(logits.T.masked_fill(others.T, -1e4), target)
        return (a + b) / 2, (logits.masked_fill(others, -1e4).argmax(1) == target).float().mean()

    def contrastive_step(self, batch):
        pictures, texts, matches = batch
        _, image, _ = network.encode_images(self.model, self.images(pictures))
        loss, right = self.contrastive(image, self.embed_texts(texts), matches)
        return loss, {"contrastive": loss, "right": right}

    def dense(self, tokens, owners, text, coverage):
        """Every patch against the texts of its own scene: does it show (mostly) what the text means?"""
        patches = F.normalize(tokens, dim=-1).index_select(0, owners)
        logits = 12 * torch.einsum("pnd,pd->pn", patches, F.normalize(text, dim=-1)) - 4
        return F.binary_cross_entropy_with_logits(logits, coverage.flatten(1))

    def regions(self, tokens, owners, text, coverage, matches):
        """The mean of the patches that show a thing, against every text of the batch (contrastive): what tells one thing
        from another is learned at the size that things have in scenes."""
        weight = coverage.flatten(1)
        seen = (weight.sum(1) > 0.5).nonzero()[:, 0]  # at least half a patch
        mean = torch.einsum("pn,pnd->pd", weight[seen], tokens.index_select(0, owners[seen]))
        scale = self.model.clip.logit_scale.exp().clamp(max=100)
        logits = scale * network.similarity(mean, text)
        right = torch.as_tensor(matches, device=self.device)[seen] != 0
        right[torch.arange(len(seen)), seen] = False
        logits = logits.masked_fill(right, -1e4)
        return F.cross_entropy(logits, seen), (logits.argmax(1) == seen).float().mean()

    def mask_loss(self, logits, masks):
        """Binary cross-entropy, and for things that are there one minus the soft IoU."""
        present = masks.sum((1, 2)) > 0
        weight = torch.where(present, 1.0, ABSENT_WEIGHT)[:, None, None].expand_as(logits)
        bce = F.binary_cross_entropy_with_logits(logits, masks, weight)
        p = logits.sigmoid()
        overlap = (p * masks).sum((1, 2))
        union = (p + masks - p * masks).sum((1, 2))
        soft = (1 - (overlap[present] + 1) / (union[present] + 1)).mean() if present.any() else bce * 0
        return bce, soft, (1 - soft)

    def mask_step(self, batch):
        pictures, texts, owners, masks, text_matches, shown_masks, shown, shown_texts, matches = batch
        activations, _, tokens = network.encode_images(self.model, self.images(pictures))
        _, visual, _ = network.encode_images(self.model, self.images(shown))
        everything = self.embed_texts(texts + shown_texts)
        text, shown_text = everything[:len(texts)], everything[len(texts):]
        near, right = self.contrastive(visual, shown_text, matches)

        # PAPER: with a picture the prompt is a mix whose text has weight U(0, 0.5); half of ours are the picture alone.
        weight = torch.rand(len(visual), 1, device=self.device) * 0.5 * (torch.rand(len(visual), 1) < 0.5).to(self.device)
        fits = torch.as_tensor(np.diagonal(matches) == 1, device=self.device)
        mixed = torch.where(fits[:, None], weight * shown_text + (1 - weight) * visual, visual)
        owners = torch.as_tensor(owners, device=self.device)
        conditions = torch.cat([text, mixed])
        all_owners = torch.cat([owners, torch.arange(len(pictures), device=self.device)])
        truth = torch.as_tensor(np.concatenate([masks, shown_masks]), device=self.device).float()
        logits = network.decode(self.model, activations, conditions, all_owners)
        coverage = F.avg_pool2d(truth[:, None], 16)[:, 0]
        bce, soft, iou = self.mask_loss(logits, truth)
        coarse = F.binary_cross_entropy_with_logits(F.avg_pool2d(logits[:, None], 16)[:, 0], coverage)
        dense = self.dense(tokens, owners, text, coverage[:len(owners)])
        region, told = self.regions(tokens, owners, text, coverage[:len(owners)], text_matches)
        loss = 2 * bce + coarse + 0.5 * soft + 0.5 * dense + 0.5 * near + 0.5 * region
        return loss, {"bce": bce, "soft iou": iou, "dense": dense, "region": region, "told": told, "contrastive": near,
                      "right": right}

    def rate(self, stage, fraction):
        """Warm up over the first 2 %, hold; the last stage falls to nothing over its last 40 %."""
        last = stage == len(self.minutes) - 1
        shape = max(0.02, 1 - (fraction - 0.6) / 0.4) if last and fraction > 0.6 else min(1.0, fraction / 0.02)
        return PEAK_RATE[stage] * shape

    def batches_of(self, stage):
        seed = 1000 * stage + self.step  # another part of the stream after a restart
        if stage == 0:
            return batches.loader(batches.Singles(self.w, 128, seed, (64, 64, 96, 96, 128))), self.contrastive_step
        side = (128, 192)[stage - 1]
        return batches.loader(batches.Scenes(self.w, 32, seed, side)), self.mask_step

    def run_stage(self):
        data, function = self.batches_of(self.stage)
        budget, last, saved, sums, count = self.minutes[self.stage] * 60, time.time(), time.time(), {}, 0
        for batch in data:
            for group in self.optimizers[0].param_groups + self.optimizers[1].param_groups:
                group["lr"] = self.rate(self.stage, self.spent / budget)
            with torch.autocast(self.device, torch.bfloat16, enabled=self.bfloat16):
                loss, parts = function(batch)
            self.model.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            for optimizer in self.optimizers:
                optimizer.step()
            self.step += 1
            keep = min(AVERAGE, self.step / (self.step + 10))
            with torch.no_grad():
                torch._foreach_lerp_(list(self.average.parameters()), list(self.model.parameters()), 1 - keep)
            now = time.time()
            self.spent, last, count = self.spent + min(now - last, LONGEST_STEP), now, count + 1
            for k, v in parts.items():
                sums[k] = sums.get(k, 0) + float(v.detach())
            if count == 100:
                self.log(f"stage {self.stage + 1}  step {self.step:6d}  {self.spent / 60:6.1f} min  "
                         + "  ".join(f"{k} {v / count:.4f}" for k, v in sums.items()))
                sums, count = {}, 0
            if now - saved > SAVE_SECONDS:
                self.save()
                saved = now
            if self.spent >= budget:
                return

    def run(self):
        while self.stage < len(self.minutes):
            if self.minutes[self.stage] > 0:
                self.run_stage()
            self.stage, self.spent = self.stage + 1, 0.0
            self.save()


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("sources")
    a.add_argument("work")
    a.add_argument("--minutes", type=float, nargs=3, default=[20, 60, 120])
    a.add_argument("--start", help="a model directory to begin with")
    a.add_argument("--threads", type=int, default=0)
    args = a.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    Trainer(args).run()


if __name__ == "__main__":
    main()
