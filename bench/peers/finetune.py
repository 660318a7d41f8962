"""The Python side of bench/finetune.ts: the course's recipe (AdamW without decay, linear schedule to zero) on a BERT directory.

    python bench/peers/finetune.py --model DIR --train train.jsonl --eval validation.jsonl [--seed 42] [--epochs 3] [--batch 8]

Prints one JSON line per epoch.
"""
import argparse, json, time
import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from tokenizers import BertWordPieceTokenizer
from torch.utils.data import DataLoader
from transformers import BertForSequenceClassification, get_scheduler

parser = argparse.ArgumentParser()
parser.add_argument("--model", required=True)
parser.add_argument("--train", required=True)
parser.add_argument("--eval", required=True)
parser.add_argument("--epochs", type=int, default=3)
parser.add_argument("--batch", type=int, default=8)
parser.add_argument("--lr", type=float, default=5e-5)
parser.add_argument("--max-length", type=int, default=128)
parser.add_argument("--seed", type=int, default=42)
parser.add_argument("--threads", type=int, default=2)
args = parser.parse_args()

torch.set_num_threads(args.threads)
set_seed(args.seed)
accelerator = Accelerator(cpu=True)
tokenizer = BertWordPieceTokenizer(args.model + "/vocab.txt", lowercase=True)
tokenizer.enable_truncation(args.max_length)


def load(path):
    with open(path, encoding="utf8") as file:
        rows = [json.loads(line) for line in file]
    encoded = tokenizer.encode_batch([(row["sentence1"], row["sentence2"]) for row in rows])
    return [(e.ids, e.type_ids, row["label"]) for e, row in zip(encoded, rows)]


def collate(batch):
    length = max(len(ids) for ids, _, _ in batch)
    ids, types, mask = (torch.zeros(len(batch), length, dtype=torch.long) for _ in range(3))
    for i, (row_ids, row_types, _) in enumerate(batch):
        ids[i, : len(row_ids)] = torch.tensor(row_ids)
        types[i, : len(row_types)] = torch.tensor(row_types)
        mask[i, : len(row_ids)] = 1
    return {"input_ids": ids, "token_type_ids": types, "attention_mask": mask, "labels": torch.tensor([label for _, _, label in batch])}


model = BertForSequenceClassification.from_pretrained(args.model, num_labels=2)
optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr, weight_decay=0.0)
train = DataLoader(load(args.train), batch_size=args.batch, shuffle=True, collate_fn=collate)
evaluation = DataLoader(load(args.eval), batch_size=32, collate_fn=collate)
model, optimizer, train, evaluation = accelerator.prepare(model, optimizer, train, evaluation)
scheduler = get_scheduler("linear", optimizer, 0, args.epochs * len(train))
for epoch in range(args.epochs):
    model.train()
    started, total = time.perf_counter(), 0.0
    for batch in train:
        loss = model(**batch).loss
        accelerator.backward(loss)
        optimizer.step()
        scheduler.step()
        optimizer.zero_grad()
        total += loss.item()
    seconds = time.perf_counter() - started
    model.eval()
    right = rows = hits = predicted = actual = 0
    for batch in evaluation:
        with torch.no_grad():
            guess = model(**batch).logits.argmax(-1)
        gold = batch["labels"]
        right, rows = right + int((guess == gold).sum()), rows + len(gold)
        hits, predicted, actual = hits + int((guess * gold).sum()), predicted + int(guess.sum()), actual + int(gold.sum())
    print(json.dumps({
        "peer": "accelerate", "seed": args.seed, "epoch": epoch + 1, "train_loss": round(total / len(train), 4), "accuracy": round(right / rows, 4),
        "f1": round(2 * hits / max(1, predicted + actual), 4), "samples_per_s": round(len(train.dataset) / seconds, 1)}), flush=True)
