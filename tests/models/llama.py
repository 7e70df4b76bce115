"""A llama with random weights and static shapes, as two programs that share them: `prefill` reads a prompt, `decode` one token.

usage: llama.py OUTPUT_FOLDER        writes prefill.pt2, decode.pt2 and expected.json, the tokens that torch generates

The cache of keys and values belongs to the caller, as in ExecuTorch's static llama for Core ML: it goes into both methods whole,
and both give back the keys and values of the tokens that they read, which the caller puts into the cache. So the methods need not
share memory. Positions say where the tokens stand; what the cache holds from the first of them on is not looked at.
"""

import dataclasses
import json
import pathlib
import sys

import torch
from torch import nn

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from llama_run import generate


@dataclasses.dataclass(frozen=True)
class Configuration:
    layers: int = 16
    width: int = 768
    heads: int = 12
    key_value_heads: int = 4
    hidden: int = 2048
    vocabulary: int = 2048
    prompt: int = 16  # tokens that prefill reads
    context: int = 64  # tokens that the cache holds

    @property
    def head_width(self):
        return self.width // self.heads

    @property
    def cache_shape(self):
        return (self.layers, self.key_value_heads, self.context, self.head_width)


def rotary_tables(configuration):
    """Cosines and sines by position, for the two halves of a head."""
    exponents = torch.arange(0, configuration.head_width, 2) / configuration.head_width
    angles = torch.outer(torch.arange(configuration.context), 10000.0**-exponents)
    return angles.cos(), angles.sin()


def rotate(x, cosines, sines):
    low, high = x.chunk(2, dim=-1)
    return torch.cat([low * cosines - high * sines, low * sines + high * cosines], dim=-1)


class Attention(nn.Module):
    def __init__(self, configuration):
        super().__init__()
        self.c = c = configuration
        self.query = nn.Linear(c.width, c.heads * c.head_width, bias=False)
        self.key = nn.Linear(c.width, c.key_value_heads * c.head_width, bias=False)
        self.value = nn.Linear(c.width, c.key_value_heads * c.head_width, bias=False)
        self.output = nn.Linear(c.heads * c.head_width, c.width, bias=False)

    def split(self, x, heads):
        return x.view(1, -1, heads, self.c.head_width).transpose(1, 2)

    def for_all_heads(self, x):
        repeated = x.unsqueeze(2).expand(-1, -1, self.c.heads // self.c.key_value_heads, -1, -1)
        return repeated.reshape(1, self.c.heads, x.shape[2], self.c.head_width)

    def forward(self, x, tables, mask, keys, values):
        query = rotate(self.split(self.query(x), self.c.heads), *tables)
        new_keys = rotate(self.split(self.key(x), self.c.key_value_heads), *tables)
        new_values = self.split(self.value(x), self.c.key_value_heads)
        attended = nn.functional.scaled_dot_product_attention(
            query, self.for_all_heads(torch.cat([keys, new_keys], dim=2)),
            self.for_all_heads(torch.cat([values, new_values], dim=2)), attn_mask=mask)
        return self.output(attended.transpose(1, 2).reshape(1, -1, self.c.width)), new_keys, new_values


class Layer(nn.Module):
    def __init__(self, configuration):
        super().__init__()
        c = configuration
        self.attention_norm, self.norm = nn.RMSNorm(c.width, eps=1e-5), nn.RMSNorm(c.width, eps=1e-5)
        self.attention = Attention(c)
        self.gate, self.up = (nn.Linear(c.width, c.hidden, bias=False) for _ in range(2))
        self.down = nn.Linear(c.hidden, c.width, bias=False)

    def forward(self, x, *arguments):
        attended, keys, values = self.attention(self.attention_norm(x), *arguments)
        x = x + attended
        y = self.norm(x)
        return x + self.down(nn.functional.silu(self.gate(y)) * self.up(y)), keys, values


class Llama(nn.Module):
    def __init__(self, configuration):
        super().__init__()
        self.c = configuration
        self.embedding = nn.Embedding(configuration.vocabulary, configuration.width)
        self.layers = nn.ModuleList(Layer(configuration) for _ in range(configuration.layers))
        self.norm = nn.RMSNorm(configuration.width, eps=1e-5)
        self.head = nn.Linear(configuration.width, configuration.vocabulary, bias=False)
        cosines, sines = rotary_tables(configuration)
        self.register_buffer("cosines", cosines, persistent=False)
        self.register_buffer("sines", sines, persistent=False)

    def forward(self, tokens, positions, keys, values):
        """Logits of the last token, then keys and values of all given ones: [layers, heads, tokens, head width]."""
        count = tokens.shape[1]
        cached = torch.arange(self.c.context) < positions[0]
        causal = torch.ones(count, count, dtype=torch.bool).tril()
        allowed = torch.cat([cached.expand(count, -1), causal], dim=1)
        mask = torch.zeros(count, self.c.context + count).masked_fill(~allowed, -1e4)
        tables = self.cosines[positions], self.sines[positions]
        x, new_keys, new_values = self.embedding(tokens), [], []
        for index, layer in enumerate(self.layers):
            x, key, value = layer(x, tables, mask, keys[index : index + 1], values[index : index + 1])
            new_keys.append(key)
            new_values.append(value)
        return self.head(self.norm(x[:, -1])), torch.cat(new_keys), torch.cat(new_values)


def build(configuration=Configuration(), seed=0):
    torch.manual_seed(seed)
    model = Llama(configuration).eval().requires_grad_(False)
    for parameter in model.parameters():
        if parameter.dim() == 2:
            nn.init.normal_(parameter, std=parameter.shape[1] ** -0.5)
    nn.init.normal_(model.embedding.weight)  # so that the next token depends on the last one
    return model


def prompt(configuration):
    generator = torch.Generator().manual_seed(1)
    return torch.randint(configuration.vocabulary, (1, configuration.prompt), generator=generator, dtype=torch.int32)


def inputs(configuration, count):
    cache = torch.zeros(configuration.cache_shape)
    return torch.zeros(1, count, dtype=torch.int32), torch.arange(count, dtype=torch.int32), cache, cache.clone()


def export(model):
    """The programs by method name."""
    lengths = {"prefill": model.c.prompt, "decode": 1}
    return {name: torch.export.export(model, inputs(model.c, length)) for name, length in lengths.items()}


def generate_with_torch(model, count):
    def method(*arrays):
        with torch.no_grad():
            return [output.numpy() for output in model(*map(torch.from_numpy, arrays))]

    return generate({"prefill": method, "decode": method}, prompt(model.c).numpy(), model.c.cache_shape, count)


def expected(model, count=32):
    """What llama_run.py is to generate, as JSON."""
    return json.dumps({"prompt": prompt(model.c).tolist(), "cache_shape": model.c.cache_shape,
                       "tokens": generate_with_torch(model, count)})


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    model = build()
    for name, program in export(model).items():
        torch.export.save(program, folder / f"{name}.pt2")
    (folder / "expected.json").write_text(expected(model))


if __name__ == "__main__":
    main()
