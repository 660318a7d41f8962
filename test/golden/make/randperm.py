"""Makes test/golden/randperm.json: orders that torch's generator on the CPU and Accelerate's SeedableRandomSampler draw.

    python test/golden/make/randperm.py            (torch, accelerate; seconds. With --large also one order of 214,748,364 rows, where torch draws 64 bits for each place: 2 GB)
"""
import json, pathlib, sys
import torch
from accelerate.data_loader import SeedableRandomSampler

OUT = pathlib.Path(__file__).parent.parent / "randperm.json"
LARGE = {"seed": 7, "length": 214748364, "first": [93268064, 63068233, 165770247, 155513421, 157420379], "last": [127074715, 196710123, 205120279, 143705087, 187216702], "sum": 23083853425477}


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def order(seed, length):
    rows = torch.randperm(length, generator=seeded(seed))
    if length <= 64:
        return {"seed": seed, "length": length, "order": rows.tolist()}
    places = torch.arange(length, dtype=torch.int64)
    return {"seed": seed, "length": length, "first": rows[:8].tolist(), "last": rows[-8:].tolist(), "sum": int((rows * (places % 1009)).sum())}


def epochs(rows, seed, epochs, **options):
    sampler = SeedableRandomSampler(range(rows), data_seed=seed, **options)
    drawn = []
    for epoch in epochs:
        sampler.set_epoch(epoch)
        drawn.append(list(sampler))
    return {"rows": rows, "seed": seed, "epochs": list(epochs), "drawn": drawn, **options}


def draws(seed):
    narrow, edge, wide, real = (seeded(seed) for _ in range(4))
    return {
        "seed": seed,
        "below 10": torch.randint(10, (12,), generator=narrow).tolist(),
        "below 2^28 - 1": torch.randint(2**28 - 1, (6,), generator=edge).tolist(),
        "below 2^28": torch.randint(2**28, (6,), generator=wide).tolist(),
        "double": torch.rand(6, dtype=torch.float64, generator=real).tolist(),
    }


golden = {
    "torch": torch.__version__,
    "orders": [order(s, n) for s, n in [(0, 0), (0, 1), (42, 5), (42, 10), (1, 64), (2**31, 17), (2**32 - 1, 33), (2**32 + 42, 10), (42, 3668), (1234, 700), (43, 150000)]],
    "epochs": [epochs(11, 42, range(4)), epochs(7, 3, [5, 0], num_samples=17), epochs(9, 42, [0, 1], replacement=True, num_samples=40)],
    "draws": [draws(s) for s in (0, 1, 42)],
    "large": LARGE,
}
if "--large" in sys.argv:
    rows = torch.randperm(LARGE["length"], generator=seeded(LARGE["seed"]))
    golden["large"] = {**LARGE, "first": rows[:5].tolist(), "last": rows[-5:].tolist(), "sum": int(rows[::1000].sum())}
OUT.write_text(json.dumps(golden) + "\n")
