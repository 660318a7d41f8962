"""Makes test/golden/models/losses.json and mlp.json: functional losses and an MLP with values and gradients (computed in float64).

usage: python test/golden/make/models_losses.py      (torch)
"""
import os

import torch
import torch.nn.functional as F
from models_common import write_json

out = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "models")
torch.manual_seed(2)

logits = torch.randn(6, 4, dtype=torch.float64)
labels = [3, 0, -100, 1, 2, -100]
targets = torch.randn(6, 4, dtype=torch.float64)
binary = (torch.arange(24).reshape(6, 4) % 3 == 0).double()
weights = torch.linspace(0.5, 2, 6, dtype=torch.float64)  # turns per-row losses into one number


def case(name, options, function):
    x = logits.clone().requires_grad_()
    value = function(x)
    (value * weights[: value.numel()].reshape(value.shape)).sum().backward() if value.dim() == 1 else value.sum().backward()
    return {"name": name, "options": options, "value": value.tolist(), "gradient": x.grad.tolist()}


cases = []
y = torch.tensor(labels)
for reduction in ("mean", "sum", "none"):
    for smoothing in (0.0, 0.1):
        cases.append(case("crossEntropy", {"reduction": reduction, "labelSmoothing": smoothing}, lambda x: F.cross_entropy(x, y, reduction=reduction, label_smoothing=smoothing)))
cases.append(case("crossEntropy", {"ignoreIndex": 1}, lambda x: F.cross_entropy(x, y.clamp(min=0), ignore_index=1)))
for reduction in ("mean", "sum"):
    cases.append(case("mseLoss", {"reduction": reduction}, lambda x: F.mse_loss(x, targets, reduction=reduction)))
    cases.append(case("bceWithLogits", {"reduction": reduction}, lambda x: F.binary_cross_entropy_with_logits(x, binary, reduction=reduction)))
cases.append(case("bceWithLogitsFar", {"scale": 200}, lambda x: F.binary_cross_entropy_with_logits(x * 200, binary)))
cases.append(case("l2Normalize", {}, lambda x: (F.normalize(x, dim=-1) * targets).sum()))
cases.append(case("gelu", {}, lambda x: (F.gelu(x) * targets).sum()))
cases.append(case("geluTanh", {}, lambda x: (F.gelu(x, approximate="tanh") * targets).sum()))
write_json(os.path.join(out, "losses.json"), {"logits": logits.tolist(), "labels": labels, "targets": targets.tolist(), "binary": binary.tolist(), "weights": weights.tolist(), "cases": cases})

first, norm, second = torch.nn.Linear(5, 8).double(), torch.nn.LayerNorm(8).double(), torch.nn.Linear(8, 3, bias=False).double()
with torch.no_grad():
    norm.weight.add_(torch.randn(8) * 0.1)
    norm.bias.add_(torch.randn(8) * 0.1)
model = torch.nn.Sequential(first, norm, torch.nn.GELU(), torch.nn.Sequential(second, torch.nn.Tanh()))
x = torch.randn(7, 5, dtype=torch.float64)
y = torch.tensor([0, 1, 2, 2, 1, 0, 1])
values = {key: p.tolist() for key, p in model.named_parameters()}
loss = F.cross_entropy(model(x), y)
loss.backward()
write_json(os.path.join(out, "mlp.json"), {
    "x": x.tolist(), "y": y.tolist(), "loss": loss.item(), "logits": model(x).tolist(), "parameters": values,
    "gradients": {key: p.grad.tolist() for key, p in model.named_parameters()},
})
