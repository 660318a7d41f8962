"""Makes test/golden/optim-one-cycle.json: learning rates and momenta of torch's OneCycleLR, for SGD with momentum and for AdamW, two groups each.

    python test/golden/make/one_cycle.py
"""
import json, pathlib
import torch

CASES = [
    dict(max_lr=0.1, total_steps=20),
    dict(max_lr=[0.1, 0.02], total_steps=20, anneal_strategy="linear"),
    dict(max_lr=0.1, epochs=3, steps_per_epoch=7, pct_start=0.4, three_phase=True),
    dict(max_lr=0.1, total_steps=17, div_factor=10.0, final_div_factor=100.0, base_momentum=0.8, max_momentum=[0.9, 0.99]),
    dict(max_lr=0.1, total_steps=10, cycle_momentum=False),
    dict(max_lr=1.0, total_steps=2),
    dict(max_lr=1.0, total_steps=5, pct_start=0.0),
    dict(max_lr=1.0, total_steps=5, pct_start=1.0),
]


def run(kind, options):
    params = [torch.nn.Parameter(torch.zeros(1)) for _ in range(2)]
    groups = [{"params": [p]} for p in params]
    optimizer = torch.optim.SGD(groups, lr=1.0, momentum=0.5) if kind == "sgd" else torch.optim.AdamW(groups, lr=1.0)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, **options)
    total = options.get("total_steps") or options["epochs"] * options["steps_per_epoch"]
    momentum = lambda g: g["momentum"] if kind == "sgd" else g["betas"][0]
    rows = []
    # One less than torch allows: its last step goes on behind the end of the anneal, for "linear" below zero.
    for step in range(total):
        rows.append([[g["lr"], momentum(g)] for g in optimizer.param_groups])
        optimizer.step()
        if step < total - 1:
            scheduler.step()
    return dict(kind=kind, options=options, rows=rows)


out = dict(torch=torch.__version__, cases=[run(kind, options) for kind in ("sgd", "adamw") for options in CASES])
path = pathlib.Path(__file__).parent.parent / "optim-one-cycle.json"
path.write_text(json.dumps(out, separators=(",", ":")) + "\n")
print(path.name, path.stat().st_size)
