"""Makes test/golden/models/minilm.json: logits, loss and gradient summaries of all-MiniLM-L6-v2 with a two-label head on a ragged batch (computed in float64).

usage: python test/golden/make/models_minilm.py path/to/all-MiniLM-L6-v2      (torch, transformers)
"""
import os
import sys

import torch
from models_common import ragged_batch, summary, tensors, write_json
from transformers import BertForSequenceClassification

here = os.path.dirname(os.path.abspath(__file__))
model = BertForSequenceClassification.from_pretrained(sys.argv[1], num_labels=2, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, attn_implementation="eager").train()
with torch.no_grad():  # a head that any language can make again
    weight = model.classifier.weight
    weight.copy_(torch.sin(torch.arange(weight.numel(), dtype=torch.float64)).mul(0.05).reshape(weight.shape).float())
    model.classifier.bias.copy_(torch.tensor([0.01, -0.02]))
model.double()
batch = ragged_batch([23, 7, 41, 12], 30522, seed=3)
labels = [1, 0, 0, 1]
output = model(**tensors(batch), labels=torch.tensor(labels))
output.loss.backward()
norm = torch.sqrt(sum(p.grad.pow(2).sum() for p in model.parameters())).item()
write_json(os.path.join(here, "..", "models", "minilm.json"), {
    "batch": batch, "labels": labels, "loss": output.loss.item(), "logits": output.logits.tolist(), "norm": norm,
    "gradients": {key: summary(p.grad) for key, p in model.named_parameters()},
})
