"""PyTorch + Accelerate on the same GPU and the same model as `accelerate-ts test --gpu` times: BERT 12 x 768, 32 rows of 128 tokens, AdamW, dropout 0.1. One JSON line per precision.

    python3 bench/peers/gpu_bert.py                 # fp32 (TF32 off), bf16, fp16 on cuda
    python3 bench/peers/gpu_bert.py --device cpu --layers 2 --hidden 64 --rows 2 --tokens 8 --steps 2 --precisions no
"""
import argparse, json, time
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from transformers import BertConfig, BertForSequenceClassification

p = argparse.ArgumentParser()
for name, value in dict(layers=12, hidden=768, heads=12, vocabulary=30522, rows=32, tokens=128, warm=5, steps=20).items():
    p.add_argument(f"--{name}", type=int, default=value)
p.add_argument("--device", default="cuda")
p.add_argument("--precisions", default="no,bf16,fp16")
a = p.parse_args()
torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False


def batch(step):
    i = torch.arange(a.rows * a.tokens)
    ids = ((i * 7919 + step * 104729 + 13) % a.vocabulary).reshape(a.rows, a.tokens)
    mask = (i % a.tokens < a.tokens - (i // a.tokens) % 3).long().reshape(a.rows, a.tokens)
    return dict(input_ids=ids.to(a.device), attention_mask=mask.to(a.device), labels=((torch.arange(a.rows) + step) % 2).to(a.device))


def synchronize():
    if a.device.startswith("cuda"):
        torch.cuda.synchronize()


for precision in a.precisions.split(","):
    AcceleratorState._reset_state(True)
    accelerator = Accelerator(mixed_precision=precision, cpu=a.device == "cpu")
    torch.manual_seed(7)
    config = BertConfig(vocab_size=a.vocabulary, hidden_size=a.hidden, num_hidden_layers=a.layers, num_attention_heads=a.heads, intermediate_size=4 * a.hidden, max_position_embeddings=a.tokens)
    model = BertForSequenceClassification(config)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=0.01)
    model, optimizer = accelerator.prepare(model, optimizer)
    model.train()
    for step in range(a.warm + a.steps):
        if step == a.warm:
            synchronize()
            began = time.perf_counter()
        loss = model(**batch(step)).loss
        accelerator.backward(loss)
        optimizer.step()
        optimizer.zero_grad()
    synchronize()
    seconds = time.perf_counter() - began
    name = torch.cuda.get_device_name() if a.device.startswith("cuda") else "cpu"
    print(json.dumps(dict(torch=torch.__version__, device=name, precision="fp32" if precision == "no" else precision, samples_per_s=round(a.steps * a.rows / seconds, 2), loss=round(loss.item(), 5))))
