"""How fast torch multiplies matrices, at best of five: the product of src/profile/gemm-peak.ts.

    python bench/peers/gemm.py [--threads 1]
"""
import argparse, json, time
import torch

parser = argparse.ArgumentParser()
parser.add_argument("--threads", type=int, default=1)
args = parser.parse_args()
torch.set_num_threads(args.threads)
a, b = torch.full((1024, 768), 0.5), torch.full((768, 1536), 0.25)
best = float("inf")
for _ in range(6):
    start = time.perf_counter()
    a @ b
    best = min(best, time.perf_counter() - start)
print(json.dumps({"gflops": 2 * 1024 * 768 * 1536 / best / 1e9}))
