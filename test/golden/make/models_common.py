"""What the model goldens share: a ragged padded batch, and gradients as files or summaries."""
import json

import torch


def ragged_batch(lengths, vocab, seed, token_types=True, pad=0):
    """Ids above `pad` from a linear congruential generator, so that no random library is needed to make them again."""
    width = max(lengths)
    state = seed
    ids, mask, types = [], [], []
    for length in lengths:
        row = []
        for _ in range(length):
            state = (state * 1103515245 + 12345) % 2**31
            row.append(pad + 1 + (state >> 8) % (vocab - pad - 1))
        ids.append(row + [pad] * (width - length))
        mask.append([1] * length + [0] * (width - length))
        types.append([0] * (length // 2) + [1] * (length - length // 2) + [0] * (width - length))
    batch = {"input_ids": ids, "attention_mask": mask}
    if token_types:
        batch["token_type_ids"] = types
    return batch


def tensors(batch):
    return {key: torch.tensor(value) for key, value in batch.items()}


def summary(gradient, samples=8):
    """max |g|, the norm, and some entries of a flattened gradient, the greatest among them."""
    flat = gradient.detach().double().flatten()
    step = max(1, flat.numel() // samples)
    places = sorted({*range(step // 2, flat.numel(), step), int(flat.abs().argmax())})
    return {"max": float(flat.abs().max()), "norm": float(flat.norm()), "at": places, "values": [float(flat[i]) for i in places]}


def write_json(path, value):
    with open(path, "w") as file:
        json.dump(value, file, separators=(",", ":"))
        file.write("\n")
