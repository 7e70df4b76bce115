"""Architectures of torchvision, and nets of the kinds that no package defines: name -> (module, inputs)."""

import pathlib
import sys

import torch
from torch import nn

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "models"))

MODELS = {}


def _torchvision(name, size, family=None, **arguments):
    def build():
        import torchvision_definitions

        models = torchvision_definitions.load()
        module = getattr(getattr(models, family) if family else models, name)(weights=None, **arguments)
        return module, (torch.randn(1, 3, *size),)

    MODELS[name] = build


for _name in ["densenet121", "squeezenet1_1", "shufflenet_v2_x0_5", "mnasnet0_5", "efficientnet_b0", "regnet_y_400mf", "resnext50_32x4d"]:
    _torchvision(_name, (64, 64))
_torchvision("alexnet", (96, 96))
_torchvision("vgg11", (64, 64))
_torchvision("googlenet", (96, 96), init_weights=False, aux_logits=False, transform_input=False)
_torchvision("maxvit_t", (224, 224))
_torchvision("efficientnet_v2_s", (64, 64))


class _Main(nn.Module):
    """The main result of a segmentation model."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return self.inner(x)["out"]


def _segmentation(name):
    def build():
        import torchvision_definitions

        models = torchvision_definitions.load()
        return _Main(getattr(models.segmentation, name)(weights=None, weights_backbone=None, num_classes=5)), (torch.randn(1, 3, 64, 64),)

    MODELS[name] = build


_segmentation("deeplabv3_mobilenet_v3_large")
_segmentation("lraspp_mobilenet_v3_large")
_torchvision("r3d_18", (4, 32, 32), family="video")


class UNet(nn.Module):
    def __init__(self, widths=(8, 16, 32)):
        super().__init__()
        double = lambda a, b: nn.Sequential(nn.Conv2d(a, b, 3, padding=1), nn.BatchNorm2d(b), nn.ReLU(inplace=True),
                                            nn.Conv2d(b, b, 3, padding=1), nn.BatchNorm2d(b), nn.ReLU(inplace=True))
        self.down = nn.ModuleList(double(a, b) for a, b in zip((3, *widths), widths))
        self.rise = nn.ModuleList(nn.ConvTranspose2d(b, a, 2, stride=2) for a, b in zip(widths, widths[1:]))
        self.up = nn.ModuleList(double(2 * a, a) for a in widths[:-1])
        self.head = nn.Conv2d(widths[0], 2, 1)

    def forward(self, x):
        kept = []
        for index, block in enumerate(self.down):
            x = block(x if index == 0 else nn.functional.max_pool2d(x, 2))
            kept.append(x)
        for index in reversed(range(len(self.up))):
            x = self.up[index](torch.cat([kept[index], self.rise[index](x)], dim=1))
        return self.head(x)


class Recurrent(nn.Module):
    """A tagger: embedding, recurrent layers, a projection of each step."""

    def __init__(self, layer):
        super().__init__()
        self.embedding = nn.Embedding(64, 16)
        self.layer = layer
        self.head = nn.Linear(32, 5)

    def forward(self, tokens):
        return self.head(self.layer(self.embedding(tokens))[0])


class Generator(nn.Module):
    """A generator of images from noise: transposed convolutions and batch norm."""

    def __init__(self):
        super().__init__()
        layers, channels = [], 16
        for width in (32, 16, 8):
            layers += [nn.ConvTranspose2d(channels, width, 4, 2, 1, bias=False), nn.BatchNorm2d(width), nn.LeakyReLU(0.2, inplace=True)]
            channels = width
        self.body = nn.Sequential(*layers, nn.Conv2d(channels, 3, 3, padding=1), nn.Tanh())

    def forward(self, noise):
        return self.body(noise)


class StyleTransfer(nn.Module):
    """Instance norm, reflection padding, nearest upsampling."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.ReflectionPad2d(4), nn.Conv2d(3, 8, 9), nn.InstanceNorm2d(8, affine=True), nn.ReLU(), nn.Conv2d(8, 16, 3, 2, 1),
            nn.InstanceNorm2d(16, affine=True), nn.ReLU(), nn.Upsample(scale_factor=2, mode="nearest"), nn.Conv2d(16, 3, 3, padding=1))

    def forward(self, x):
        return self.body(x)


class Recommender(nn.Module):
    """Wide and deep: bags of embeddings beside numbers."""

    def __init__(self):
        super().__init__()
        self.users, self.items = nn.Embedding(50, 8), nn.Embedding(80, 8)
        self.deep = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Dropout(0.1), nn.Linear(32, 1))

    def forward(self, user, item, numbers):
        joined = torch.cat([self.users(user), self.items(item).mean(1), numbers], dim=-1)
        return torch.sigmoid(self.deep(joined)).squeeze(-1)


MODELS["unet"] = lambda: (UNet(), (torch.randn(1, 3, 32, 32),))
MODELS["lstm"] = lambda: (Recurrent(nn.LSTM(16, 16, num_layers=2, bidirectional=True, batch_first=True)), (torch.randint(0, 64, (1, 12)),))
MODELS["gru"] = lambda: (Recurrent(nn.GRU(16, 32, batch_first=True)), (torch.randint(0, 64, (1, 12)),))
MODELS["dcgan"] = lambda: (Generator(), (torch.randn(1, 16, 4, 4),))
MODELS["style_transfer"] = lambda: (StyleTransfer(), (torch.randn(1, 3, 32, 32),))
MODELS["wide_and_deep"] = lambda: (Recommender(), (torch.randint(0, 50, (4,)), torch.randint(0, 80, (4, 5)), torch.randn(4, 4)))
