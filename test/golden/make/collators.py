"""Batches of transformers' collators, and orders of its length-grouped sampler, for test/data: python test/golden/make/collators.py (transformers 5.23, torch 2.15, numpy 2.4).

The sampler draws with numpy's generator here, as ours does, in place of torch's.
"""
import json
import tempfile
from pathlib import Path

import numpy as np
import torch
from transformers import (
    BertTokenizerFast,
    DataCollatorForLanguageModeling,
    DataCollatorForTokenClassification,
    DataCollatorWithPadding,
    default_data_collator,
)
from transformers.trainer_pt_utils import get_length_grouped_indices

words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + [f"w{i}" for i in range(45)]
with tempfile.TemporaryDirectory() as folder:
    file = Path(folder) / "vocab.txt"
    file.write_text("\n".join(words) + "\n")
    tokenizer = BertTokenizerFast(str(file))
assert (tokenizer.pad_token_id, tokenizer.mask_token_id, len(tokenizer)) == (0, 4, 50), (tokenizer.pad_token_id, len(tokenizer))

rng = np.random.default_rng(3)
rows = []
for i, n in enumerate((5, 1, 9, 3)):
    ids = [2] + rng.integers(5, 50, n).tolist() + [3]
    rows.append({"input_ids": ids, "token_type_ids": [0] * 2 + [1] * n, "attention_mask": [1] * (n + 2)})
labelled = [row | {"label": i % 2} for i, row in enumerate(rows)]
scored = [row | {"label": i / 2} for i, row in enumerate(rows)]
tagged = [row | {"labels": [-100] + rng.integers(0, 5, len(row["input_ids"]) - 2).tolist() + [-100]} for row in rows]
marked = [row | {"special_tokens_mask": [1] + [0] * (len(row["input_ids"]) - 2) + [1]} for row in rows]


def plain(batch):
    return {k: {"dtype": str(v.dtype).removeprefix("torch."), "shape": list(v.shape), "values": v.tolist()} for k, v in batch.items()}


cases = []


def add(collator, options, rows, make, side="right"):
    tokenizer.padding_side = side
    cases.append({"collator": collator, "options": options, "side": side, "rows": rows, "batch": plain(make(rows))})


for side in ("right", "left"):
    add("DataCollatorWithPadding", {}, labelled, DataCollatorWithPadding(tokenizer), side)
    add("DataCollatorWithPadding", {"padToMultipleOf": 8}, scored, DataCollatorWithPadding(tokenizer, pad_to_multiple_of=8), side)
    add("DataCollatorWithPadding", {"padding": "max_length", "maxLength": 14}, marked, DataCollatorWithPadding(tokenizer, padding="max_length", max_length=14), side)
    add("DataCollatorForTokenClassification", {}, tagged, DataCollatorForTokenClassification(tokenizer), side)
    add("DataCollatorForTokenClassification", {"padToMultipleOf": 4, "labelPadTokenId": -1}, tagged, DataCollatorForTokenClassification(tokenizer, pad_to_multiple_of=4, label_pad_token_id=-1), side)
    add("DataCollatorForLanguageModeling", {"mlm": False, "padToMultipleOf": 4}, rows, DataCollatorForLanguageModeling(tokenizer, mlm=False, pad_to_multiple_of=4), side)
    lists = [row["input_ids"] for row in rows]
    add("DataCollatorForLanguageModeling", {"mlm": False}, lists, DataCollatorForLanguageModeling(tokenizer, mlm=False), side)
    for all_masked in (0.0, 1.0):
        options = {"mlmProbability": all_masked, "maskReplaceProb": 1, "randomReplaceProb": 0}
        make = DataCollatorForLanguageModeling(tokenizer, mlm_probability=all_masked, mask_replace_prob=1.0, random_replace_prob=0.0)
        add("DataCollatorForLanguageModeling", options, rows, make, side)
        add("DataCollatorForLanguageModeling", options, marked, make, side)
same = [{"x": [i, 2 * i], "label": i, "text": "a"} for i in range(3)]
add("defaultDataCollator", {}, same, default_data_collator)
add("defaultDataCollator", {}, [row | {"label": row["label"] / 2} for row in same], default_data_collator)
add("defaultDataCollator", {}, [{"y": i / 2, "label_ids": [i, i + 1], "none": None} for i in range(3)], default_data_collator)
add("defaultDataCollator", {}, [{"label_ids": [0.5, i], "label": None} for i in range(3)], default_data_collator)

orders = []
for n, size in ((1, 2), (7, 2), (40, 3), (500, 2)):
    lengths = rng.integers(1, 30, n).tolist()
    for epoch in (0, 1):
        order = np.random.default_rng([11, epoch]).permutation(n)
        torch.randperm = lambda n, generator=None: torch.from_numpy(order.copy())
        orders.append({"lengths": lengths, "batchSize": size, "seed": 11, "epoch": epoch, "order": get_length_grouped_indices(lengths, size)})

out = Path(__file__).parents[1] / "collators.json"
out.write_text(json.dumps({"cases": cases, "orders": orders}, separators=(",", ":")) + "\n")
print(len(cases), "batches,", len(orders), "orders,", out.stat().st_size, "bytes")
