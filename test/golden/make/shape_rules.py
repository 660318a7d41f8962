"""Makes test/golden/shape_rules.json: what ONNX's own node tests (reference values computed with numpy) say about the
dtypes and shapes of outputs. Only ops that the library has; sizes that decide shapes are recorded with their values.

    pip install onnx numpy && python test/golden/make/shape_rules.py
"""
import json
import os
import warnings

import numpy as np
import onnx
from onnx import helper, numpy_helper
from onnx.backend.test.case.node import collect_testcases

warnings.simplefilter("ignore")
OPS = """Add Sub Mul Div Pow Mod Sum Mean Max Min Neg Abs Exp Log Sqrt Reciprocal Tanh Sigmoid Relu Erf Sin Cos Tan Asin Acos Atan Sinh Cosh Asinh Acosh Atanh
Floor Ceil Round Sign Identity Not IsNaN IsInf Softplus Softsign Elu LeakyRelu Selu Celu HardSigmoid HardSwish Mish PRelu Clip Equal Greater GreaterOrEqual Less LessOrEqual
And Or Xor Where Cast MatMul Gemm Einsum ReduceSum ReduceMean ReduceMax ReduceMin ReduceProd ReduceL1 ReduceL2 ReduceSumSquare ReduceLogSum ReduceLogSumExp ArgMax ArgMin CumSum TopK
Softmax LogSoftmax LayerNormalization Gelu Dropout Reshape Flatten Transpose Squeeze Unsqueeze Concat Split Expand Tile Pad Shape Size Trilu Slice Gather GatherElements GatherND
ScatterElements ScatterND OneHot NonZero Constant ConstantOfShape Range
Swish ThresholdedRelu Shrink CastLike BitwiseAnd BitwiseOr BitwiseXor BitwiseNot BitShift Hardmax Compress Unique ReverseSequence EyeLike RMSNormalization MeanVarianceNormalization
LpNormalization Attention RotaryEmbedding SoftmaxCrossEntropyLoss NegativeLogLikelihoodLoss""".split()
DTYPES = {"float32": "float32", "float64": "float64", "float16": "float16", "int64": "int64", "int32": "int32", "int8": "int8", "uint8": "uint8", "bool": "bool"}
PER_OP = 20
# Outputs whose size depends on data that no shape rule sees.
DATA_DEPENDENT = {"NonZero", "Compress", "Unique"}


def attribute(a):
    v = helper.get_attribute_value(a)
    if a.type == onnx.AttributeProto.FLOAT:
        return {"float": v}
    if a.type == onnx.AttributeProto.FLOATS:
        return {"floats": list(v)}
    if a.type == onnx.AttributeProto.STRING:
        return {"string": v.decode()}
    if a.type == onnx.AttributeProto.TENSOR:
        array = numpy_helper.to_array(v)
        return {"tensor": {"dtype": array.dtype.name, "shape": list(array.shape), "values": array.astype(np.float64).ravel().tolist()}}
    return {"int": v} if a.type == onnx.AttributeProto.INT else {"ints": list(v)}


def described(array, values):
    array = np.asarray(array)
    out = {"dtype": DTYPES[array.dtype.name], "shape": list(array.shape)}
    if values and array.dtype == np.int64 and array.ndim <= 1 and array.size <= 64:
        out["values"] = array.ravel().tolist()
    return out


def main():
    cases, counts = [], {}
    for test in collect_testcases(None):
        if test.model is None or len(test.model.graph.node) != 1 or not test.data_sets:
            continue
        node = test.model.graph.node[0]
        versions = [o.version for o in test.model.opset_import if o.domain == ""]
        if node.op_type not in OPS or node.domain or not versions or versions[0] < 13 and node.op_type in ("Softmax", "Squeeze"):
            continue
        if any(a.type not in (1, 2, 3, 4, 6, 7) for a in node.attribute) or any(a.name == "axes" for a in node.attribute):
            continue
        given, results = test.data_sets[0]
        given = [g[1] if isinstance(g, tuple) else g for g in given]
        results = [r[1] if isinstance(r, tuple) else r for r in results]
        given = [numpy_helper.to_array(g) if isinstance(g, onnx.TensorProto) else g for g in given]
        results = [numpy_helper.to_array(r) if isinstance(r, onnx.TensorProto) else r for r in results]
        if not all(isinstance(v, (np.ndarray, np.generic)) and v.dtype.name in DTYPES for v in given + results):
            continue
        if counts.get(node.op_type, 0) >= PER_OP:
            continue
        counts[node.op_type] = counts.get(node.op_type, 0) + 1
        arrays = iter(given)
        outputs = iter(results)
        case = {
            "name": test.name,
            "op": node.op_type,
            "attributes": {a.name: attribute(a) for a in node.attribute},
            "inputs": [None if name == "" else described(next(arrays), True) for name in node.input],
            "outputs": [None if name == "" else described(next(outputs), False) for name in node.output],
        }
        if node.op_type in DATA_DEPENDENT:
            for o in case["outputs"]:
                o["shape"] = o["shape"][:-1] + [None] if node.op_type == "NonZero" else [None] * len(o["shape"])
        cases.append(case)
    path = os.path.join(os.path.dirname(__file__), "..", "shape_rules.json")
    with open(path, "w") as f:
        f.write("[\n" + ",\n".join(json.dumps(c, separators=(",", ":"), sort_keys=True) for c in cases) + "\n]\n")
    print(len(cases), "cases,", os.path.getsize(path), "bytes; without a case:", sorted(set(OPS) - set(counts)))


main()
