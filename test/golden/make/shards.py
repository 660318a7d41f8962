"""How Accelerate deals rows to ranks, for test/data/shard-golden.test.ts: python test/golden/make/shards.py > test/golden/data-shards.json

Every case: n rows, batch size b, p processes, and what each rank's loader yields. "sampler" is BatchSamplerShard over a BatchSampler, "stream" IterableDatasetShard (cut into the rank's
batches, as its DataLoader does), "varying" BatchSamplerShard over batches of different sizes without a batch_size.
"""
import itertools, json
import accelerate
from accelerate.data_loader import BatchSamplerShard, IterableDatasetShard
from torch.utils.data import BatchSampler

cases = []
for n, b, p in itertools.product([0, 1, 2, 3, 7, 12, 20, 21, 22, 24], [1, 3, 4, 6], [2, 3, 4]):
    for drop_last, even, split in itertools.product([False, True], [True, False], [False, True]):
        if split and b % p:
            continue
        ranks = [list(BatchSamplerShard(BatchSampler(range(n), b, drop_last), p, r, split_batches=split, even_batches=even)) for r in range(p)]
        cases.append(dict(kind="sampler", n=n, b=b, p=p, drop_last=drop_last, even=even, split=split, ranks=ranks))
    for drop_last, split in itertools.product([False, True], [False, True]):
        if split and b % p:
            continue
        size = b // p if split else b
        ranks = []
        for r in range(p):
            rows = list(IterableDatasetShard(range(n), batch_size=b, drop_last=drop_last, num_processes=p, process_index=r, split_batches=split))
            ranks.append([rows[i : i + size] for i in range(0, len(rows), size)])
        cases.append(dict(kind="stream", n=n, b=b, p=p, drop_last=drop_last, even=True, split=split, ranks=ranks))


class Sampler:
    """Batches as given; no batch_size, which is what makes Accelerate deal whole batches."""

    def __init__(self, batches, drop_last):
        self.batches, self.drop_last = batches, drop_last

    def __iter__(self):
        return (list(batch) for batch in self.batches)

    def __len__(self):
        return len(self.batches)


for sizes in [[], [3], [3, 2], [3, 2, 4, 3, 2], [1, 2, 3, 1, 2, 3, 2], [2, 2, 2, 2], [5, 1, 1], [1, 1, 1, 1, 9]]:
    starts = list(itertools.accumulate(sizes, initial=0))
    batches = [list(range(a, a + size)) for a, size in zip(starts, sizes)]
    for p, drop_last, even in itertools.product([2, 3, 4], [False, True], [True, False]):
        ranks = [list(BatchSamplerShard(Sampler(batches, drop_last), p, r, even_batches=even)) for r in range(p)]
        cases.append(dict(kind="varying", batches=batches, p=p, drop_last=drop_last, even=even, ranks=ranks))
rows = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
print(f'{{"accelerate":"{accelerate.__version__}","cases":[\n{rows}\n]}}')
