"""How Accelerate deals rows to ranks, for test/data/shard.test.ts: python test/golden/make/shards.py > test/golden/data-shards.json

Every case: n rows, batch size b, p processes, and what each rank's loader yields. "sampler" is BatchSamplerShard over a BatchSampler, "stream" IterableDatasetShard (cut into the rank's
batches, as its DataLoader does), "varying" BatchSamplerShard over batches of different sizes without a batch_size, "skip" skip_first_batches of a prepared DataLoader, "dispatcher" what
DataLoaderDispatcher gives each of p real processes.
"""
import itertools, json, os, socket, tempfile
import accelerate
import torch.multiprocessing
from accelerate import Accelerator
from accelerate.data_loader import BatchSamplerShard, IterableDatasetShard, prepare_data_loader, skip_first_batches
from accelerate.utils import DataLoaderConfiguration
from torch.utils.data import BatchSampler, DataLoader, IterableDataset


class Stream(IterableDataset):
    def __init__(self, n):
        self.n = n

    def __iter__(self):
        return iter(range(self.n))


def dispatched(rank, p, port, file):
    """One of p processes: all cases, one after the other; rank 0 writes what every rank was given."""
    os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE=str(p), MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port), ACCELERATE_USE_CPU="true", OMP_NUM_THREADS="1")
    found = []
    for split in [False, True]:
        accelerator = Accelerator(cpu=True, dataloader_config=DataLoaderConfiguration(split_batches=split, dispatch_batches=True))
        for n, b, drop_last, stream in itertools.product([2, 7, 12, 20, 21], [2, 4, 6], [False, True], [False, True]):
            # Without a whole round it fails: it broadcasts a batch that is not there.
            if split and b % p or drop_last and n // b < (1 if split else p):
                continue
            loader = accelerator.prepare(DataLoader(Stream(n) if stream else range(n), batch_size=b, drop_last=drop_last))
            own = [batch.tolist() for batch in loader]
            ranks = accelerate.utils.gather_object([own])
            found.append(dict(kind="dispatcher", n=n, b=b, p=p, drop_last=drop_last, even=True, split=split, stream=stream, ranks=ranks))
    if rank == 0:
        with open(file, "w") as out:
            json.dump(found, out)
    accelerator.end_training()


def dispatcher_cases():
    found = []
    for p in [2, 3, 4]:
        with socket.socket() as s, tempfile.NamedTemporaryFile() as file:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
            s.close()
            torch.multiprocessing.spawn(dispatched, (p, port, file.name), nprocs=p)
            found += json.load(open(file.name))
    return found


class Sampler:
    """Batches as given; no batch_size, which is what makes Accelerate deal whole batches."""

    def __init__(self, batches, drop_last):
        self.batches, self.drop_last = batches, drop_last

    def __iter__(self):
        return (list(batch) for batch in self.batches)

    def __len__(self):
        return len(self.batches)


def main():
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

    for sizes in [[], [3], [3, 2], [3, 2, 4, 3, 2], [1, 2, 3, 1, 2, 3, 2], [2, 2, 2, 2], [5, 1, 1], [1, 1, 1, 1, 9]]:
        starts = list(itertools.accumulate(sizes, initial=0))
        batches = [list(range(a, a + size)) for a, size in zip(starts, sizes)]
        for p, drop_last, even in itertools.product([2, 3, 4], [False, True], [True, False]):
            ranks = [list(BatchSamplerShard(Sampler(batches, drop_last), p, r, even_batches=even)) for r in range(p)]
            cases.append(dict(kind="varying", batches=batches, p=p, drop_last=drop_last, even=even, ranks=ranks))
    for n, b, p, k, drop_last in itertools.product([0, 5, 16, 21], [1, 4], [1, 2, 3, 4], [0, 1, 2], [False, True]):
        loaders = [prepare_data_loader(DataLoader(range(n), batch_size=b, drop_last=drop_last), num_processes=p, process_index=r, put_on_device=False) for r in range(p)]
        ranks = [[batch.tolist() for batch in skip_first_batches(loader, k)] for loader in loaders]
        cases.append(dict(kind="skip", n=n, b=b, p=p, drop_last=drop_last, even=True, skip=k, ranks=ranks))
    cases += dispatcher_cases()
    rows = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
    print(f'{{"accelerate":"{accelerate.__version__}","cases":[\n{rows}\n]}}')


if __name__ == "__main__":
    main()
