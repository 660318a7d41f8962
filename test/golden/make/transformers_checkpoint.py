"""A checkpoint of transformers' Trainer in the middle of an epoch, and the log of the whole run: test/golden/transformers-checkpoint.

    python test/golden/make/transformers_checkpoint.py
"""
import json
import pathlib
import shutil
import sys
import tempfile

import torch
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments, set_seed

here = pathlib.Path(__file__).resolve().parent.parent / "transformers-checkpoint"
rows = [
    {
        "input_ids": torch.tensor([(i * 7 + j * 3) % 63 + 1 for j in range(5)]),
        "attention_mask": torch.ones(5, dtype=torch.long),
        "labels": torch.tensor(i % 2),
    }
    for i in range(24)
]
set_seed(0)
model = BertForSequenceClassification(
    BertConfig(
        vocab_size=64,
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=16,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
)
with tempfile.TemporaryDirectory() as folder:
    args = TrainingArguments(
        folder,
        per_device_train_batch_size=4,
        num_train_epochs=2,
        learning_rate=1e-2,
        weight_decay=0.1,
        warmup_steps=2,
        save_steps=4,
        logging_steps=2,
        optim="adamw_torch",
        report_to="none",
        use_cpu=True,
        disable_tqdm=True,
    )
    trainer = Trainer(model, args, train_dataset=rows)
    trainer.train()
    shutil.rmtree(here, ignore_errors=True)
    here.mkdir()
    for name in ["config.json", "model.safetensors", "optimizer.pt", "scheduler.pt", "trainer_state.json"]:
        shutil.copy(pathlib.Path(folder) / "checkpoint-4" / name, here / name)
(here / "whole.json").write_text(
    json.dumps(
        {
            "log": [row for row in trainer.state.log_history if "loss" in row],
            "classifier": model.classifier.weight.flatten().tolist(),
        },
        indent=1,
    )
    + "\n"
)
print(sys.version.split()[0], torch.__version__)
