"""Which files are which split, which rows a split string means, which files a glob means: as datasets 5.2 decides. Writes test/golden/data-files.json."""
import json
import os
import random
import tempfile

from datasets.arrow_reader import ReadInstruction
from datasets.data_files import DataFilesDict, get_data_patterns, resolve_pattern

OUT = os.path.join(os.path.dirname(__file__), "..", "data-files.json")
random.seed(5)

words = ["train", "training", "valid", "validation", "dev", "val", "test", "testing", "eval", "evaluation", "trainer", "contest", "data", "part", "my_train", "x-test", "test.v2", "a train b", "2test", "test2", "TRAIN"]
trees = [
    ["data/train-00000-of-00002.jsonl", "data/train-00001-of-00002.jsonl", "data/test-00000-of-00001.jsonl", "other.jsonl"],
    ["data/fold_1-00000-of-00001.jsonl", "data/train-00000-of-00001.jsonl"],
    ["train.jsonl", "test.jsonl", "README.md"],
    ["a.jsonl", "b.jsonl"],
    ["train/a.jsonl", "train/b.jsonl", "test/a.jsonl", "train.jsonl"],
    ["x/train/deep/a.jsonl", "x/dev/a.jsonl"],
    [".hidden/train.jsonl", "__pycache__/train.jsonl", "a.jsonl"],
    ["data/train.jsonl", "data/eval.jsonl"],
    ["my-train-file.jsonl", "my_test_file.jsonl"],
    ["training_set.jsonl", "trainset.jsonl", "testset.jsonl"],
    ["train_test.jsonl"],
    ["test_data/train.jsonl"],
    ["config.json", "dataset_info.json", "x.jsonl"],
]
for _ in range(60):
    tree = set()
    for _ in range(random.randint(1, 5)):
        depth = random.choice([0, 0, 0, 1, 1, 2])
        tree.add("/".join(random.choice(words) for _ in range(depth + 1)) + ".jsonl")
    names = sorted(tree)
    if not any(a != b and b.startswith(a + "/") for a in names for b in names):
        trees.append(names)

folders = []
for tree in trees:
    with tempfile.TemporaryDirectory() as folder:
        for name in tree:
            os.makedirs(os.path.dirname(os.path.join(folder, name)), exist_ok=True)
            open(os.path.join(folder, name), "w").write('{"n":1}\n')
        try:
            files = DataFilesDict.from_patterns(get_data_patterns(folder), base_path=folder, allowed_extensions=[".jsonl"])
            splits = [[str(split), sorted(set(os.path.relpath(path, folder) for path in paths))] for split, paths in files.items()]
        except FileNotFoundError:
            splits = None
        folders.append({"files": tree, "splits": splits})

specs = ["train", "train[:10%]", "train[10:20]", "train+test[:5]", "train[-5%:]", "train[:-5%]", "train[50%:]", "train[33%:67%]", "train[:1%]", "train[99%:]", "test[:50%]", "test[:25%]+train[:25%]", "train[-10:]", "train[:-10]", "train[5:3]",
         "train[:1000000]", "train[-1000000:]", "train[:33%](pct1_dropremainder)", "train[10%:20%](closest)", "train[1_0:2_0]", "test[:10%](pct1_dropremainder)", "train[:]", "train[:5] + test", "dev.x[:2]", "train[:101%]", "train[:-101%]",
         "train[:10%", "train[a:]", "train[:5](closest)", "train[:10%](up)", "", "train+", "train[:10%]+test[:50%](pct1_dropremainder)", "nothing", "train[0.5:]", "train test", "train[10]"]
splits = []
for lengths in [{"train": 3668, "test": 7, "dev.x": 5}, {"train": 250, "test": 101, "dev.x": 1}, {"train": 0, "test": 150, "dev.x": 2}]:
    for spec in specs:
        try:
            absolute = ReadInstruction.from_spec(spec).to_absolute(lengths)
            rows = [[part.splitname, part.from_, max(part.from_, part.to)] for part in absolute]
        except Exception as error:
            rows = None
        splits.append({"lengths": lengths, "spec": spec, "rows": rows})

tree = ["a.csv", "b.csv", "c.txt", ".h.csv", "x/a.csv", "x/y/b.csv", "x/.z/c.csv", "__s/a.csv", "x/__s/d.csv", "README.md", "train-00000-of-00002.csv", "train-00001-of-00002.csv", "we ird [1].csv"]
globs = []
with tempfile.TemporaryDirectory() as folder:
    for name in tree:
        os.makedirs(os.path.dirname(os.path.join(folder, name)), exist_ok=True)
        open(os.path.join(folder, name), "w").write("a\n1\n")
    for pattern in ["*.csv", "**/*.csv", "**", "*", "x/*", "x/**", "[ab].csv", "?.csv", "train-*-of-*.csv", ".*.csv", "*/.z/*.csv", "__s/*.csv", "**/__s/*.csv", "*.md", "README.md", "nothing*", "x/**/*.csv", "**/a.csv", "a.csv"]:
        try:
            found = sorted(os.path.relpath(path, folder) for path in resolve_pattern(pattern, folder))
        except FileNotFoundError:
            found = None
        globs.append({"pattern": pattern, "files": found})

json.dump({"folders": folders, "splits": splits, "tree": tree, "globs": globs}, open(OUT, "w"))
