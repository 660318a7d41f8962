"""The Python side of bench/trainer-mrpc.ts: transformers' Trainer on a BERT directory. Prints one JSON line per epoch.

    python bench/peers/trainer_mrpc.py --model DIR --train train.jsonl --eval validation.jsonl --out FOLDER [--seed 42] [--epochs 3] [--steps -1] [--batch 8]

Writes FOLDER/start: the model with its new head before the first step, from which the other side starts, too.
"""
import argparse, json, time

import torch
from datasets import Dataset
from tokenizers import BertWordPieceTokenizer
from transformers import BertForSequenceClassification, Trainer, TrainerCallback, TrainingArguments, set_seed

parser = argparse.ArgumentParser()
parser.add_argument("--model", required=True)
parser.add_argument("--train", required=True)
parser.add_argument("--eval", required=True)
parser.add_argument("--out", required=True)
parser.add_argument("--epochs", type=float, default=3)
parser.add_argument("--steps", type=int, default=-1)
parser.add_argument("--batch", type=int, default=8)
parser.add_argument("--lr", type=float, default=5e-5)
parser.add_argument("--max-length", type=int, default=128)
parser.add_argument("--seed", type=int, default=42)
parser.add_argument("--threads", type=int, default=2)
args = parser.parse_args()

torch.set_num_threads(args.threads)
set_seed(args.seed)
tokenizer = BertWordPieceTokenizer(args.model + "/vocab.txt", lowercase=True)
tokenizer.enable_truncation(args.max_length)


def load(path):
    with open(path, encoding="utf8") as file:
        rows = [json.loads(line) for line in file]
    encoded = tokenizer.encode_batch([(row["sentence1"], row["sentence2"]) for row in rows])
    return Dataset.from_list([{"input_ids": e.ids, "token_type_ids": e.type_ids, "label": row["label"]} for e, row in zip(encoded, rows)])


def collate(rows):
    width = max(len(row["input_ids"]) for row in rows)
    ids, types, mask = (torch.zeros(len(rows), width, dtype=torch.long) for _ in range(3))
    for i, row in enumerate(rows):
        ids[i, : len(row["input_ids"])] = torch.tensor(row["input_ids"])
        types[i, : len(row["input_ids"])] = torch.tensor(row["token_type_ids"])
        mask[i, : len(row["input_ids"])] = 1
    return {"input_ids": ids, "token_type_ids": types, "attention_mask": mask, "labels": torch.tensor([row["label"] for row in rows])}


def scores(prediction):
    guesses, labels = prediction.predictions.argmax(-1), prediction.label_ids
    hits = int((guesses * labels).sum())
    return {"accuracy": float((guesses == labels).mean()), "f1": 2 * hits / max(1, int(guesses.sum() + labels.sum()))}


class Clock(TrainerCallback):
    """Seconds of the steps alone, without evaluations."""

    seconds = 0.0

    def on_epoch_begin(self, *_, **__):
        self.started = time.perf_counter()

    def on_epoch_end(self, *_, **__):
        self.seconds += time.perf_counter() - self.started


model = BertForSequenceClassification.from_pretrained(args.model, num_labels=2)
model.save_pretrained(args.out + "/start")
clock = Clock()
train = load(args.train)
trainer = Trainer(
    model=model,
    args=TrainingArguments(
        output_dir=args.out, use_cpu=True, seed=args.seed, num_train_epochs=args.epochs, max_steps=args.steps, per_device_train_batch_size=args.batch, per_device_eval_batch_size=32,
        learning_rate=args.lr, eval_strategy="epoch", logging_strategy="epoch", save_strategy="no", report_to="none", disable_tqdm=True, log_level="error"),
    train_dataset=train,
    eval_dataset=load(args.eval),
    data_collator=collate,
    compute_metrics=scores,
    callbacks=[clock],
)
trainer.remove_callback(next(type(c) for c in trainer.callback_handler.callbacks if type(c).__name__ == "PrinterCallback"))
result = trainer.train()
losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
evaluations = [entry for entry in trainer.state.log_history if "eval_loss" in entry]
rows = min(args.batch * result.global_step, len(train) * args.epochs)
for i, (loss, entry) in enumerate(zip(losses, evaluations)):
    print(json.dumps({"peer": "transformers", "seed": args.seed, "epoch": i + 1, "train_loss": round(loss, 4), "eval_loss": round(entry["eval_loss"], 4), "accuracy": round(entry["eval_accuracy"], 4), "f1": round(entry["eval_f1"], 4), "samples_per_s": round(rows / clock.seconds, 1)}), flush=True)
