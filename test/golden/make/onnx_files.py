"""Makes test/golden/onnx/*.onnx: models that other programs wrote, for the reader.

    pip install torch transformers onnx onnxscript && python test/golden/make/onnx_files.py

typed-fields.onnx  one initializer per dtype, numbers in the typed fields instead of raw_data
opset13.onnx       the forms of opset 13: axes as attributes, Split without num_outputs, nodes Constant, an initializer that is also an input
bert-export.onnx   a tiny BERT classifier as torch.onnx.export writes it, sizes symbolic; bert-export.json holds inputs and PyTorch's logits
"""
import json
import os
import warnings

import numpy as np
import onnx
import torch
from onnx import TensorProto as T
from onnx import helper as h
from transformers import BertConfig, BertForSequenceClassification

warnings.simplefilter("ignore")
FOLDER = os.path.join(os.path.dirname(__file__), "..", "onnx")
os.makedirs(FOLDER, exist_ok=True)


def save(model, name):
    onnx.checker.check_model(model)
    onnx.save(model, os.path.join(FOLDER, name))


def typed_fields():
    numbers = {
        T.FLOAT: [1.5, -2.25, 3e38], T.DOUBLE: [1.5, -2.25, 1e300], T.INT64: [1, -2, 2**62 + 1], T.INT32: [1, -2, 2**31 - 1], T.INT8: [1, -2, 127], T.UINT8: [1, 2, 255],
        T.BOOL: [True, False, True], T.FLOAT16: [1.5, -2.25, 65504.0],
    }
    initializers = [h.make_tensor(T.DataType.Name(t).lower(), t, [3], v) for t, v in numbers.items()]
    bfloat16 = T(name="bfloat16", data_type=T.BFLOAT16, dims=[3], int32_data=[0x3FC0, 0xC010, 0x7F7F])
    nodes = [h.make_node("Identity", [i.name], [f"{i.name}_out"]) for i in [*initializers, bfloat16]]
    outputs = [h.make_tensor_value_info(f"{i.name}_out", i.data_type, [3]) for i in [*initializers, bfloat16]]
    save(h.make_model(h.make_graph(nodes, "typed", [], outputs, [*initializers, bfloat16]), opset_imports=[h.make_opsetid("", 21)], ir_version=10), "typed-fields.onnx")


def opset13():
    nodes = [
        h.make_node("ReduceMean", ["x"], ["mean"], axes=[-1], keepdims=0, name="mean"),
        h.make_node("Split", ["x"], ["left", "right"], axis=1, name="split"),
        h.make_node("Constant", [], ["two"], value=h.make_tensor("", T.FLOAT, [], [2.0])),
        h.make_node("Mul", ["left", "two"], ["twice"]),
        h.make_node("Add", ["twice", "w"], ["sum"]),
        h.make_node("Dropout", ["sum"], ["kept", ""]),
    ]
    x = h.make_tensor_value_info("x", T.FLOAT, ["N", 4])
    w = h.make_tensor_value_info("w", T.FLOAT, [2])
    outputs = [h.make_tensor_value_info("mean", T.FLOAT, ["N"]), h.make_tensor_value_info("kept", T.FLOAT, ["N", 2]), h.make_tensor_value_info("right", T.FLOAT, ["N", 2])]
    graph = h.make_graph(nodes, "old", [x, w], outputs, [h.make_tensor("w", T.FLOAT, [2], [10.0, 20.0])])
    save(h.make_model(graph, opset_imports=[h.make_opsetid("ai.onnx", 13)], ir_version=7), "opset13.onnx")


class Logits(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, ids, mask, types):
        return self.model(input_ids=ids, attention_mask=mask, token_type_ids=types).logits


def bert_export():
    torch.manual_seed(0)
    config = BertConfig(vocab_size=20, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, max_position_embeddings=16, initializer_range=0.5)
    model = Logits(BertForSequenceClassification(config)).eval()
    names = ["ids", "mask", "types"]
    example = tuple(torch.ones(2, 5, dtype=torch.long) for _ in names)
    path = os.path.join(FOLDER, "bert-export.onnx")
    torch.onnx.export(model, example, path, input_names=names, output_names=["logits"], dynamic_axes={n: {0: "batch", 1: "seq"} for n in names}, opset_version=17, dynamo=False)
    ids = torch.randint(0, 20, (3, 7))
    mask = torch.tensor([[1] * 7, [1] * 4 + [0] * 3, [1] * 2 + [0] * 5])
    types = torch.tensor([[0] * 3 + [1] * 4] * 3)
    with torch.no_grad():
        logits = model(ids, mask, types)
    with open(os.path.join(FOLDER, "bert-export.json"), "w") as f:
        json.dump({"shape": [3, 7], "ids": ids.flatten().tolist(), "mask": mask.flatten().tolist(), "types": types.flatten().tolist(), "logits": np.asarray(logits).astype(float).ravel().tolist()}, f)


typed_fields()
opset13()
bert_export()
