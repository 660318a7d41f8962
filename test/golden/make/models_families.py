"""Makes test/golden/models/families/<class>/*: every model class with a tiny config and random weights, saved by transformers; its logits on a padded and an unpadded batch, loss,
gradients (computed in float64) and the names of its state dict. And the weights of GPT2LMHeadModel as files of torch.save: test/golden/models/torch-weights/*.

usage: python test/golden/make/models_families.py      (torch, transformers, safetensors)
"""
import json
import os
import shutil

import torch
import transformers
from models_common import ragged_batch, tensors, write_json
from safetensors.torch import save_file

here = os.path.dirname(os.path.abspath(__file__))
out = os.path.join(here, "..", "models", "families")
VOCAB, LENGTHS = 30, [6, 3, 5]
labels = {"id2label": {0: "no", 1: "yes", 2: "maybe"}, "label2id": {"no": 0, "yes": 1, "maybe": 2}}
bert = dict(vocab_size=VOCAB, hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=12, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, max_position_embeddings=12, **labels)
CONFIGS = {
    "Bert": lambda: transformers.BertConfig(**bert),
    "Roberta": lambda: transformers.RobertaConfig(**{**bert, "type_vocab_size": 1, "layer_norm_eps": 1e-5, "pad_token_id": 1, "hidden_act": "gelu_new"}),
    "DistilBert": lambda: transformers.DistilBertConfig(vocab_size=VOCAB, dim=8, hidden_dim=12, n_layers=2, n_heads=2, max_position_embeddings=12, dropout=0.0, attention_dropout=0.0, seq_classif_dropout=0.0, **labels),
    "GPT2": lambda: transformers.GPT2Config(vocab_size=VOCAB, n_embd=8, n_layer=2, n_head=2, n_positions=12, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, pad_token_id=0, bos_token_id=29, eos_token_id=29, **labels),
}
TASKS = ["Model", "ForSequenceClassification", "ForTokenClassification", "ForMaskedLM", "LMHeadModel"]
LACKS = {("GPT2", "ForTokenClassification"), ("GPT2", "ForMaskedLM"), ("Bert", "LMHeadModel"), ("Roberta", "LMHeadModel"), ("DistilBert", "LMHeadModel")}


def labels_of(task, batch):
    ids, mask = batch["input_ids"], batch["attention_mask"]
    if task == "ForSequenceClassification":
        return [2, 0, 1]
    if task == "LMHeadModel":
        return [[i if m else -100 for i, m in zip(row, marks)] for row, marks in zip(ids, mask)]
    kinds = 3 if task == "ForTokenClassification" else VOCAB
    return [[(7 * i + 3 * b + s) % kinds if m and (s + b) % 3 else -100 for s, (i, m) in enumerate(zip(row, marks))] for b, (row, marks) in enumerate(zip(ids, mask))]


def rounded(value):
    if isinstance(value, float):
        return round(value, 8)
    if isinstance(value, list):
        return [rounded(v) for v in value]
    return {key: rounded(v) for key, v in value.items()} if isinstance(value, dict) else value


def result(model, task, batch, labels=None):
    """What is compared, and a loss for the gradients."""
    output = model(**tensors(batch), **({} if labels is None else {"labels": torch.tensor(labels)}), output_hidden_states=True, output_attentions=True)
    if task != "Model":
        return output, output.logits, output.loss
    hidden, pooled = output.last_hidden_state, getattr(output, "pooler_output", None)
    return output, hidden, hidden.pow(3).mean() + (0 if pooled is None else pooled.mean())


for family, config in CONFIGS.items():
    for task in TASKS:
        if (family, task) in LACKS:
            continue
        name = family + task
        torch.manual_seed(7)
        model = getattr(transformers, name)(config())
        with torch.no_grad():  # no weight at its initial 0 or 1, so that every one of them matters
            for parameter in model.parameters():
                parameter.add_(torch.randn_like(parameter) * 0.3)
        folder = os.path.join(out, name)
        shutil.rmtree(folder, ignore_errors=True)
        model.save_pretrained(folder)
        model = getattr(transformers, name).from_pretrained(folder, attn_implementation="eager").double().train()
        batch = ragged_batch(LENGTHS, VOCAB, seed=5, token_types=family in ("Bert", "GPT2"), pad=model.config.pad_token_id)
        golden = {"batch": batch, "state": {key: list(t.shape) for key, t in model.state_dict().items()}}
        if task != "Model":
            golden["labels"] = labels_of(task, batch)
        output, values, loss = result(model, task, batch, golden.get("labels"))
        loss.backward()
        golden.update(loss=loss.item(), values=values.tolist(), hidden_norms=[h.norm().item() for h in output.hidden_states], attention_row=[a[1, 1, 1].tolist() for a in output.attentions])
        if getattr(output, "pooler_output", None) is not None:
            golden["pooler_output"] = output.pooler_output.tolist()
        save_file({key: p.grad.float().contiguous() for key, p in model.named_parameters()}, os.path.join(folder, "gradients.safetensors"))
        with torch.no_grad():
            bare = {"input_ids": [row[:3] for row in batch["input_ids"]]}
            golden["bare"] = {**bare, "values": result(model, task, bare)[1].tolist()}
            if family == "GPT2":  # padding on the left
                left = {"input_ids": [[0] * (6 - n) + row[:n] for n, row in zip(LENGTHS, batch["input_ids"])], "attention_mask": [[0] * (6 - n) + [1] * n for n in LENGTHS]}
                golden["left"] = {**left, "values": result(model, task, left)[1].tolist()}
        write_json(os.path.join(folder, "golden.json"), rounded(golden))
        leftover = os.path.join(folder, "generation_config.json")
        if os.path.exists(leftover):
            os.remove(leftover)

# As transformers saved before safetensors: tied weights twice, on one storage; whole, and in two shards.
folder = os.path.join(out, "..", "torch-weights")
shutil.rmtree(folder, ignore_errors=True)
os.makedirs(folder)
state = transformers.GPT2LMHeadModel.from_pretrained(os.path.join(out, "GPT2LMHeadModel")).state_dict()
torch.save(state, os.path.join(folder, "pytorch_model.bin"))
shards = [dict(list(state.items())[:12]), dict(list(state.items())[12:])]
names = [f"pytorch_model-0000{i + 1}-of-00002.bin" for i in range(2)]
for name, shard in zip(names, shards):
    torch.save(shard, os.path.join(folder, name))
total = sum(t.numel() * 4 for t in state.values())
with open(os.path.join(folder, "pytorch_model.bin.index.json"), "w") as file:
    json.dump({"metadata": {"total_size": total}, "weight_map": {key: name for name, shard in zip(names, shards) for key in shard}}, file)
