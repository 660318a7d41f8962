"""Makes test/golden/optim-more.json: 50 steps of RMSprop, Adagrad, Lion (torch on one thread) and transformers' Adafactor on four small tensors.

    python test/golden/make/optimizers_more.py

As optimizers.py: b.weight has no gradient in every third step, the learning rate of step t is lr * (1 - t / 100).
"""
import json, pathlib
import torch, transformers
from transformers.optimization import Adafactor, AdafactorSchedule

torch.set_num_threads(1)
torch.manual_seed(11)
SHAPES = {"a.weight": (3, 7), "a.bias": (5,), "b.weight": (2, 17), "c.weight": (2, 3, 4)}
STEPS = 50
SHOWN = (1, 2, 10, 50)


class Lion(torch.optim.Optimizer):
    """The update of Chen et al. (2023), as in lion-pytorch 0.2.5."""

    def __init__(self, params, lr=1e-4, betas=(0.9, 0.99), weight_decay=0.0):
        super().__init__(params, dict(lr=lr, betas=betas, weight_decay=weight_decay))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                if not state:
                    state["exp_avg"] = torch.zeros_like(p)
                p.mul_(1 - group["lr"] * group["weight_decay"])
                p.add_((state["exp_avg"] * beta1).add(p.grad, alpha=1 - beta1).sign(), alpha=-group["lr"])
                state["exp_avg"].mul_(beta2).add_(p.grad, alpha=1 - beta2)


CLASSES = {"RMSprop": torch.optim.RMSprop, "Adagrad": torch.optim.Adagrad, "Lion": Lion, "Adafactor": Adafactor}
BY_LR = dict(lr=0.02, scale_parameter=False, relative_step=False)
# name, class, options, options of the group of a.bias (or None: one group), clipping
CASES = [
    ("RMSprop", "RMSprop", {}, None, None),
    ("RMSprop with options", "RMSprop", dict(lr=0.02, alpha=0.9, eps=1e-4, weight_decay=0.1), None, None),
    ("RMSprop with momentum", "RMSprop", dict(lr=0.005, momentum=0.9), None, None),
    ("RMSprop centered", "RMSprop", dict(lr=0.005, centered=True), None, None),
    ("RMSprop centered with momentum", "RMSprop", dict(lr=0.005, centered=True, momentum=0.5, weight_decay=0.01), None, None),
    ("RMSprop in groups, clipped", "RMSprop", dict(lr=0.01, weight_decay=0.1), dict(weight_decay=0.0, alpha=0.8), dict(norm=0.5, type=2.0)),
    ("Adagrad", "Adagrad", {}, None, None),
    ("Adagrad with options", "Adagrad", dict(lr=0.1, lr_decay=0.05, weight_decay=0.1, initial_accumulator_value=0.3, eps=1e-6), None, None),
    ("Adagrad in groups, clipped", "Adagrad", dict(lr=0.1, weight_decay=0.1), dict(weight_decay=0.0, lr_decay=0.1), dict(norm=0.5, type=2.0)),
    ("Lion", "Lion", dict(lr=0.01), None, None),
    ("Lion with options", "Lion", dict(lr=0.01, betas=(0.8, 0.95), weight_decay=0.3), None, None),
    ("Lion in groups, clipped", "Lion", dict(lr=0.01, weight_decay=0.2), dict(weight_decay=0.0, lr=0.003), dict(norm=0.5, type=2.0)),
    ("Adafactor by its own steps", "Adafactor", {}, None, None),
    ("Adafactor warming up", "Adafactor", dict(warmup_init=True), None, None),
    ("Adafactor with its own steps, unscaled", "Adafactor", dict(scale_parameter=False, weight_decay=0.5), None, None),
    ("Adafactor with a learning rate", "Adafactor", BY_LR, None, None),
    ("Adafactor with a first moment", "Adafactor", dict(BY_LR, beta1=0.9, weight_decay=0.1), None, None),
    ("Adafactor with options", "Adafactor", dict(BY_LR, scale_parameter=True, eps=(1e-8, 0.5), clip_threshold=0.7, decay_rate=-0.5), None, None),
    ("Adafactor in groups, clipped", "Adafactor", dict(BY_LR, weight_decay=0.1), dict(weight_decay=0.0, clip_threshold=2.0), dict(norm=0.5, type=2.0)),
]


def flat(t):
    return [float(f"{x:.8g}") for x in t.detach().flatten().tolist()]


start = {name: torch.tensor([float(f"{x:.5g}") for x in torch.randn(shape).flatten().tolist()]).reshape(shape) for name, shape in SHAPES.items()}
# Gradients are rounded to four digits to keep the file small; torch gets the rounded ones.
grads = [{name: torch.tensor([float(f"{x:.4g}") for x in (torch.randn(shape) * (1 + t % 5) / 3).flatten().tolist()]).reshape(shape) for name, shape in SHAPES.items()} for t in range(STEPS)]

cases = []
for name, cls, options, group, clip in CASES:
    params = {k: torch.nn.Parameter(v.clone()) for k, v in start.items()}
    groups = list(params.values())
    if group is not None:
        groups = [{"params": [p for k, p in params.items() if k != "a.bias"]}, {"params": [params["a.bias"]], **group}]
    optimizer = CLASSES[cls](groups, **options)
    base = [g["lr"] for g in optimizer.param_groups]
    shown, norms = {}, []
    for t in range(STEPS):
        for g, lr in zip(optimizer.param_groups, base):
            g["lr"] = lr and lr * (1 - t / 100)
        for k, p in params.items():
            p.grad = None if k == "b.weight" and t % 3 == 2 else grads[t][k].clone()
        if clip:
            norms.append(float(torch.nn.utils.clip_grad_norm_(params.values(), clip["norm"], norm_type=float(clip["type"]))))
        optimizer.step()
        if t + 1 in SHOWN:
            shown[t + 1] = {k: flat(p) for k, p in params.items()}
    state = {k: {s: (flat(v) if torch.is_tensor(v) and v.numel() > 1 else float(v)) for s, v in optimizer.state[p].items()} for k, p in params.items()}
    cases.append(dict(name=name, optimizer=cls, options=options, group=group, clip=clip, parameters=shown, state=state, norms=norms[:10]))

rates = []
for options in (dict(), dict(warmup_init=True, scale_parameter=False)):
    p = torch.nn.Parameter(start["a.weight"].clone())
    optimizer = Adafactor([p], **options)
    scheduler = AdafactorSchedule(optimizer, initial_lr=0.5)
    lrs = [scheduler.get_last_lr()[0]]
    for t in range(5):
        p.grad = grads[t]["a.weight"].clone()
        optimizer.step()
        scheduler.step()
        lrs.append(float(scheduler.get_last_lr()[0]))
    rates.append(dict(options=options, lrs=lrs))

numbers = lambda tensors: {k: [float(f"{x:.5g}") for x in v.flatten().tolist()] for k, v in tensors.items()}
out = dict(torch=torch.__version__, transformers=transformers.__version__, shapes=SHAPES, start=numbers(start), grads=[numbers(g) for g in grads], cases=cases, rates=rates)
path = pathlib.Path(__file__).parent.parent / "optim-more.json"
path.write_text(json.dumps(out, separators=(",", ":")) + "\n")
print(path.name, path.stat().st_size)
