"""Orders of Python's IterableDataset (datasets 5.2): shuffled, sharded, in epochs. Writes test/golden/data-stream.json."""
import json
import os
import tempfile

import datasets
from datasets import Dataset, IterableDataset, load_dataset

datasets.disable_progress_bars()
OUT = os.path.join(os.path.dirname(__file__), "..", "data-stream.json")


def values(ds):
    return [row["i"] for row in ds]


def from_table(rows, shards):
    return Dataset.from_dict({"i": list(range(rows))}).to_iterable_dataset(num_shards=shards)


def generator(starts):
    for start in starts:
        for i in range(start, start + 10):
            yield {"i": i}


cases = []


def case(name, ds):
    cases.append({"name": name, "values": values(ds)})


for rows, shards, buffer, seed in [(20, 1, 5, 42), (25, 3, 4, 42), (25, 3, 1000, 7), (57, 12, 10, 42), (57, 12, 30, 0), (10, 1, 1, 3), (2300, 4, 1000, 42)]:
    case(f"table {rows} {shards} {buffer} {seed}", from_table(rows, shards).shuffle(seed=seed, buffer_size=buffer))
for shards, buffer, seed in [(1, 4, 42), (3, 7, 42), (12, 20, 1)]:
    ds = IterableDataset.from_generator(generator, gen_kwargs={"starts": [10 * k for k in range(shards)]})
    case(f"generator {shards} {buffer} {seed}", ds.shuffle(seed=seed, buffer_size=buffer))
    case(f"generator mapped {shards} {buffer} {seed}", ds.map(lambda row: {"i": row["i"] + 1000}).shuffle(seed=seed, buffer_size=buffer))
for epoch in [1, 2, 5]:
    ds = from_table(25, 3).shuffle(seed=42, buffer_size=6)
    ds.set_epoch(epoch)
    case(f"epoch {epoch}", ds)
    ds = from_table(25, 3).shuffle(seed=42, buffer_size=6).filter(lambda row: row["i"] % 2 == 0)
    ds.set_epoch(epoch)
    case(f"epoch filtered {epoch}", ds)
    ds = from_table(25, 3)
    ds.set_epoch(epoch)
    case(f"epoch plain {epoch}", ds)
    ds = from_table(25, 3).take(9).shuffle(seed=42, buffer_size=4)
    ds.set_epoch(epoch)
    case(f"epoch taken {epoch}", ds)
case("take shuffled", from_table(25, 3).take(11).shuffle(seed=42, buffer_size=5))
case("skip shuffled", from_table(25, 3).skip(4).shuffle(seed=42, buffer_size=5))
case("shuffled take", from_table(25, 3).shuffle(seed=42, buffer_size=5).take(7))
case("shuffled twice", from_table(25, 3).shuffle(seed=42, buffer_size=5).shuffle(seed=3, buffer_size=4))
case("filtered shuffled", from_table(25, 3).filter(lambda row: row["i"] % 3 != 0).shuffle(seed=42, buffer_size=5))
case("repeated", from_table(5, 2).shuffle(seed=1, buffer_size=3).repeat(2))
for index in range(2):
    case(f"shard {index}", from_table(25, 5).shard(num_shards=2, index=index))
    case(f"shard apart {index}", from_table(25, 5).shard(num_shards=2, index=index, contiguous=False))
    case(f"shard shuffled {index}", from_table(25, 5).shard(num_shards=2, index=index).shuffle(seed=42, buffer_size=4))
    case(f"shard of shuffled {index}", from_table(25, 5).shuffle(seed=42, buffer_size=4).shard(num_shards=2, index=index))
    case(f"shard of taken {index}", from_table(25, 5).take(9).shard(num_shards=2, index=index))
from datasets.distributed import split_dataset_by_node

for rank in range(2):
    case(f"node {rank}", split_dataset_by_node(from_table(25, 4), rank=rank, world_size=2))
    case(f"node apart {rank}", split_dataset_by_node(from_table(25, 3).shuffle(seed=42, buffer_size=5), rank=rank, world_size=2))

from datasets import concatenate_datasets, interleave_datasets


def sources():
    # 7, 25 and 4 rows.
    return [Dataset.from_dict({"i": list(range(start, start + rows))}).to_iterable_dataset(num_shards=shards) for start, rows, shards in [(0, 7, 2), (100, 25, 3), (200, 4, 2)]]


def in_epoch(ds, epoch):
    ds.set_epoch(epoch)
    return ds


case("chained", concatenate_datasets(sources()))
case("chained shuffled", concatenate_datasets(sources()).shuffle(seed=42, buffer_size=5))
case("chained epoch", in_epoch(concatenate_datasets(sources()).shuffle(seed=42, buffer_size=5), 2))
for index in range(2):
    case(f"chained shard {index}", concatenate_datasets(sources()).shard(num_shards=2, index=index))
for strategy in ["first_exhausted", "all_exhausted", "all_exhausted_without_replacement"]:
    case(f"turns {strategy}", interleave_datasets(sources(), stopping_strategy=strategy))
    case(f"draws {strategy}", interleave_datasets(sources(), probabilities=[0.3, 0.5, 0.2], seed=42, stopping_strategy=strategy))
drawn = lambda: interleave_datasets(sources(), probabilities=[0.3, 0.5, 0.2], seed=42, stopping_strategy="all_exhausted")
case("turns shuffled", interleave_datasets(sources(), stopping_strategy="all_exhausted").shuffle(seed=7, buffer_size=5))
case("draws shuffled", drawn().shuffle(seed=7, buffer_size=5))
case("draws epoch", in_epoch(drawn(), 3))
for index in range(2):
    case(f"turns shard {index}", interleave_datasets(sources(), stopping_strategy="all_exhausted").shard(num_shards=2, index=index))

with tempfile.TemporaryDirectory() as folder:
    # As test/data/stream.test.ts writes them.
    for k in range(3):
        with open(os.path.join(folder, f"part{k}.jsonl"), "w") as out:
            for i in range(40 * k, 40 * k + 40):
                out.write(json.dumps({"i": i}) + "\n")
    files = load_dataset("json", data_files=os.path.join(folder, "*.jsonl"), split="train", streaming=True)
    case("files", files)
    case("files shuffled", files.shuffle(seed=42, buffer_size=50))

json.dump(cases, open(OUT, "w"))
