# A tiny BERT as the book d2l.ai builds it (written anew from its description): outputs and gradients, its state dict as torch.save writes it in both formats.
#   python test/golden/make/d2l_bert.py test/golden
import json, math, os, sys
import torch
from torch import nn

out = os.path.join(sys.argv[1], "d2l")
os.makedirs(out, exist_ok=True)
torch.manual_seed(5)
V, H, F, HEADS, BLKS, MAX = 23, 8, 12, 2, 2, 10


def masked_softmax(scores, valid_lens):
    # scores [B, heads, Q, K]: what lies at or behind the valid length is set to -1e6.
    if valid_lens is None:
        return torch.softmax(scores, -1)
    lens = valid_lens[:, None, None, None] if valid_lens.dim() == 1 else valid_lens[:, None, :, None]
    outside = torch.arange(scores.shape[-1]) >= lens
    return torch.softmax(torch.where(outside, torch.tensor(-1e6), scores), -1)


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.W_q, self.W_k, self.W_v, self.W_o = (nn.Linear(H, H) for _ in range(4))

    def forward(self, x, valid_lens):
        split = lambda t: t.reshape(t.shape[0], t.shape[1], HEADS, H // HEADS).transpose(1, 2)
        q, k, v = split(self.W_q(x)), split(self.W_k(x)), split(self.W_v(x))
        weights = masked_softmax(q @ k.transpose(2, 3) / math.sqrt(H // HEADS), valid_lens)
        return self.W_o((weights @ v).transpose(1, 2).reshape(x.shape))


class AddNorm(nn.Module):
    def __init__(self):
        super().__init__()
        self.ln = nn.LayerNorm(H)

    def forward(self, x, y):
        return self.ln(y + x)


class FFN(nn.Module):
    def __init__(self):
        super().__init__()
        self.dense1, self.dense2 = nn.Linear(H, F), nn.Linear(F, H)

    def forward(self, x):
        return self.dense2(torch.relu(self.dense1(x)))


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention, self.addnorm1, self.ffn, self.addnorm2 = Attention(), AddNorm(), FFN(), AddNorm()

    def forward(self, x, valid_lens):
        y = self.addnorm1(x, self.attention(x, valid_lens))
        return self.addnorm2(y, self.ffn(y))


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.token_embedding, self.segment_embedding = nn.Embedding(V, H), nn.Embedding(2, H)
        self.blks = nn.Sequential(*[Block() for _ in range(BLKS)])
        self.pos_embedding = nn.Parameter(torch.randn(1, MAX, H))

    def forward(self, tokens, segments, valid_lens):
        x = self.token_embedding(tokens) + self.segment_embedding(segments) + self.pos_embedding[:, : tokens.shape[1]]
        for block in self.blks:
            x = block(x, valid_lens)
        return x


class MaskLM(nn.Module):
    def __init__(self):
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(H, H), nn.ReLU(), nn.LayerNorm(H), nn.Linear(H, V))

    def forward(self, x, positions):
        rows = torch.arange(x.shape[0])[:, None]
        return self.mlp(x[rows, positions])


class NSP(nn.Module):
    def __init__(self):
        super().__init__()
        self.output = nn.Linear(H, 2)

    def forward(self, x):
        return self.output(x)


class Bert(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.hidden, self.mlm, self.nsp = Encoder(), nn.Sequential(nn.Linear(H, H), nn.Tanh()), MaskLM(), NSP()

    def forward(self, tokens, segments, valid_lens=None, positions=None):
        x = self.encoder(tokens, segments, valid_lens)
        return x, self.mlm(x, positions) if positions is not None else None, self.nsp(self.hidden(x[:, 0]))


bert = Bert()
with torch.no_grad():  # norms and biases that are not 1 and 0
    for name, p in bert.named_parameters():
        if ".ln." in name or "mlp.2." in name:
            p.add_(torch.randn_like(p) * 0.1)
tokens = torch.randint(0, V, (3, 7))
segments = torch.tensor([[0, 0, 0, 1, 1, 0, 0], [0, 0, 1, 1, 1, 1, 1], [0] * 7])
valid_lens = torch.tensor([5, 7, 1])
positions = torch.tensor([[1, 3], [6, 2], [0, 0]])
mlm_y = torch.randint(0, V, (3, 2))
nsp_y = torch.tensor([1, 0, 1])
encoded, mlm, nsp = bert(tokens, segments, valid_lens, positions)
loss = nn.functional.cross_entropy(mlm.reshape(-1, V), mlm_y.reshape(-1)) + nn.functional.cross_entropy(nsp, nsp_y)
loss.backward()
unmasked = bert(tokens, segments)[0]
scores = torch.randn(2, 1, 3, 4)
numbers = lambda t: {"shape": list(t.shape), "data": t.detach().flatten().tolist()}
golden = {
    "torch": torch.__version__,
    "sizes": {"vocab": V, "numHiddens": H, "ffnNumHiddens": F, "numHeads": HEADS, "numBlks": BLKS, "maxLen": MAX},
    "inputs": {k: v.tolist() for k, v in dict(tokens=tokens, segments=segments, validLens=valid_lens, positions=positions, mlmY=mlm_y, nspY=nsp_y).items()},
    "outputs": {k: numbers(v) for k, v in dict(encoded=encoded, mlm=mlm, nsp=nsp, unmasked=unmasked, loss=loss).items()},
    "gradients": {name: numbers(p.grad) for name, p in bert.named_parameters()},
    "softmax": {
        "scores": numbers(scores),
        "plain": numbers(masked_softmax(scores, None)),
        "perRow": numbers(masked_softmax(scores, torch.tensor([2, 0]))),
        "perQuery": numbers(masked_softmax(scores, torch.tensor([[1, 2, 3], [4, 0, 1]]))),
    },
    "percent": [[v, "%.3f" % v, "%.1f" % v] for v in (0.0625, 0.1875, 0.0005, 0.3125, 0.25, 0.75, 10588.75, 10588.85, 0.5204999, 1.0, 0.0, 1e-9, 123456.75)],
}
torch.save(bert.state_dict(), os.path.join(out, "tiny.zip.params"))
torch.save(bert.state_dict(), os.path.join(out, "tiny.legacy.params"), _use_new_zipfile_serialization=False)
with open(os.path.join(out, "bert.json"), "w") as f:
    json.dump(golden, f, separators=(",", ":"))
    f.write("\n")
