"""Modules exported with dynamic shapes: name -> (module, inputs at export, dynamic shapes, inputs to run)."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.export import Dim

batch, length = Dim("batch", min=1, max=16), Dim("length", min=3, max=64)
CASES = {}


class Mlp(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(8, 16), nn.Linear(16, 4)

    def forward(self, x):
        return self.second(F.relu(self.first(x)))


class Images(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.norm, self.head = nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.Linear(8, 5)

    def forward(self, x):
        x = F.adaptive_avg_pool2d(F.relu(self.norm(self.conv(x))), 1)
        return torch.softmax(self.head(torch.flatten(x, 1)), -1)


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv, self.out, self.norm = nn.Linear(16, 48), nn.Linear(16, 16), nn.LayerNorm(16)
        self.token = nn.Parameter(torch.randn(1, 1, 16))

    def forward(self, x):
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1)
        b, n, d = x.shape
        q, k, v = self.qkv(self.norm(x)).reshape(b, n, 3, 4, d // 4).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v)
        return x + self.out(y.transpose(1, 2).reshape(b, n, d))


class Positions(nn.Module):
    def __init__(self):
        super().__init__()
        self.tokens, self.places = nn.Embedding(20, 8), nn.Embedding(64, 8)

    def forward(self, ids):
        x = self.tokens(ids) + self.places(torch.arange(ids.shape[1]))
        return x[:, -1], x.mean(1), x[:, 1:] - x[:, :-1]


class Masks(nn.Module):
    def forward(self, x):
        n = x.shape[1]
        mask = torch.full((n, n), float("-inf")).triu(1)
        scores = torch.softmax(x @ x.transpose(1, 2) + mask, -1)
        return scores @ x, torch.zeros(x.shape[0], n) + x.sum(-1)


class Groups(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.GroupNorm(2, 4)

    def forward(self, x):
        return F.interpolate(self.norm(x)[:, :, :8, :8], scale_factor=2), x.flatten(2).transpose(1, 2)


CASES["mlp"] = (Mlp(), (torch.randn(3, 8),), ({0: batch},), (torch.randn(5, 8),))
CASES["images"] = (Images(), (torch.randn(2, 3, 16, 16),), ({0: batch},), (torch.randn(3, 3, 16, 16),))
CASES["attention_batch"] = (Attention(), (torch.randn(2, 6, 16),), ({0: batch},), (torch.randn(3, 6, 16),))
CASES["attention_length"] = (Attention(), (torch.randn(2, 6, 16),), ({1: length},), (torch.randn(2, 9, 16),))
CASES["attention_both"] = (Attention(), (torch.randn(2, 6, 16),), ({0: batch, 1: length},), (torch.randn(3, 9, 16),))
CASES["positions"] = (Positions(), (torch.randint(0, 20, (2, 6)),), ({0: batch, 1: length},), (torch.randint(0, 20, (3, 11)),))
CASES["masks"] = (Masks(), (torch.randn(2, 6, 4),), ({0: batch, 1: length},), (torch.randn(3, 5, 4),))
CASES["groups"] = (Groups(), (torch.randn(2, 4, 8, 8),), ({0: batch},), (torch.randn(3, 4, 8, 8),))
