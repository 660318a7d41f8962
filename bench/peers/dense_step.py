"""The Python side of bench/dense-step.ts: forward and backward of a BERT over full rows, loss over all tokens.

    python bench/peers/dense_step.py [--threads 2] [--steps 5] [--batch 32] [--length 128]
"""
import argparse, json, time
import torch
from transformers import BertConfig, BertForTokenClassification

parser = argparse.ArgumentParser()
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--steps", type=int, default=5)
parser.add_argument("--batch", type=int, default=32)
parser.add_argument("--length", type=int, default=128)
args = parser.parse_args()
torch.set_num_threads(args.threads)
torch.manual_seed(42)
model = BertForTokenClassification(BertConfig(num_hidden_layers=6, hidden_size=384, num_attention_heads=12, intermediate_size=1536, num_labels=2))
model.train()
places = torch.arange(args.batch * args.length).reshape(args.batch, args.length)
batch = {"input_ids": 1000 + places * 7919 % 20000, "attention_mask": torch.ones_like(places), "labels": places % 2}
best = float("inf")
for step in range(args.steps + 2):
    start = time.perf_counter()
    model(**batch).loss.backward()
    if step >= 2:
        best = min(best, time.perf_counter() - start)
    for p in model.parameters():
        p.grad = None
print(json.dumps({"ms": best * 1e3}))
