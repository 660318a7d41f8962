"""Makes test/golden/accelerate-training.json: trainings with Python's Accelerate on 1 to 4 processes (gloo), float32.

    python test/golden/make/accelerate_training.py

Every case holds its settings, the losses of each process's micro-batches, the norms that clipping returned, the learning rates after each optimizer step, and the parameters at the end.
Data and first weights are drawn once. T13 is Accelerate's own training check (y = 2x + 3 + noise, a model a * x + b): shuffled, so the orders are kept.
"""
import json, os, pathlib, sys, tempfile

import torch
from torch.utils.data import DataLoader, TensorDataset

ROWS, IN, HIDDEN, CLASSES = 48, 4, 6, 3
OUT = pathlib.Path(__file__).parent.parent / "accelerate-training.json"


def make_data():
    g = torch.Generator().manual_seed(11)
    features = torch.randn(ROWS, IN, generator=g)
    labels = torch.randint(0, CLASSES, (ROWS,), generator=g)
    weights = {
        "first.weight": torch.randn(HIDDEN, IN, generator=g) * 0.5,
        "first.bias": torch.randn(HIDDEN, generator=g) * 0.1,
        "second.weight": torch.randn(CLASSES, HIDDEN, generator=g) * 0.5,
        "second.bias": torch.randn(CLASSES, generator=g) * 0.1,
    }
    return features, labels, weights


def cases():
    base = dict(optimizer="sgd", batch=3, rows=48, epochs=2, accumulation=1, clip=None, split=False, schedule=None)
    for optimizer in ("sgd", "adamw"):
        yield {**base, "name": optimizer, "optimizer": optimizer}
        yield {**base, "name": f"{optimizer}, filled up", "optimizer": optimizer, "rows": 31}
        yield {**base, "name": f"{optimizer}, clipped", "optimizer": optimizer, "clip": 0.3}
        yield {**base, "name": f"{optimizer}, accumulation 2, last window short", "optimizer": optimizer, "accumulation": 2, "batch": 2, "rows": 46}
        yield {**base, "name": f"{optimizer}, accumulation 3, clipped", "optimizer": optimizer, "accumulation": 3, "batch": 2, "clip": 0.2}
        yield {**base, "name": f"{optimizer}, split batches", "optimizer": optimizer, "batch": 12, "split": True, "rows": 43}
        yield {**base, "name": f"{optimizer}, split batches, accumulation 2", "optimizer": optimizer, "batch": 12, "split": True, "accumulation": 2}
    yield {**base, "name": "adamw, linear schedule", "optimizer": "adamw", "schedule": 40}
    yield {**base, "name": "sgd, linear schedule, split batches, accumulation 2", "batch": 12, "split": True, "accumulation": 2, "schedule": 6}


def accelerator_for(case):
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState, GradientState
    from accelerate.utils import DataLoaderConfiguration

    AcceleratorState._reset_state()
    GradientState._reset_state()
    return Accelerator(cpu=True, gradient_accumulation_steps=case["accumulation"], dataloader_config=DataLoaderConfiguration(split_batches=case["split"]))


def train(case):
    features, labels, weights = make_data()
    accelerator = accelerator_for(case)
    model = torch.nn.Sequential()
    model.add_module("first", torch.nn.Linear(IN, HIDDEN))
    model.add_module("tanh", torch.nn.Tanh())
    model.add_module("second", torch.nn.Linear(HIDDEN, CLASSES))
    model.load_state_dict(weights)
    if case["optimizer"] == "sgd":
        optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    else:
        optimizer = torch.optim.AdamW(model.parameters(), lr=0.02, weight_decay=0.05)
    n = case["rows"]
    loader = DataLoader(TensorDataset(features[:n], labels[:n]), batch_size=case["batch"])
    scheduler = None
    if case["schedule"]:
        total = case["schedule"]
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda t: max(0.0, 1 - t / total))
        model, optimizer, loader, scheduler = accelerator.prepare(model, optimizer, loader, scheduler)
    else:
        model, optimizer, loader = accelerator.prepare(model, optimizer, loader)
    losses, norms, lrs = [], [], []
    for _ in range(case["epochs"]):
        for x, y in loader:
            with accelerator.accumulate(model):
                loss = torch.nn.functional.cross_entropy(model(x), y)
                losses.append(loss.item())
                accelerator.backward(loss)
                if accelerator.sync_gradients and case["clip"] is not None:
                    norms.append(accelerator.clip_grad_norm_(model.parameters(), case["clip"]).item())
                optimizer.step()
                if scheduler:
                    scheduler.step()
                    if accelerator.sync_gradients:
                        lrs.append(scheduler.get_last_lr()[0])
                optimizer.zero_grad()
    state = accelerator.unwrap_model(model).state_dict()
    return dict(losses=losses, norms=norms, lrs=lrs, parameters={k: v.flatten().tolist() for k, v in state.items()})


def regression(world):
    """test_script.training_check: three epochs, shuffled, 8 rows per process and batch."""
    from accelerate.test_utils.training import RegressionDataset, RegressionModel
    from accelerate.utils import set_seed
    import numpy as np

    length = 32 * world
    data = RegressionDataset(length=length, seed=42)
    set_seed(42)
    g = torch.Generator().manual_seed(42)
    orders = []

    class Recorded(torch.utils.data.Sampler):
        def __iter__(self):
            orders.append(torch.randperm(length, generator=g).tolist())
            return iter(orders[-1])

        def __len__(self):
            return length

    accelerator = accelerator_for(dict(accumulation=1, split=False))
    model = RegressionModel()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    loader = DataLoader(data, batch_size=8, sampler=Recorded())
    loader, model, optimizer = accelerator.prepare(loader, model, optimizer)
    for _ in range(3):
        for batch in loader:
            model.zero_grad()
            loss = torch.nn.functional.mse_loss(model(batch["x"]), batch["y"])
            accelerator.backward(loss)
            optimizer.step()
    own = accelerator.unwrap_model(model)
    return dict(x=np.asarray(data.x, dtype=np.float32).tolist(), y=np.asarray(data.y, dtype=np.float32).tolist(), orders=orders[:3], a=own.a.item(), b=own.b.item())


def accumulation_example(world):
    """The accumulation page of its documentation: weight 0, y = 2x, four micro-batches of two; on several processes each has its own."""
    accelerator = accelerator_for(dict(accumulation=4, split=False))
    x = torch.arange(1.0, 8.0 * world + 1).reshape(-1, 1) / world
    model = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.zeros_(model.weight)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02)
    loader = DataLoader(TensorDataset(x, 2 * x), batch_size=2)
    model, optimizer, loader = accelerator.prepare(model, optimizer, loader)
    for a, b in loader:
        with accelerator.accumulate(model):
            accelerator.backward(torch.nn.functional.mse_loss(model(a), b))
            optimizer.step()
            optimizer.zero_grad()
    return accelerator.unwrap_model(model).weight.item()


def child(folder):
    torch.set_num_threads(1)
    rank, world = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    results = [train(case) for case in cases()]
    extra = dict(regression=regression(world), accumulation=accumulation_example(world))
    pathlib.Path(folder, f"{world}-{rank}.json").write_text(json.dumps(dict(results=results, **extra)))


def main():
    import subprocess

    features, labels, weights = make_data()
    out = dict(
        features=features.tolist(),
        labels=labels.tolist(),
        weights={k: v.flatten().tolist() for k, v in weights.items()},
        cases=list(cases()),
        worlds={},
    )
    with tempfile.TemporaryDirectory() as folder:
        for world in (1, 2, 3, 4):
            subprocess.run([sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(world), __file__, folder], check=True)
            ranks = [json.loads(pathlib.Path(folder, f"{world}-{rank}.json").read_text()) for rank in range(world)]
            first = ranks[0]
            for other in ranks[1:]:
                for a, b in zip(first["results"], other["results"]):
                    assert a["parameters"] == b["parameters"], "ranks differ"
            out["worlds"][world] = dict(
                cases=[{**own, "losses": [r["results"][i]["losses"] for r in ranks]} for i, own in enumerate(first["results"])],
                regression=first["regression"],
                accumulation=first["accumulation"],
            )
    text = json.dumps(json.loads(json.dumps(out), parse_float=lambda s: float(f"{float(s):.9g}")))
    OUT.write_text(text + "\n")


if __name__ == "__main__":
    child(sys.argv[1]) if len(sys.argv) > 1 else main()
