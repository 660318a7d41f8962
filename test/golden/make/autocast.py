"""Makes test/golden/autocast.json: a small block with attention, in float32 and in float16 as torch.autocast computes it on GPUs.

    python test/golden/make/autocast.py

The casts are written out, by the op lists of torch's documentation (torch.amp, "CUDA Ops that can autocast to float16" and "to float32"): autocast on CPUs has other lists. Gradients are of the loss
times 1024, divided by 1024.
"""
import json, pathlib
import torch
import torch.nn.functional as F

torch.manual_seed(5)
torch.set_num_threads(1)
B, S, H, C = 3, 5, 16, 4
SCALE = 1024.0


def tensor(*shape):
    return (torch.randint(-1000, 1000, shape) / 1000.0).float()


x = tensor(B, S, H)
labels = torch.randint(0, C, (B,))
weights = {name: tensor(*shape) * 0.5 for name, shape in {
    "q.weight": (H, H), "q.bias": (H,), "k.weight": (H, H), "k.bias": (H,), "v.weight": (H, H), "v.bias": (H,),
    "norm.weight": (H,), "norm.bias": (H,), "wide.weight": (2 * H, H), "wide.bias": (2 * H,), "narrow.weight": (H, 2 * H), "narrow.bias": (H,), "head.weight": (C, H), "head.bias": (C,),
}.items()}
weights["norm.weight"] += 1


def run(dtype, scale):
    p = {name: w.clone().requires_grad_() for name, w in weights.items()}
    low = (lambda t: t) if dtype is None else (lambda t: t.to(dtype))
    wide = lambda t: t.float()
    linear = lambda t, name: F.linear(low(t), low(p[name + ".weight"]), low(p[name + ".bias"]))
    q, k, v = (linear(x, name) for name in "qkv")
    scores = torch.matmul(low(q), low(k).transpose(1, 2)) * 0.25
    mixed = torch.matmul(low(F.softmax(wide(scores), -1)), low(v))
    y = F.layer_norm(wide(mixed + x), (H,), p["norm.weight"], p["norm.bias"])
    y = linear(F.gelu(linear(y, "wide")), "narrow") + y
    logits = linear(y[:, 0], "head")
    loss = F.cross_entropy(wide(logits), labels)
    (loss * scale).backward()
    return {"loss": loss.item(), "gradients": {name: (w.grad / scale).flatten().tolist() for name, w in p.items()}}


def rounded(value):
    if isinstance(value, float):
        return float(f"{value:.7g}")
    if isinstance(value, dict):
        return {key: rounded(v) for key, v in value.items()}
    return [rounded(v) for v in value] if isinstance(value, list) else value


out = {
    "sizes": [B, S, H, C],
    "x": x.flatten().tolist(),
    "labels": labels.tolist(),
    "weights": {name: w.flatten().tolist() for name, w in weights.items()},
    "float32": run(None, 1.0),
    "float16": run(torch.float16, SCALE),
}
path = pathlib.Path(__file__).parents[1] / "autocast.json"
path.write_text(json.dumps(rounded(out)) + "\n")
print(path, out["float32"]["loss"], out["float16"]["loss"])
