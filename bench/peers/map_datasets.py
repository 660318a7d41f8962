"""Tokenizes pairs of texts with map of Python's datasets and the tokenizers library; prints rows/s for a number of processes."""
import argparse, json, os, time

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
import datasets
from tokenizers import BertWordPieceTokenizer

p = argparse.ArgumentParser()
p.add_argument("--data", required=True)
p.add_argument("--vocab", required=True)
p.add_argument("--procs", type=int, default=1)
p.add_argument("--repeat", type=int, default=1)
a = p.parse_args()
datasets.disable_progress_bars()
rows = [json.loads(line) for line in open(a.data, encoding="utf8")] * a.repeat
ds = datasets.Dataset.from_dict({k: [r[k] for r in rows] for k in ("sentence1", "sentence2", "label")})
tokenizer = BertWordPieceTokenizer(a.vocab, lowercase=True)
tokenizer.enable_truncation(128)


def encode(b):
    e = tokenizer.encode_batch(list(zip(b["sentence1"], b["sentence2"])))
    return dict(input_ids=[x.ids for x in e], token_type_ids=[x.type_ids for x in e], attention_mask=[x.attention_mask for x in e])


start = time.perf_counter()
out = ds.map(encode, batched=True, num_proc=a.procs if a.procs > 1 else None, load_from_cache_file=False)
seconds = time.perf_counter() - start
total = sum(sum(ids) for ids in out["input_ids"])
print(json.dumps(dict(rows=len(out), ids=total, seconds=round(seconds, 3), rows_per_s=round(len(out) / seconds))))
