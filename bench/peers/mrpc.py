"""The Python side of bench/mrpc.ts: transformers' BERT under Accelerate on CPU; one process, or each worker of torchrun.

    python bench/peers/mrpc.py --weights DIR --data train.jsonl --threads 2 [--batch 16] [--steps 20] [--warmup 3] [--order order.json]
    torchrun --nproc-per-node 2 bench/peers/mrpc.py --threads 1 ...      --batch and --threads are those of one worker; figures are those of all

Prints one JSON line. --order writes the rows in the order in which they were met, batch by batch over the workers, so that the other side can take the same ones.
"""
import argparse, json, resource, time
import torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from tokenizers import Tokenizer
from torch.utils.data import DataLoader
from transformers import BertForSequenceClassification

parser = argparse.ArgumentParser()
parser.add_argument("--weights", required=True)
parser.add_argument("--data", required=True, help="JSON lines with sentence1, sentence2, label")
parser.add_argument("--batch", type=int, default=16)
parser.add_argument("--max-length", type=int, default=128)
parser.add_argument("--pad", choices=["longest", "max_length"], default="longest")
parser.add_argument("--steps", type=int, default=20)
parser.add_argument("--warmup", type=int, default=3)
parser.add_argument("--lr", type=float, default=5e-5)
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--seed", type=int, default=42)
parser.add_argument("--precision", choices=["no", "bf16"], default="no", help="Accelerate's mixed_precision")
parser.add_argument("--order")
args = parser.parse_args()

torch.set_num_threads(args.threads)
torch.manual_seed(args.seed)
accelerator = Accelerator(cpu=True, mixed_precision=args.precision)
with open(args.data, encoding="utf8") as file:
    rows = [json.loads(line) for line in file]
tokenizer = Tokenizer.from_file(args.weights + "/tokenizer.json")
tokenizer.enable_truncation(args.max_length)
encoded = tokenizer.encode_batch([(row["sentence1"], row["sentence2"]) for row in rows])
items = [(index, e.ids, e.type_ids, row["label"]) for index, (e, row) in enumerate(zip(encoded, rows))]
order = []


def collate(batch):
    order.extend(index for index, _, _, _ in batch)
    length = args.max_length if args.pad == "max_length" else max(len(ids) for _, ids, _, _ in batch)
    ids, types, mask = (torch.zeros(len(batch), length, dtype=torch.long) for _ in range(3))
    for i, (_, row_ids, row_types, _) in enumerate(batch):
        ids[i, : len(row_ids)] = torch.tensor(row_ids)
        types[i, : len(row_types)] = torch.tensor(row_types)
        mask[i, : len(row_ids)] = 1
    return {"input_ids": ids, "token_type_ids": types, "attention_mask": mask, "labels": torch.tensor([label for _, _, _, label in batch])}


model = BertForSequenceClassification.from_pretrained(args.weights, num_labels=2)
model.train()
optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr)
loader = DataLoader(items, batch_size=args.batch, shuffle=True, collate_fn=collate, generator=torch.Generator().manual_seed(args.seed))
model, optimizer, loader = accelerator.prepare(model, optimizer, loader)


def endless():
    while True:
        yield from loader


losses, samples, tokens, first_step, started = [], 0, 0, None, time.perf_counter()
for step, batch in enumerate(endless()):
    if step == args.warmup:
        started, samples, tokens = time.perf_counter(), 0, 0
    loss = model(**batch).loss
    accelerator.backward(loss)
    optimizer.step()
    optimizer.zero_grad()
    losses.append(loss.item())
    first_step = first_step or time.time() * 1e3
    samples += batch["labels"].shape[0]
    tokens += int(batch["attention_mask"].sum())
    if step + 1 == args.warmup + args.steps:
        break
seconds = time.perf_counter() - started
rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
workers = gather_object([dict(samples=samples, tokens=tokens, seconds=seconds, losses=losses, rss=rss, first_step=first_step, order=order)])
if args.order and accelerator.is_main_process:
    cut = [[worker["order"][i : i + args.batch] for i in range(0, len(worker["order"]), args.batch)] for worker in workers]
    with open(args.order, "w", encoding="utf8") as file:
        json.dump([row for batches in zip(*cut) for batch in batches for row in batch], file)
seconds = max(worker["seconds"] for worker in workers)
total = lambda key: sum(worker[key] for worker in workers)
if accelerator.is_main_process:
    print(json.dumps({
        "peer": "accelerate", "workers": len(workers), "threads": args.threads, "samples_per_s": round(total("samples") / seconds, 2),
        "tokens_per_s": round(total("tokens") / seconds, 1), "ms_per_step": round(seconds / args.steps * 1e3, 1),
        "rss_mb": max(worker["rss"] for worker in workers), "first_step_unix_ms": round(max(worker["first_step"] for worker in workers), 1),
        "losses": [round(sum(values) / len(workers), 6) for values in zip(*(worker["losses"] for worker in workers))]}))
accelerator.end_training()
