"""Trains the demo's model: handwritten digits (the 8 x 8 images that ship in scikit-learn) with a small residual network.

Writes digits.pt2 (a plain torch.export.save, training dialect, weights in fp32) and the images that the model has never
seen, one PNG each, named <label>-<number>.png. Takes about a minute on one core.

needs: torch 2.13, scikit-learn, pillow
"""

import pathlib

import numpy as np
import torch
from PIL import Image
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional as F

HERE = pathlib.Path(__file__).parent
SHIPPED_IMAGES = 60


class Residual(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.first_norm = nn.BatchNorm2d(channels)
        self.second = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.second_norm = nn.BatchNorm2d(channels)

    def forward(self, x):
        y = F.relu(self.first_norm(self.first(x)), inplace=True)
        return F.relu(x + self.second_norm(self.second(y)), inplace=True)


class Digits(nn.Module):
    """images: float32 [1, 1, 8, 8], 0 (paper) to 1 (ink) -> probabilities: float32 [1, 10]"""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, 24, 3, padding=1, bias=False), nn.BatchNorm2d(24), nn.ReLU())
        self.body = nn.Sequential(Residual(24), nn.MaxPool2d(2), Residual(24))
        self.dropout = nn.Dropout(0.2)
        self.head = nn.Linear(24 * 4 * 4, 10)

    def forward(self, image):
        features = self.body(self.stem(image))
        return F.softmax(self.head(self.dropout(torch.flatten(features, 1))), dim=-1)


def forget_folders(program):
    """Source lines of the exported nodes name files as they are called here, not where they lay on the machine that trained."""
    folders = {f"{HERE}/": "examples/digits/", f"{pathlib.Path(torch.__file__).parents[1]}/": ""}
    for node in program.graph.nodes:
        for folder, name in folders.items():
            if "stack_trace" in node.meta:
                node.meta["stack_trace"] = node.meta["stack_trace"].replace(folder, name)


def main():
    torch.manual_seed(0)
    digits = load_digits()
    images = torch.tensor(digits.images / 16.0, dtype=torch.float32).unsqueeze(1)
    labels = torch.tensor(digits.target)
    order = torch.randperm(len(images))
    test, train = order[:360], order[360:]

    model = Digits()
    epochs = 40
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 6e-3, total_steps=epochs * ((len(train) + 63) // 64))
    for _ in range(epochs):
        model.train()
        for batch in train[torch.randperm(len(train))].split(64):
            shift = torch.randint(-1, 2, (2,)).tolist()
            x = torch.roll(images[batch], shift, (2, 3))
            loss = F.nll_loss(torch.log(model(x) + 1e-9), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    model.eval()
    with torch.no_grad():
        accuracy = (model(images[test]).argmax(1) == labels[test]).float().mean().item()
    print(f"accuracy on {len(test)} images never trained on: {accuracy:.4f}")

    program = torch.export.export(model, (images[:1].clone(),))
    forget_folders(program)
    torch.export.save(program, HERE / "digits.pt2")
    folder = HERE / "images"
    folder.mkdir(exist_ok=True)
    for old in folder.glob("*.png"):
        old.unlink()
    for index in test[:SHIPPED_IMAGES].tolist():
        pixels = np.round(digits.images[index] * (255 / 16)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{labels[index]}-{index:04d}.png", optimize=True)


if __name__ == "__main__":
    main()
