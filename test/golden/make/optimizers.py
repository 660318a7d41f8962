"""Makes test/golden/optim-optimizers.json: 50 steps of each optimizer on three small tensors, with torch on one thread.

    python test/golden/make/optimizers.py

The third tensor has no gradient in every third step. The learning rate of step t is lr * (1 - t / 100).
"""
import json, math, pathlib
import torch

torch.set_num_threads(1)
torch.manual_seed(7)
SHAPES = {"a.weight": (3, 7), "a.bias": (5,), "b.weight": (2, 17)}
STEPS = 50
SHOWN = (1, 2, 10, 50)


class TransformersAdamW(torch.optim.Optimizer):
    """The update of transformers.AdamW up to version 4 (optimization.py)."""

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-6, weight_decay=0.0, correct_bias=True):
        super().__init__(params, dict(lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, correct_bias=correct_bias))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                if not state:
                    state.update(step=0, exp_avg=torch.zeros_like(p), exp_avg_sq=torch.zeros_like(p))
                beta1, beta2 = group["betas"]
                state["step"] += 1
                state["exp_avg"].mul_(beta1).add_(p.grad, alpha=1 - beta1)
                state["exp_avg_sq"].mul_(beta2).addcmul_(p.grad, p.grad, value=1 - beta2)
                denom = state["exp_avg_sq"].sqrt().add_(group["eps"])
                step_size = group["lr"]
                if group["correct_bias"]:
                    step_size *= math.sqrt(1 - beta2 ** state["step"]) / (1 - beta1 ** state["step"])
                p.addcdiv_(state["exp_avg"], denom, value=-step_size)
                if group["weight_decay"] > 0:
                    p.add_(p, alpha=-group["lr"] * group["weight_decay"])


CLASSES = {"AdamW": torch.optim.AdamW, "Adam": torch.optim.Adam, "SGD": torch.optim.SGD, "TransformersAdamW": TransformersAdamW}
# name, class, options, options of the group of a.bias (or None: one group), clipping
CASES = [
    ("AdamW", "AdamW", {}, None, None),
    ("AdamW with options", "AdamW", dict(lr=0.02, betas=(0.8, 0.95), eps=1e-5, weight_decay=0.2), None, None),
    ("AdamW in groups", "AdamW", dict(lr=0.01, weight_decay=0.1), dict(lr=0.03, weight_decay=0.0), None),
    ("AdamW clipped by norm 2", "AdamW", dict(lr=0.01), None, dict(norm=0.5, type=2.0)),
    ("AdamW clipped by norm 1", "AdamW", dict(lr=0.01), None, dict(norm=0.5, type=1.0)),
    ("AdamW clipped by norm inf", "AdamW", dict(lr=0.01), None, dict(norm=0.5, type="inf")),
    ("AdamW clipped by norm 3", "AdamW", dict(lr=0.01), None, dict(norm=0.5, type=3.0)),
    ("AdamW clipped by value", "AdamW", dict(lr=0.01), None, dict(value=0.3)),
    ("transformers AdamW", "TransformersAdamW", dict(lr=0.01), None, None),
    ("transformers AdamW with decay", "TransformersAdamW", dict(lr=0.01, weight_decay=0.1), None, None),
    ("transformers AdamW uncorrected", "TransformersAdamW", dict(lr=0.01, weight_decay=0.01, correct_bias=False), None, None),
    ("Adam", "Adam", dict(lr=0.01), None, None),
    ("Adam with decay", "Adam", dict(lr=0.01, weight_decay=0.1), None, None),
    ("SGD", "SGD", dict(lr=0.1), None, None),
    ("SGD with decay", "SGD", dict(lr=0.1, weight_decay=0.1), None, None),
    ("SGD with momentum", "SGD", dict(lr=0.05, momentum=0.9), None, None),
    ("SGD with dampening", "SGD", dict(lr=0.05, momentum=0.9, dampening=0.3, weight_decay=0.01), None, None),
    ("SGD with Nesterov", "SGD", dict(lr=0.05, momentum=0.8, nesterov=True, weight_decay=0.01), None, None),
    ("SGD in groups", "SGD", dict(lr=0.05, momentum=0.9), dict(momentum=0.0, lr=0.2), None),
]


def flat(t):
    return [float(f"{x:.9g}") for x in t.detach().flatten().tolist()]


start = {name: torch.randn(shape) for name, shape in SHAPES.items()}
grads = [{name: torch.randn(shape) * (1 + t % 5) / 3 for name, shape in SHAPES.items()} for t in range(STEPS)]
# Gradients are rounded to five digits to keep the file small; torch gets the rounded ones.
grads = [{name: torch.tensor([float(f"{x:.5g}") for x in g.flatten().tolist()]).reshape(g.shape) for name, g in step.items()} for step in grads]

cases = []
for name, cls, options, group, clip in CASES:
    params = {k: torch.nn.Parameter(v.clone()) for k, v in start.items()}
    groups = list(params.values())
    if group is not None:
        groups = [{"params": [params["a.weight"], params["b.weight"]]}, {"params": [params["a.bias"]], **group}]
    optimizer = CLASSES[cls](groups, **options)
    base = [g["lr"] for g in optimizer.param_groups]
    shown, norms = {}, []
    for t in range(STEPS):
        for g, lr in zip(optimizer.param_groups, base):
            g["lr"] = lr * (1 - t / 100)
        for k, p in params.items():
            p.grad = None if k == "b.weight" and t % 3 == 2 else grads[t][k].clone()
        if clip and "norm" in clip:
            norms.append(float(torch.nn.utils.clip_grad_norm_(params.values(), clip["norm"], norm_type=float(clip["type"]))))
        elif clip:
            torch.nn.utils.clip_grad_value_(params.values(), clip["value"])
        optimizer.step()
        if t + 1 in SHOWN:
            shown[t + 1] = {k: flat(p) for k, p in params.items()}
    state = {k: {s: (flat(v) if torch.is_tensor(v) and v.numel() > 1 else float(v)) for s, v in optimizer.state[p].items() if v is not None} for k, p in params.items() if optimizer.state[p]}
    cases.append(dict(name=name, optimizer=cls, options=options, group=group, clip=clip, parameters=shown, state=state, norms=norms[:10]))

out = dict(torch=torch.__version__, shapes=SHAPES, start={k: flat(v) for k, v in start.items()}, grads=[{k: flat(v) for k, v in g.items()} for g in grads], cases=cases)
path = pathlib.Path(__file__).parent.parent / "optim-optimizers.json"
path.write_text(json.dumps(out, separators=(",", ":")) + "\n")
print(path.name, path.stat().st_size)
