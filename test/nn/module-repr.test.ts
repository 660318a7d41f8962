// How modules print: character by character as torch's repr.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { inspect } from "node:util";
import { Dropout, Embedding, GELU, init, LayerNorm, LazyLinear, Linear, Module, Parameter, ReLU, Sequential, Tanh } from "../../src/nn/index.js";
import { BertForSequenceClassification, GPT2LMHeadModel } from "../../src/models/index.js";
import type { Tensor } from "../../src/tensor/index.js";

class Net extends Module {
  readonly table = new Embedding(10, 4, { paddingIdx: 0 });
  readonly layers = [new Linear(4, 4), new Linear(4, 4), new Linear(4, 2, { bias: false })];
  readonly act = new GELU();
  readonly tanh = new Tanh();
  readonly norm = new LayerNorm(4, { epsilon: 1e-12 });
  readonly drop = new Dropout(0.1);
  readonly seq = new Sequential(new Linear(2, 3), new ReLU());
  readonly byname = new Map([["a", new Linear(1, 1)]]);
  readonly n2 = new LayerNorm(3, { bias: false });
  readonly sizes = [1, 2];
  readonly none: Linear[] = [];
  forward(x: Tensor): Tensor {
    return x;
  }
}
class Own extends Module {
  readonly weight = new Parameter(init.ones([2, 3]));
  forward(x: Tensor): Tensor {
    return x.mul(this.weight);
  }
}

describe("a module prints", () => {
  it("as torch's repr, equal neighbours of a list once", () => {
    const text = `Net(
  (table): Embedding(10, 4, padding_idx=0)
  (layers): ModuleList(
    (0-1): 2 x Linear(in_features=4, out_features=4, bias=True)
    (2): Linear(in_features=4, out_features=2, bias=False)
  )
  (act): GELU(approximate='none')
  (tanh): Tanh()
  (norm): LayerNorm((4,), eps=1e-12, elementwise_affine=True, bias=True)
  (drop): Dropout(p=0.1, inplace=False)
  (seq): Sequential(
    (0): Linear(in_features=2, out_features=3, bias=True)
    (1): ReLU()
  )
  (byname): ModuleDict(
    (a): Linear(in_features=1, out_features=1, bias=True)
  )
  (n2): LayerNorm((3,), eps=1e-05, elementwise_affine=True, bias=False)
)`;
    assert.equal(inspect(new Net()), text);
    assert.equal(String(new Net()), text);
  });

  it("with the shapes of its own parameters where it says nothing else", () => {
    assert.equal(inspect(new Own()), "Own(weight=[2, 3])");
    assert.equal(inspect(new LazyLinear(3)), "LazyLinear(in_features=0, out_features=3, bias=True)");
  });

  it("in short where it lies deep in something else", () => {
    assert.match(inspect({ a: { b: { c: new Net() } } }), /c: \[Net\]/);
  });

  it("also when it is a model of the library", () => {
    const bert = String(
      new BertForSequenceClassification({ vocab_size: 9, hidden_size: 4, num_hidden_layers: 3, num_attention_heads: 2, intermediate_size: 8 }),
    );
    assert.match(
      bert,
      /^BertForSequenceClassification\(\n {2}\(bert\): BertModel\(\n {4}\(embeddings\): BertEmbeddings\(\n {6}\(word_embeddings\): Embedding\(9, 4, padding_idx=0\)\n/,
    );
    assert.match(bert, /\n {6}\(layer\): ModuleList\(\n {8}\(0-2\): 3 x BertLayer\(\n {10}\(attention\): BertAttention\(\n/);
    assert.match(bert, /\n {2}\(dropout\): Dropout\(p=0\.1, inplace=False\)\n {2}\(classifier\): Linear\(in_features=4, out_features=2, bias=True\)\n\)$/);
    const gpt2 = String(new GPT2LMHeadModel({ vocab_size: 9, n_embd: 4, n_layer: 1, n_head: 2, n_positions: 8 }));
    assert.match(gpt2, /\(c_attn\): Conv1D\(nf=12, nx=4\)\n/);
    assert.match(gpt2, /\n {2}\(lm_head\): Linear\(in_features=4, out_features=9, bias=False\)\n\)$/);
  });
});
