"""
One training run: AdamW, one-cycle rate, Dice + cross entropy, averaged weights, resumable.

The first part of a run sees small crops, which cost half. A step depends on nothing but the seed and its number, so a run that was stopped and resumed ends
in the same weights (on one machine, one thread, one version of PyTorch).
"""
import copy
import json
import math
import os
import time

import numpy as np
import torch
import torch.nn.functional as F

from .augment import Augment
from .network import DenseUNet

BATCH = 16
RATE = 3e-3
DECAY = 0.01
AVERAGE = 0.998
SAVE_EVERY = 100
SMALL, SMALL_SHARE = 96, 0.7  # size of the first crops; share of the steps that see them


def rate_at(step, steps):
    """Up for a tenth of the steps, then a cosine to nothing."""
    rise = max(1, steps // 10)
    if step < rise:
        return RATE * (0.05 + 0.95 * step / rise)
    return RATE * 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, steps - rise)))


def loss_of(logits, mask):
    """Cross entropy + (1 - Dice) of each crop; an empty crop is content with an empty answer."""
    p = logits.float().softmax(1)[:, 1]
    y = mask.float()
    both, sum_of = (p * y).sum((1, 2)), (p * p).sum((1, 2)) + y.sum((1, 2))
    dice = (2 * both + 20) / (sum_of + 20)
    return F.cross_entropy(logits.float(), mask) + (1 - dice).mean()


class Run:
    """A folder with checkpoint.pt and log.jsonl."""

    def __init__(self, folder, samples, steps, seed, device, what):
        self.folder, self.steps, self.seed, self.what = folder, steps, seed, what
        self.device = torch.device(device)
        torch.manual_seed(seed)
        self.net = DenseUNet().to(self.device, memory_format=torch.channels_last)  # twice as fast in bf16
        self.mean = copy.deepcopy(self.net).eval()
        self.small, self.full = Augment(samples, BATCH, SMALL), Augment(samples, BATCH)
        groups = [[p for p in self.net.parameters() if p.dim() > 1], [p for p in self.net.parameters() if p.dim() <= 1]]
        self.optimiser = torch.optim.AdamW([{'params': groups[0], 'weight_decay': DECAY},
                                            {'params': groups[1], 'weight_decay': 0.0}], lr=RATE)
        self.step = 0
        self.spent_s = 0.0
        folder.mkdir(parents=True, exist_ok=True)

    def _checkpoint(self):
        return self.folder / 'checkpoint.pt'

    def resume(self):
        if not self._checkpoint().exists():
            return
        state = torch.load(self._checkpoint(), map_location=self.device)
        if (state['steps'], state['seed']) != (self.steps, self.seed):
            raise ValueError(f'{self._checkpoint()} is of another run: steps, seed {state["steps"]}, {state["seed"]}')
        self.net.load_state_dict(state['net'])
        self.mean.load_state_dict(state['mean'])
        self.optimiser.load_state_dict(state['optimiser'])
        self.step, self.spent_s = state['step'], state['spent_s']

    def _save(self):
        part = self._checkpoint().with_suffix('.part')
        torch.save({'net': self.net.state_dict(), 'mean': self.mean.state_dict(), 'step': self.step,
                    'optimiser': self.optimiser.state_dict(), 'steps': self.steps, 'seed': self.seed,
                    'spent_s': self.spent_s}, part)
        os.replace(part, self._checkpoint())

    def _average(self):
        keep = min(AVERAGE, (self.step + 1) / (self.step + 10))
        ours, theirs = self.mean.state_dict(), self.net.state_dict()
        for name, value in ours.items():
            if value.is_floating_point():
                value.mul_(keep).add_(theirs[name], alpha=1 - keep)

    def _one(self):
        torch.manual_seed(self.seed * 1_000_003 + self.step)
        augment = self.small if self.step < SMALL_SHARE * self.steps else self.full
        x, y = augment.draw(np.random.default_rng([self.seed, self.step]))
        x, y = x.to(self.device, memory_format=torch.channels_last), y.to(self.device)
        for group in self.optimiser.param_groups:
            group['lr'] = rate_at(self.step, self.steps)
        with torch.autocast(self.device.type, dtype=torch.bfloat16):
            logits = self.net(x)
        loss = loss_of(logits, y)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 2.0)
        self.optimiser.step()
        self._average()
        return float(loss)

    def _tell(self, losses, began):
        took = (time.monotonic() - began) / len(losses)
        left = took * (self.steps - self.step)
        line = {'step': self.step, 'loss': round(float(np.mean(losses)), 4), 's_per_step': round(took, 3)}
        with open(self.folder / 'log.jsonl', 'a') as log:
            log.write(json.dumps(line) + '\n')
        print(f'{self.what}: step {self.step} of {self.steps}, loss {line["loss"]:.4f}, '
              f'{took:.2f} s a step, {left / 60:.0f} min left', flush=True)

    def train(self):
        """The averaged network at the end."""
        self.net.train()
        losses, began = [], time.monotonic()
        while self.step < self.steps:
            losses.append(self._one())
            self.step += 1
            if self.step % SAVE_EVERY == 0 or self.step == self.steps:
                self.spent_s += time.monotonic() - began
                self._tell(losses, began)
                self._save()
                losses, began = [], time.monotonic()
        return self.mean
