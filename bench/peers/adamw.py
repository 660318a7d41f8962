"""One torch AdamW step over tensors of the given shapes, as bench/optimizer.ts times its own: best of the rounds, one JSON line.

    python bench/peers/adamw.py --threads 2 --rounds 5 --shapes '[[30522,384],[384]]'
"""
import argparse, json, time
import torch

p = argparse.ArgumentParser()
p.add_argument("--threads", type=int, default=2)
p.add_argument("--rounds", type=int, default=5)
p.add_argument("--shapes", type=json.loads, required=True)
a = p.parse_args()
torch.set_num_threads(a.threads)
out = {"torch": torch.__version__}
for name, options in (("torch_fused", dict(fused=True)), ("torch_foreach", dict(foreach=True)), ("torch_default", {})):
    params = [torch.nn.Parameter(torch.full(s, 0.01)) for s in a.shapes]
    for q in params:
        q.grad = torch.full_like(q, 1e-3)
    optimizer = torch.optim.AdamW(params, lr=1e-4, **options)
    times = []
    for _ in range(a.rounds + 1):
        started = time.perf_counter()
        optimizer.step()
        times.append(time.perf_counter() - started)
    out[name + "_ms"] = round(min(times[1:]) * 1e3, 3)
print(json.dumps(out))
