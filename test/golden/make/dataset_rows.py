"""What Python's datasets makes of small data sets: splits, stratified splits, interleaved, sorted, sharded, encoded and printed. Writes data-dataset-rows.json."""
import json, os
import datasets
from datasets import ClassLabel, Dataset, DatasetDict, Value, concatenate_datasets, interleave_datasets

datasets.disable_progress_bars()
golden = {}


def numbers(n, start=0):
    return Dataset.from_dict({"n": list(range(start, start + n))})


splits = []
for n, options in [
    (10, dict(seed=42)),
    (10, dict(test_size=0.31, seed=1)),
    (10, dict(test_size=3, train_size=4, seed=2)),
    (17, dict(train_size=0.5, seed=3)),
    (17, dict(train_size=5, seed=4)),
    (9, dict(test_size=0.4, shuffle=False)),
    (9, dict(test_size=2, train_size=3, shuffle=False)),
]:
    d = numbers(n).train_test_split(**options)
    splits.append(dict(rows=n, options=options, train=d["train"]["n"][:], test=d["test"]["n"][:]))
golden["splits"] = splits

stratified = []
for labels, classes, options in [
    ([0, 1] * 10, 2, dict(test_size=0.25, seed=42)),
    ([0, 0, 0, 1, 2, 2, 1, 0, 2, 2, 2, 0, 1, 1, 0, 0, 2], 3, dict(test_size=0.3, seed=7)),
    ([0, 0, 0, 1, 2, 2, 1, 0, 2, 2, 2, 0, 1, 1, 0, 0, 2], 3, dict(test_size=5, train_size=7, seed=8)),
    ([i * i % 4 for i in range(60)] + [2, 2, 3, 3], 4, dict(test_size=0.2, seed=9)),
    ([-1, -1, 0, 1, 0, 1, -1, 1], 2, dict(test_size=0.5, seed=10)),
]:
    d = Dataset.from_dict({"n": list(range(len(labels))), "y": labels}).cast_column("y", ClassLabel(num_classes=classes))
    s = d.train_test_split(stratify_by_column="y", **options)
    stratified.append(dict(labels=labels, classes=classes, options=options, train=s["train"]["n"][:], test=s["test"]["n"][:]))
golden["stratified"] = stratified

interleaved = []
for lengths, options in [
    ([3, 4, 5], dict()),
    ([3, 4, 5], dict(stopping_strategy="all_exhausted")),
    ([3, 4, 3], dict(stopping_strategy="all_exhausted_without_replacement")),
    ([3, 4, 5], dict(probabilities=[0.7, 0.2, 0.1], seed=42)),
    ([3, 4, 5], dict(probabilities=[0.2, 0.3, 0.5], seed=42, stopping_strategy="all_exhausted")),
    ([6, 4, 5], dict(probabilities=[0.2, 0.3, 0.5], seed=1, stopping_strategy="all_exhausted_without_replacement")),
    ([900, 800], dict(probabilities=[0.4, 0.6], seed=3)),
]:
    parts = [numbers(n, 1000 * i) for i, n in enumerate(lengths)]
    interleaved.append(dict(lengths=lengths, options=options, rows=interleave_datasets(parts, **options)["n"][:]))
golden["interleaved"] = interleaved

nan = float("nan")
table = Dataset.from_dict(
    {
        "i": list(range(10)),
        "x": [3.0, nan, None, 1.0, nan, 2.0, None, 1.0, -1.5, 2.0],
        "s": ["b", "a", None, "\U0001f600", "\uffee", "", "B", "a", "ä", "z"],
        "b": [True, False, None, True, True, False, False, None, True, False],
    }
)
golden["sorted"] = [
    dict(columns=columns, options=options, rows=table.sort(columns, **options)["i"][:])
    for columns, options in [
        ("x", dict()),
        ("x", dict(reverse=True)),
        ("x", dict(null_placement="at_start")),
        ("x", dict(reverse=True, null_placement="first")),
        ("s", dict()),
        ("s", dict(reverse=True)),
        ("b", dict()),
        (["b", "x"], dict(reverse=[True, False])),
        (["x", "s"], dict(reverse=True, null_placement="at_start")),
    ]
]
golden["sharded"] = [
    dict(rows=n, shards=k, index=i, contiguous=c, kept=numbers(n).shard(k, i, contiguous=c)["n"][:])
    for n, k, i, c in [(10, 3, 0, True), (10, 3, 1, True), (10, 3, 2, True), (10, 3, 0, False), (10, 3, 2, False)]
]
golden["encoded"] = [
    dict(values=values, nulls=nulls, names=d.features["y"].names, labels=d["y"][:])
    for values, nulls in [
        (["b", "a", None, "c", "a"], False),
        (["b", "a", None, "c", "a"], True),
        ([10, 9, 10], False),
        ([1.5, 2.0, 1.5], False),
        ([True, False, True], False),
        (["ä", "z", "\U0001f600", "\uffee"], False),
    ]
    for d in [Dataset.from_dict({"y": values}).class_encode_column("y", include_nulls=nulls)]
]
golden["cast"] = []
for values, feature in [
    ([1, 2, None], "string"),
    ([1.0, 2.5], "string"),
    ([True, False], "string"),
    (["1", "-2"], "int32"),
    (["1.5", "nan"], "float64"),
    ([1.0, 2.0], "int64"),
    ([1, 0], "bool"),
    ([True, False], "int64"),
    (["true", "0"], "bool"),
]:
    out = Dataset.from_dict({"v": values}).cast_column("v", Value(feature))["v"][:]
    golden["cast"].append(dict(values=values, feature=feature, out=["nan" if x != x else x for x in out]))

a = Dataset.from_dict({"n": [1, 2], "s": ["x", "y"]})
b = Dataset.from_dict({"n": [3], "t": [True]})
golden["concatenated"] = concatenate_datasets([a, b]).to_list()
golden["repeated"] = a.repeat(2).to_list()
golden["batched"] = numbers(5).batch(2).to_list()
golden["unique"] = table.unique("s")
golden["printed"] = dict(
    dataset=str(a),
    dict=str(DatasetDict({"train": a, "test": b})),
    empty=str(DatasetDict({})),
    features=str(table.features),
    encoded=str(Dataset.from_dict({"y": ["b", "a"]}).class_encode_column("y").features),
)
out = os.path.join(os.path.dirname(__file__), "..", "data-dataset-rows.json")
with open(out, "w") as f:
    json.dump(golden, f, indent=None, separators=(",", ":"), allow_nan=False)
    f.write("\n")
