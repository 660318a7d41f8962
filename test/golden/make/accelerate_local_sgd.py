"""Makes test/golden/accelerate-local-sgd.json: trainings with Accelerate's LocalSGD on 2 processes (gloo), SGD in float32.

    python test/golden/make/accelerate_local_sgd.py

Each process has rows of its own. Kept: data, first weights, and the weights of process 0 after each step and at the end, and those of process 1 before the last average.
"""
import json, pathlib, sys, tempfile

import torch

ROWS, IN, OUT, STEPS = 4, 3, 2, 8
FILE = pathlib.Path(__file__).parent.parent / "accelerate-local-sgd.json"
CASES = [dict(every=3, momentum=0.0), dict(every=3, momentum=0.9), dict(every=1, momentum=0.0), dict(every=100, momentum=0.9)]


def make_data():
    g = torch.Generator().manual_seed(5)
    x = torch.randn(2, STEPS, ROWS, IN, generator=g)
    y = torch.randn(2, STEPS, ROWS, OUT, generator=g)
    return x, y, torch.randn(OUT, IN, generator=g) * 0.5, torch.randn(OUT, generator=g) * 0.1


def train(case):
    from accelerate import Accelerator
    from accelerate.local_sgd import LocalSGD

    accelerator = Accelerator(cpu=True)
    x, y, weight, bias = make_data()
    model = torch.nn.Linear(IN, OUT)
    with torch.no_grad():
        model.weight.copy_(weight)
        model.bias.copy_(bias)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=case["momentum"])
    model, optimizer = accelerator.prepare(model, optimizer)
    rank = accelerator.process_index
    plain = accelerator.unwrap_model(model)
    steps = []
    with LocalSGD(accelerator=accelerator, model=model, local_sgd_steps=case["every"], enabled=True) as local_sgd:
        for step in range(STEPS):
            loss = ((model(x[rank, step]) - y[rank, step]) ** 2).mean()
            accelerator.backward(loss)
            optimizer.step()
            optimizer.zero_grad()
            local_sgd.step()
            steps.append([p.detach().flatten().tolist() for p in plain.parameters()])
    return {**case, "steps": steps, "end": [p.detach().flatten().tolist() for p in plain.parameters()]}


def worker(folder):
    results = [train(case) for case in CASES]
    import torch.distributed as dist

    pathlib.Path(folder, f"{dist.get_rank()}.json").write_text(json.dumps(results))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        worker(sys.argv[1])
    else:
        import subprocess

        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", "29731", __file__, folder], check=True)
            ranks = [json.loads(pathlib.Path(folder, f"{r}.json").read_text()) for r in range(2)]
        x, y, weight, bias = make_data()
        cases = [{**one, "steps": [one["steps"], two["steps"]]} for one, two in zip(*ranks)]
        for one, two in zip(*ranks):
            assert one["end"] == two["end"]
        FILE.write_text(json.dumps({"x": x.tolist(), "y": y.tolist(), "weight": weight.tolist(), "bias": bias.tolist(), "cases": cases}, separators=(", ", ": ")) + "\n")
