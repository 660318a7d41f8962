"""Makes test/golden/models/tiny-bert/* and tiny-bert.json: a BERT of 2 layers with random weights, its logits, losses and gradients (computed in float64).

usage: python test/golden/make/models_tiny.py      (torch, transformers, safetensors)
"""
import os
import shutil

import torch
from models_common import ragged_batch, tensors, write_json
from safetensors.torch import save_file
from transformers import BertConfig, BertForSequenceClassification

here = os.path.dirname(os.path.abspath(__file__))
out = os.path.join(here, "..", "models")
folder = os.path.join(out, "tiny-bert")
torch.manual_seed(11)

config = BertConfig(
    vocab_size=100, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64, max_position_embeddings=40,
    hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, num_labels=3, id2label={0: "no", 1: "yes", 2: "maybe"}, label2id={"no": 0, "yes": 1, "maybe": 2},
)
config.house_style = {"kept": [1, "two", None]}  # an unknown key, which must survive
model = BertForSequenceClassification(config)
with torch.no_grad():
    for parameter in model.parameters():  # no weight at its initial 0 or 1, so that every one of them matters
        parameter.add_(torch.randn_like(parameter) * 0.1)
shutil.rmtree(folder, ignore_errors=True)
model.save_pretrained(folder)

model = BertForSequenceClassification.from_pretrained(folder, attn_implementation="eager").double().train()
batch = ragged_batch([9, 4, 13, 1, 7], 100, seed=5)
cases = {
    "single_label": {"problem_type": None, "labels": torch.tensor([2, 0, -100, 1, 1])},
    "regression": {"problem_type": "regression", "labels": torch.linspace(-1, 1, 15).reshape(5, 3).double()},
    "multi_label": {"problem_type": "multi_label_classification", "labels": (torch.arange(15).reshape(5, 3) % 4 == 1).double()},
}
golden = {"batch": batch, "cases": {}}
for name, case in cases.items():
    model.config.problem_type = case["problem_type"]
    model.zero_grad()
    output = model(**tensors(batch), labels=case["labels"], output_hidden_states=True, output_attentions=True)
    output.loss.backward()
    golden["cases"][name] = {"problem_type": case["problem_type"], "labels": case["labels"].tolist(), "loss": output.loss.item(), "logits": output.logits.tolist()}
    if name == "single_label":
        golden["hidden_norms"] = [h.norm().item() for h in output.hidden_states]
        golden["attention_first_row"] = [a[0, 0, 0].tolist() for a in output.attentions]
    gradients = {key: p.grad.float().clone() for key, p in model.named_parameters()}
    if name == "single_label":
        save_file(gradients, os.path.join(out, "tiny-bert-gradients.safetensors"))
    else:
        golden["cases"][name]["classifier.weight"] = gradients["classifier.weight"].tolist()
        golden["cases"][name]["bert.encoder.layer.0.attention.self.query.bias"] = gradients["bert.encoder.layer.0.attention.self.query.bias"].tolist()
with torch.no_grad():  # neither mask nor types given
    ids = torch.tensor(batch["input_ids"])[:2]
    golden["bare"] = {"input_ids": ids.tolist(), "logits": model(input_ids=ids).logits.tolist(), "pooler_output": model.bert(input_ids=ids).pooler_output.tolist()}
write_json(os.path.join(out, "tiny-bert.json"), golden)
