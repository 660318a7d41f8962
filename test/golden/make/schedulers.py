"""Makes test/golden/optim-schedulers.json: learning rates of every schedule of transformers.get_scheduler, step by step.

    python test/golden/make/schedulers.py
"""
import json, pathlib
import torch, transformers
from transformers import get_scheduler

LR = [3e-4, 1e-3]
CASES = [
    ("constant", None, None, {}),
    ("constant_with_warmup", 5, None, {}),
    ("constant_with_warmup", 0, None, {}),
    ("linear", 0, 20, {}),
    ("linear", 7, 20, {}),
    ("linear", 20, 20, {}),
    ("cosine", 4, 20, {}),
    ("cosine", 4, 20, dict(num_cycles=1.25)),
    ("cosine_with_restarts", 4, 20, {}),
    ("cosine_with_restarts", 3, 20, dict(num_cycles=3)),
    ("polynomial", 4, 20, {}),
    ("polynomial", 4, 20, dict(lr_end=1e-5, power=2.5)),
    ("inverse_sqrt", 5, None, {}),
    ("inverse_sqrt", 0, None, {}),
    ("inverse_sqrt", 5, None, dict(timescale=12)),
    ("cosine_with_min_lr", 4, 20, dict(min_lr=1e-5)),
    ("cosine_with_min_lr", 4, 20, dict(min_lr_rate=0.1)),
    ("cosine_warmup_with_min_lr", 4, 20, dict(min_lr=1e-5)),
    ("cosine_warmup_with_min_lr", 4, 20, dict(min_lr_rate=0.1, warmup_lr_rate=0.2)),
    ("warmup_stable_decay", 4, 20, dict(num_decay_steps=8)),
    ("warmup_stable_decay", 4, None, dict(num_decay_steps=8, num_stable_steps=5, warmup_type="cosine", decay_type="1-sqrt", min_lr_ratio=0.1)),
    ("warmup_stable_decay", 4, 20, dict(num_decay_steps=8, warmup_type="1-sqrt", decay_type="linear")),
]
PLATEAU = [
    (dict(patience=2), [1.0, 0.9, 0.9, 0.95, 0.89999, 0.93, 0.91, 0.92, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]),
    (dict(patience=1, mode="max", factor=0.5, threshold=0.05, threshold_mode="abs", cooldown=2, min_lr=1e-4), [0.5, 0.52, 0.54, 0.56, 0.56, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5]),
]


def optimizer_of():
    a, b = torch.nn.Parameter(torch.zeros(1)), torch.nn.Parameter(torch.zeros(1))
    return torch.optim.SGD([{"params": [a]}, {"params": [b], "lr": LR[1]}], lr=LR[0])


cases = []
for name, warmup, total, options in CASES:
    optimizer = optimizer_of()
    scheduler = get_scheduler(name, optimizer, warmup, total, scheduler_specific_kwargs=options)
    lrs = [scheduler.get_last_lr()]
    for _ in range(25):
        optimizer.step()
        scheduler.step()
        lrs.append(scheduler.get_last_lr())
    cases.append(dict(name=name, num_warmup_steps=warmup, num_training_steps=total, options=options, lrs=lrs))

plateaus = []
for options, metrics in PLATEAU:
    optimizer = optimizer_of()
    scheduler = get_scheduler("reduce_lr_on_plateau", optimizer, scheduler_specific_kwargs=options)
    lrs = []
    for metric in metrics:
        optimizer.step()
        scheduler.step(metric)
        lrs.append(scheduler.get_last_lr())
    plateaus.append(dict(options=options, metrics=metrics, lrs=lrs))

out = dict(transformers=transformers.__version__, lr=LR, cases=cases, plateaus=plateaus)
path = pathlib.Path(__file__).parent.parent / "optim-schedulers.json"
path.write_text(json.dumps(out, separators=(",", ":")) + "\n")
print(path.name, path.stat().st_size)
