"""Makes test/golden/onnx/models: files as others export them, with what torch says of them.

    pip install torch transformers onnx onnxscript onnxruntime safetensors && python test/golden/make/onnx_models.py [name...]

Of each model: NAME.onnx; NAME.json with inputs, outputs and, for each initializer that is a weight, torch's name of it; NAME.safetensors with the gradients of
sum(output * cos(0.7 * i + 0.3)), i the place of a number, under the names of the initializers.

mlp            TorchScript exporter, opset 13
cnn            the same, BatchNormalization kept apart; its gradients and running statistics in training mode besides
vit, vit-dynamo, distilbert, distilbert-dynamo, gpt2, gpt2-dynamo
               transformers, each by both of torch's exporters
bert-fused     transformers' BERT after onnxruntime's optimizer: EmbedLayerNormalization, Attention, SkipLayerNormalization, BiasGelu, FastGelu
llama          transformers' Llama in opset 23: ONNX's own Attention, RotaryEmbedding, RMSNormalization
unet           transposed convolution, group and instance norms, PRelu, bilinear Resize, sizes open
squeeze-if     squeeze of a size that the exporter does not know: an If on a comparison of sizes
functions      a layer as an ONNX function with an attribute, called twice, and an If with a constant condition
external       the MLP's weights in a file of their own
"""
import json
import os
import sys
import warnings

import numpy as np
import onnx
import torch
from onnx import TensorProto as T
from onnx import helper as h
from onnx import numpy_helper
from safetensors.numpy import save_file
from torch import nn

warnings.simplefilter("ignore")
FOLDER = os.path.join(os.path.dirname(__file__), "..", "onnx", "models")
os.makedirs(FOLDER, exist_ok=True)
PREFIXES = {"q": ("query", "q_lin", "q_proj"), "k": ("key", "k_lin", "k_proj"), "v": ("value", "v_lin", "v_proj")}


def path(name):
    return os.path.join(FOLDER, name)


def randomize(model, seed=0):
    """Weights that tell every parameter from every other."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            p.copy_(torch.randn(p.shape, generator=generator) * 0.2 + (1.0 if p.dim() == 1 and "norm" in name.lower() and name.endswith("weight") else 0.0))
        for name, b in model.named_buffers():
            if b.dtype == torch.float32 and "running" in name:
                b.copy_(torch.rand(b.shape, generator=generator) + 0.5)
    return model


def coefficients(shape):
    return torch.cos(0.7 * torch.arange(int(np.prod(shape)), dtype=torch.float64).reshape(shape) + 0.3).float()


def loss_of(outputs):
    return sum((o * coefficients(o.shape)).sum() for o in outputs)


def initializers(file):
    model = onnx.load(file)
    return {t.name: numpy_helper.to_array(t) for t in model.graph.initializer if t.data_type == T.FLOAT and len(t.dims) > 0}


def fused(params):
    """Queries, keys and values side by side, as optimizers put them."""
    for name in params:
        if not any(f".{p}." in name for p in PREFIXES["q"]):
            continue
        q = next(p for p in PREFIXES["q"] if f".{p}." in name)
        names = [name.replace(f".{q}.", f".{PREFIXES[x][PREFIXES['q'].index(q)]}.") for x in "qkv"]
        if name.endswith("weight"):
            yield names, lambda ts: np.concatenate([t.T for t in ts], axis=1)
        else:
            yield names, lambda ts: np.concatenate(ts)


def match(file, params):
    """initializer -> (torch names, how to lay their numbers out)."""
    found = {}
    candidates = []
    for name in params:
        candidates += [([name], lambda ts: ts[0]), ([name], lambda ts: ts[0].T)]
    candidates += list(fused(params))
    seen = []
    for name, data in initializers(file).items():
        # A table that is stored twice counts under its first name.
        if any(np.array_equal(data.T, other) for other in seen):
            continue
        if data.ndim > 1:
            seen.append(data)
        for names, lay in candidates:
            laid = lay([params[n].detach().numpy() for n in names])
            if laid.size == data.size and (laid.shape == data.shape or laid.squeeze().shape == data.squeeze().shape) and np.array_equal(laid.squeeze(), data.squeeze()):
                found[name] = (names, lay)
                break
    return found


def tensor_json(t):
    return {"dtype": str(t.dtype).replace("torch.", ""), "shape": list(t.shape), "data": [float(x) if t.dtype == torch.float32 else int(x) for x in t.flatten()]}


def gradients(file, model, run):
    params = dict(model.named_parameters())
    model.zero_grad()
    outputs = run()
    loss = loss_of(outputs)
    loss.backward()
    grads = {}
    names = {}
    for initializer, (torch_names, lay) in match(file, params).items():
        if any(params[n].grad is None for n in torch_names):
            continue
        shape = initializers(file)[initializer].shape
        grads[initializer] = np.ascontiguousarray(lay([params[n].grad.numpy() for n in torch_names]).reshape(shape)).astype(np.float32)
        names[initializer] = torch_names
    missing = {n for n, p in params.items() if p.grad is not None} - {n for ns in names.values() for n in ns}
    if missing:
        print(f"  {os.path.basename(file)}: no initializer for {sorted(missing)}")
    return outputs, loss, grads, names


def golden(name, model, inputs, output_names, more=None):
    file = path(f"{name}.onnx")
    onnx.checker.check_model(file)
    run = lambda: [o for o in as_list(model(**inputs))]
    outputs, loss, grads, names = gradients(file, model, run)
    record = {"inputs": {k: tensor_json(v) for k, v in inputs.items()}, "outputs": {n: tensor_json(o.detach()) for n, o in zip(output_names, outputs)}, "loss": float(loss), "weights": names, **(more or {})}
    with open(path(f"{name}.json"), "w") as f:
        json.dump(record, f)
    save_file(grads, path(f"{name}.safetensors"))
    print(f"{name}: {os.path.getsize(file) // 1024} KB, {len(grads)} gradients, ops {sorted({f'{n.domain}.{n.op_type}'.lstrip('.') for n in onnx.load(file).graph.node})}")


def as_list(outputs):
    return list(outputs) if isinstance(outputs, (tuple, list)) else [outputs]


def export(name, model, example, output_names, dynamic, opset=17, dynamo=False, **more):
    file = path(f"{name}.onnx")
    names = list(example)
    if dynamo:
        shapes = {k: {axis: torch.export.Dim.DYNAMIC for axis in v} for k, v in dynamic.items() if k in example}
        torch.onnx.export(model, (), file, kwargs=example, input_names=names, output_names=output_names, dynamic_shapes=shapes, opset_version=opset, dynamo=True, external_data=False, verbose=False, **more)
        slim(file)
    else:
        torch.onnx.export(model, tuple(example.values()), file, input_names=names, output_names=output_names, dynamic_axes=dynamic, opset_version=opset, dynamo=False, **more)


def slim(file):
    """Without the notes on where each node comes from, which are most of a small file."""
    model = onnx.load(file)
    for node in model.graph.node:
        del node.metadata_props[:]
    del model.graph.value_info[:]
    onnx.save(model, file)


class Mlp(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(6, 10), nn.LayerNorm(10), nn.GELU(), nn.Linear(10, 8), nn.SiLU(), nn.Dropout(0.1))
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        return self.head(self.body(x))


class Cnn(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 6, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(6)
        self.conv2 = nn.Conv2d(6, 8, 3, stride=2, padding=1, groups=2)
        self.norm2 = nn.BatchNorm2d(8)
        self.head = nn.Linear(8, 4)

    def forward(self, pixels):
        x = torch.max_pool2d(torch.relu(self.norm1(self.conv1(pixels))), 2)
        x = torch.relu(self.norm2(self.conv2(x)))
        return self.head(nn.functional.adaptive_avg_pool2d(x, 1).flatten(1))


class Logits(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, **inputs):
        return self.model(**inputs).logits


class Positional(nn.Module):
    """The TorchScript exporter gives arguments by position."""

    def __init__(self, model, names):
        super().__init__()
        self.model = model
        self.names = names

    def forward(self, *inputs):
        return self.model(**dict(zip(self.names, inputs))).logits


def mlp():
    model = randomize(Mlp()).eval()
    export("mlp", model, {"x": torch.randn(2, 6)}, ["logits"], {"x": {0: "batch"}}, opset=13)
    golden("mlp", model, {"x": torch.randn(5, 6, generator=torch.Generator().manual_seed(1))}, ["logits"])


def external():
    model = randomize(Mlp(), 7).eval()
    export("external", model, {"x": torch.randn(2, 6)}, ["logits"], {"x": {0: "batch"}})
    file = path("external.onnx")
    data = path("external.onnx.data")
    if os.path.exists(data):
        os.remove(data)
    grads = golden("external", model, {"x": torch.randn(4, 6, generator=torch.Generator().manual_seed(2))}, ["logits"])
    onnx.save(onnx.load(file), file, save_as_external_data=True, location="external.onnx.data", size_threshold=0)
    return grads


def cnn():
    model = randomize(Cnn()).eval()
    export("cnn", model, {"pixels": torch.randn(2, 3, 8, 8)}, ["logits"], {"pixels": {0: "batch"}}, training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False)
    pixels = torch.randn(5, 3, 8, 8, generator=torch.Generator().manual_seed(3))
    trained = randomize(Cnn()).train()
    outputs, loss, grads, _ = gradients(path("cnn.onnx"), trained, lambda: [trained(pixels)])
    buffers = {n: [float(x) for x in b] for n, b in trained.named_buffers() if "running" in n}
    save_file(grads, path("cnn-training.safetensors"))
    golden("cnn", model, {"pixels": pixels}, ["logits"], {"training": {"loss": float(loss), "outputs": {"logits": tensor_json(outputs[0].detach())}, "buffers": buffers}})


def transformer(name, config, model_class, inputs, example, axes, dynamo_opset=18):
    model = randomize(model_class(config)).eval()
    dynamic = {n: axes for n in inputs}
    export(name, Positional(model, list(inputs)).eval(), example, ["logits"], {**dynamic}, opset=14)
    golden(name, Logits(model), inputs, ["logits"])
    export(f"{name}-dynamo", Logits(model).eval(), example, ["logits"], dynamic, opset=dynamo_opset, dynamo=True)
    golden(f"{name}-dynamo", Logits(model), inputs, ["logits"])
    return model


def tokens(rows, length, vocabulary, seed, lengths=None):
    ids = torch.randint(1, vocabulary, (rows, length), generator=torch.Generator().manual_seed(seed))
    mask = torch.ones(rows, length, dtype=torch.long)
    for row, n in enumerate(lengths or []):
        mask[row, n:] = 0
    return {"input_ids": ids * mask, "attention_mask": mask}


TOKEN_AXES = {0: "batch", 1: "sequence"}


def vit():
    from transformers import ViTConfig, ViTForImageClassification

    config = ViTConfig(hidden_size=12, num_hidden_layers=2, num_attention_heads=2, intermediate_size=20, image_size=8, patch_size=4, num_labels=3)
    pixels = lambda n, seed: {"pixel_values": torch.randn(n, 3, 8, 8, generator=torch.Generator().manual_seed(seed))}
    transformer("vit", config, ViTForImageClassification, pixels(3, 4), pixels(2, 5), {0: "batch"})


def distilbert():
    from transformers import DistilBertConfig, DistilBertForSequenceClassification

    config = DistilBertConfig(vocab_size=30, dim=12, hidden_dim=20, n_layers=2, n_heads=2, max_position_embeddings=16, num_labels=3)
    transformer("distilbert", config, DistilBertForSequenceClassification, tokens(3, 7, 30, 6, [7, 4, 2]), tokens(2, 5, 30, 7, [5, 3]), TOKEN_AXES)


def gpt2():
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(vocab_size=30, n_embd=12, n_layer=2, n_head=2, n_positions=16, use_cache=False)
    transformer("gpt2", config, GPT2LMHeadModel, tokens(3, 7, 30, 8, [7, 5, 3]), tokens(2, 5, 30, 9, [5, 4]), TOKEN_AXES)


def bert_fused():
    from onnxruntime.transformers import optimizer
    from onnxruntime.transformers.fusion_options import FusionOptions
    from transformers import BertConfig, BertForSequenceClassification

    config = BertConfig(vocab_size=30, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24, max_position_embeddings=16, num_labels=3, attn_implementation="eager")
    model = randomize(BertForSequenceClassification(config)).eval()
    inputs = {**tokens(3, 7, 30, 10, [7, 4, 2]), "token_type_ids": torch.tensor([[0] * 3 + [1] * 4] * 3)}
    example = {**tokens(2, 5, 30, 11, [5, 3]), "token_type_ids": torch.zeros(2, 5, dtype=torch.long)}
    export("bert-fused", Positional(model, list(inputs)).eval(), example, ["logits"], {n: TOKEN_AXES for n in inputs}, opset=14)
    options = FusionOptions("bert")
    optimized = optimizer.optimize_model(path("bert-fused.onnx"), model_type="bert", num_heads=2, hidden_size=16, optimization_options=options, opt_level=0)
    optimized.save_model_to_file(path("bert-fused.onnx"))
    print(optimized.get_fused_operator_statistics())
    golden("bert-fused", Logits(model), inputs, ["logits"])


def llama():
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(vocab_size=20, hidden_size=12, num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=1, intermediate_size=20, max_position_embeddings=16, use_cache=False)
    model = randomize(LlamaForCausalLM(config)).eval()
    inputs = tokens(2, 6, 20, 15, [6, 4])
    export("llama", Logits(model).eval(), tokens(3, 5, 20, 16, [5, 4, 3]), ["logits"], {n: TOKEN_AXES for n in inputs}, opset=23, dynamo=True)
    golden("llama", Logits(model), inputs, ["logits"])


class Unet(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Conv2d(3, 4, 3, padding=1)
        self.groups = nn.GroupNorm(2, 4)
        self.slope = nn.PReLU(4)
        self.down = nn.Conv2d(4, 8, 3, stride=2, padding=1)
        self.instances = nn.InstanceNorm2d(8, affine=True)
        self.up = nn.ConvTranspose2d(8, 4, 2, stride=2)
        self.out = nn.Conv2d(8, 2, 1)

    def forward(self, x):
        a = self.slope(self.groups(self.inner(x)))
        up = self.up(nn.functional.hardswish(self.instances(self.down(a))))
        smooth = nn.functional.interpolate(nn.functional.avg_pool2d(a, 2), scale_factor=2, mode="bilinear", align_corners=False)
        return self.out(torch.cat([up, smooth], 1)).mean((2, 3))


def unet():
    model = randomize(Unet()).eval()
    export("unet", model, {"x": torch.randn(2, 3, 8, 8)}, ["logits"], {"x": {0: "batch", 2: "height", 3: "width"}})
    golden("unet", model, {"x": torch.randn(2, 3, 6, 10, generator=torch.Generator().manual_seed(17))}, ["logits"])


class Squeezing(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 5)

    def forward(self, x):
        return self.linear(x).squeeze(1).sum(1)


def squeeze_if():
    model = randomize(Squeezing()).eval()
    export("squeeze-if", model, {"x": torch.randn(2, 3, 4)}, ["logits"], {"x": {0: "batch", 1: "parts"}})
    golden("squeeze-if", model, {"x": torch.randn(3, 1, 4, generator=torch.Generator().manual_seed(12))}, ["logits"])
    with open(path("squeeze-if.json")) as f:
        record = json.load(f)
    x = torch.randn(3, 2, 4, generator=torch.Generator().manual_seed(13))
    record["other"] = {"inputs": {"x": tensor_json(x)}, "outputs": {"logits": tensor_json(model(x).detach())}}
    with open(path("squeeze-if.json"), "w") as f:
        json.dump(record, f)


class Layers(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(4, 4)
        self.b = nn.Linear(4, 3)

    def forward(self, x):
        return nn.functional.leaky_relu(self.b(nn.functional.leaky_relu(self.a(x), 0.1)), 0.3)


def functions():
    model = randomize(Layers()).eval()
    slope = h.make_node("LeakyRelu", ["sum"], ["y"])
    attribute = slope.attribute.add()
    attribute.name, attribute.ref_attr_name, attribute.type = "alpha", "slope", onnx.AttributeProto.FLOAT
    body = [h.make_node("Transpose", ["w"], ["turned"], perm=[1, 0]), h.make_node("MatMul", ["x", "turned"], ["product"]), h.make_node("Add", ["product", "c"], ["sum"]), slope]
    layer = h.make_function("org.example", "Layer", ["x", "w", "c"], ["y"], body, [h.make_opsetid("", 17)], [], [h.make_attribute("slope", 0.1)])
    branch = lambda name, op: h.make_graph([h.make_node(op, ["inner"], [name])], name, [], [h.make_tensor_value_info(name, T.FLOAT, None)])
    nodes = [
        h.make_node("Layer", ["x", "a.weight", "a.bias"], ["inner"], "first", domain="org.example"),
        h.make_node("Constant", [], ["always"], value=h.make_tensor("", T.BOOL, [], [True])),
        h.make_node("If", ["always"], ["chosen"], "branch", then_branch=branch("same", "Identity"), else_branch=branch("other", "Neg")),
        h.make_node("Layer", ["chosen", "b.weight", "b.bias"], ["logits"], "second", domain="org.example", slope=0.3),
    ]
    inputs = [h.make_tensor_value_info("x", T.FLOAT, ["batch", 4])]
    outputs = [h.make_tensor_value_info("logits", T.FLOAT, ["batch", 3])]
    weights = [numpy_helper.from_array(p.detach().numpy(), n) for n, p in model.named_parameters()]
    graph = h.make_graph(nodes, "functions", inputs, outputs, weights)
    onnx.save(h.make_model(graph, functions=[layer], opset_imports=[h.make_opsetid("", 17), h.make_opsetid("org.example", 1)], ir_version=8), path("functions.onnx"))
    golden("functions", model, {"x": torch.randn(5, 4, generator=torch.Generator().manual_seed(14))}, ["logits"])


MAKERS = {"mlp": mlp, "external": external, "cnn": cnn, "vit": vit, "distilbert": distilbert, "gpt2": gpt2, "bert-fused": bert_fused, "llama": llama, "unet": unet, "squeeze-if": squeeze_if, "functions": functions}
for name in sys.argv[1:] or MAKERS:
    torch.manual_seed(0)
    MAKERS[name]()
