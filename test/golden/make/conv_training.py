"""Makes test/golden/conv-training.json: two small convolutional networks trained by torch, with all that they keep.

    pip install torch && python test/golden/make/conv_training.py
"""
import json
import os

import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(11)


def rounded(t):
    return [float(f"{v:.7g}") for v in t.detach().double().flatten().tolist()]


def state(model):
    return {name: {"shape": list(t.shape), "values": rounded(t)} for name, t in model.state_dict().items()}


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(4, 8, 3, stride=2, padding=1), nn.GroupNorm(2, 8), nn.SiLU(),
            nn.Conv2d(8, 8, 1, groups=2), nn.BatchNorm2d(8, momentum=None), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        )
        self.norm = nn.BatchNorm1d(8, affine=False)
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        return self.head(self.norm(self.body(x)))


class Painter(nn.Module):
    def __init__(self):
        super().__init__()
        self.down = nn.Sequential(nn.Conv2d(2, 6, 3, stride=2, padding=1), nn.InstanceNorm2d(6, affine=True), nn.LeakyReLU(0.2), nn.AvgPool2d(2))
        self.up = nn.Sequential(nn.ConvTranspose2d(6, 8, 3, stride=2, padding=1, output_padding=1), nn.Mish(), nn.Upsample(scale_factor=2, mode="bilinear"), nn.Hardswish(), nn.Conv2d(8, 8, 3, padding="same"), nn.Softplus(), nn.AdaptiveAvgPool2d(3), nn.PixelShuffle(2))

    def forward(self, x):
        return self.up(self.down(x))


def train(model, batches, loss_of, lr):
    before = state(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    losses = []
    for x, y in batches:
        loss = loss_of(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss))
    model.eval()
    with torch.no_grad():
        evaluated = model(batches[0][0])
    return {
        "before": before,
        "batches": [{"x": {"shape": list(x.shape), "values": rounded(x)}, "y": {"shape": list(y.shape), "values": y.flatten().tolist() if y.dtype == torch.int64 else rounded(y)}} for x, y in batches],
        "losses": losses,
        "after": state(model),
        "evaluated": {"shape": list(evaluated.shape), "values": rounded(evaluated)},
        "repr": repr(model),
    }


images = [(torch.randn(6 + i % 2, 1, 8, 8), torch.randint(0, 3, (6 + i % 2,))) for i in range(5)]
pictures = [(torch.randn(2, 2, 8, 8), torch.randn(2, 2, 6, 6)) for _ in range(3)]
result = {"classifier": train(Classifier(), images, F.cross_entropy, 0.05), "painter": train(Painter(), pictures, F.mse_loss, 0.05)}
target = os.path.join(os.path.dirname(__file__), "..", "conv-training.json")
with open(target, "w") as f:
    json.dump(result, f, separators=(",", ":"))
print(os.path.getsize(target), "bytes")
