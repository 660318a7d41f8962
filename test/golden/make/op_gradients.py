"""Makes test/golden/op-gradients.json: what torch (float64) says of ops of ONNX and of their gradients.

    python test/golden/make/op_gradients.py

Each case is one node: its attributes, inputs, outputs, and the gradients of those float inputs that have one. The loss is the sum of all float outputs, the i-th element of the
k-th output times cos(0.7 i + k + 0.3).
"""
import json, math, pathlib
import numpy as np
import torch
import torch.nn.functional as F

torch.set_num_threads(1)
rng = np.random.default_rng(8)
CASES = []


class T:
    """A float input. fixed: it is known while the graph is built; frozen: nobody asks for its gradient."""

    def __init__(self, *shape, low=-1.5, high=1.5, values=None, fixed=False, frozen=False, apart=False):
        n = math.prod(shape)
        if values is None:
            values = rng.uniform(low, high, n)
            if apart:
                values = (rng.permutation(n) - n / 2 + 0.5) * (high - low) / n
        self.array = np.round(np.asarray(values, np.float64).reshape(shape), 3)
        self.dtype, self.fixed, self.frozen = "float32", fixed, frozen or fixed


class N(T):
    """Whole numbers; known while the graph is built unless fed."""

    def __init__(self, values, dtype="int64", fed=False):
        self.array = np.asarray(values)
        self.dtype, self.fixed, self.frozen = dtype, not fed, True


def case(op, inputs, fn, name=None, **attributes):
    # Positive numbers with other signs where an op needs them come from T's bounds.
    tensors = []
    for x in inputs:
        if x is None:
            tensors.append(None)
            continue
        t = torch.from_numpy(np.array(x.array))
        t = t.to({"float32": torch.float64, "int64": torch.int64, "int32": torch.int64, "bool": torch.bool}[x.dtype])
        tensors.append(t.requires_grad_() if x.dtype == "float32" and not x.frozen else t)
    outputs = fn(*tensors)
    outputs = outputs if isinstance(outputs, (tuple, list)) else (outputs,)
    loss = 0
    for k, y in enumerate(outputs):
        if y.is_floating_point():
            weights = torch.cos(0.7 * torch.arange(y.numel(), dtype=torch.float64) + k + 0.3).reshape(y.shape)
            loss = loss + (y * weights).sum()
    wrt = [t for t in tensors if t is not None and t.requires_grad]
    grads = iter(torch.autograd.grad(loss, wrt, allow_unused=True) if wrt else [])
    kept = lambda t: [round(float(v), 7) if math.isfinite(v) else str(v) for v in t.detach().double().flatten().tolist()]
    CASES.append({
        "name": name or op,
        "op": op,
        "attributes": {k: attribute(v) for k, v in attributes.items()},
        "inputs": [None if x is None else {"dtype": x.dtype, "shape": list(x.array.shape), "values": np.asarray(x.array).astype(np.float64).flatten().tolist(), **({"fixed": True} if x.fixed else {})} for x in inputs],
        "outputs": [{"shape": list(y.shape), "values": kept(y)} for y in outputs],
        "gradients": [None if t is None or not t.requires_grad else (lambda g: kept(torch.zeros_like(t) if g is None else g))(next(grads)) for t in tensors],
    })


def attribute(v):
    if isinstance(v, bool): return {"int": int(v)}
    if isinstance(v, int): return {"int": v}
    if isinstance(v, float): return {"float": v}
    if isinstance(v, str): return {"string": v}
    return {"ints": list(v)} if all(isinstance(x, int) for x in v) else {"floats": list(v)}


S = (3, 4)
kinks = lambda: T(*S, apart=True, low=-6, high=6)
# ---- functions of one operand
for op, fn in {
    "Identity": lambda x: x.clone(), "Neg": torch.neg, "Abs": torch.abs, "Exp": torch.exp, "Sin": torch.sin, "Cos": torch.cos, "Tan": torch.tan, "Atan": torch.atan, "Sinh": torch.sinh,
    "Cosh": torch.cosh, "Asinh": torch.asinh, "Tanh": torch.tanh, "Sigmoid": torch.sigmoid, "Erf": torch.erf, "Softplus": F.softplus, "Softsign": F.softsign, "Relu": F.relu, "Elu": F.elu,
    "Selu": F.selu, "Celu": F.celu, "LeakyRelu": F.leaky_relu, "HardSwish": F.hardswish, "Mish": F.mish, "Swish": F.silu, "Gelu": F.gelu, "Softmax": lambda x: x.softmax(-1),
    "LogSoftmax": lambda x: x.log_softmax(-1), "Floor": torch.floor, "Ceil": torch.ceil, "Round": torch.round, "Sign": torch.sign,
}.items():
    case(op, [kinks() if op in ("Relu", "Elu", "Selu", "Celu", "LeakyRelu", "HardSwish", "Abs", "Floor", "Ceil", "Round", "Mish") else T(*S)], fn)
for op, fn in {"Log": torch.log, "Sqrt": torch.sqrt, "Reciprocal": torch.reciprocal}.items():
    case(op, [T(*S, low=0.2, high=3)], fn)
for op, fn in {"Asin": torch.asin, "Acos": torch.acos, "Atanh": torch.atanh}.items():
    case(op, [T(*S, low=-0.9, high=0.9)], fn)
case("Acosh", [T(*S, low=1.1, high=4)], torch.acosh)
case("Elu", [kinks()], lambda x: F.elu(x, 0.4), "Elu alpha", alpha=0.4)
case("Celu", [kinks()], lambda x: F.celu(x, 1.7), "Celu alpha", alpha=1.7)
case("Selu", [kinks()], lambda x: 1.3 * torch.where(x > 0, x, 0.6 * (x.exp() - 1)), "Selu alpha, gamma", alpha=0.6, gamma=1.3)
case("LeakyRelu", [kinks()], lambda x: F.leaky_relu(x, 0.2), "LeakyRelu alpha", alpha=0.2)
case("HardSigmoid", [kinks()], lambda x: torch.clamp(0.2 * x + 0.5, 0, 1))
case("HardSigmoid", [kinks()], F.hardsigmoid, "HardSigmoid of torch", alpha=1 / 6, beta=0.5)
case("ThresholdedRelu", [kinks()], lambda x: F.threshold(x, 1.0, 0.0))
case("Shrink", [kinks()], lambda x: F.hardshrink(x, 1.2), "Shrink hard", lambd=1.2)
case("Shrink", [kinks()], lambda x: F.softshrink(x, 1.2), "Shrink soft", lambd=1.2, bias=1.2)
case("Swish", [T(*S)], lambda x: x * torch.sigmoid(1.7 * x), "Swish alpha", alpha=1.7)
case("Gelu", [T(*S)], lambda x: F.gelu(x, approximate="tanh"), "Gelu tanh", approximate="tanh")
case("Softmax", [T(2, 3, 4)], lambda x: x.softmax(1), "Softmax axis 1", axis=1)
case("LogSoftmax", [T(2, 3, 4)], lambda x: x.log_softmax(0), "LogSoftmax axis 0", axis=0)
case("Cast", [T(*S)], lambda x: x.clone(), "Cast to double", to=11)
case("CastLike", [T(*S), T(1, fixed=True)], lambda x, _: x.clone())
case("Clip", [kinks(), T(values=-1.3), T(values=2.1)], lambda x, a, b: torch.clamp(x, a, b))
case("Clip", [kinks(), None, T(values=2.1, fixed=True)], lambda x, a, b: torch.clamp(x, max=b), "Clip above")
case("Clip", [kinks(), T(values=0.2)], lambda x, a: torch.clamp(x, min=a), "Clip below")
case("PRelu", [kinks(), T(4)], lambda x, s: torch.where(x > 0, x, x * s))
case("PRelu", [T(2, 3, 2, apart=True), T(3, 1)], lambda x, s: F.prelu(x, s.flatten()), "PRelu by channel")
# ---- arithmetic
B = lambda: [T(2, 1, 4), T(3, 1)]
P = lambda: [T(2, 1, 4, low=0.5, high=2), T(3, 1, low=0.5, high=2)]
for op, fn in {"Add": torch.add, "Sub": torch.sub, "Mul": torch.mul}.items():
    case(op, B(), fn)
case("Div", P(), torch.div)
case("Pow", P(), torch.pow)
case("Pow", [T(*S), T(values=3.0, fixed=True)], lambda x, p: x**3, "Pow 3")
case("Pow", [T(*S), N(2)], lambda x, p: x**2, "Pow whole")
case("Pow", [T(*S, low=0.3, high=2), T(values=-0.5, fixed=True)], lambda x, p: x**-0.5, "Pow -0.5")
case("Mod", [T(*S, low=-5, high=5), T(4, low=0.8, high=2)], torch.fmod, fmod=1)
three = lambda: [T(2, 1, 4, apart=True), T(3, 1, apart=True), T(2, 3, 4, apart=True)]
case("Sum", three(), lambda a, b, c: a + b + c)
case("Mean", three(), lambda a, b, c: (a + b + c) / 3)
case("Max", three(), lambda a, b, c: torch.maximum(torch.maximum(a, b), c))
case("Min", three(), lambda a, b, c: torch.minimum(torch.minimum(a, b), c))
case("Max", [T(4, values=[1, 2, 3, 3]), T(4, values=[2, 1, 3, 1])], torch.maximum, "Max with equal ones")
case("Where", [N(rng.integers(0, 2, (2, 1, 4)), "bool", fed=True), T(3, 1), T(2, 3, 4)], torch.where)
# ---- reductions
axes = N([0, 2])
R = lambda: T(2, 3, 4, low=0.3, high=2, apart=False)
for op, fn in {
    "ReduceSum": lambda x: x.sum((0, 2)), "ReduceMean": lambda x: x.mean((0, 2)), "ReduceMax": lambda x: x.amax((0, 2)), "ReduceMin": lambda x: x.amin((0, 2)),
    "ReduceL1": lambda x: x.abs().sum((0, 2)), "ReduceL2": lambda x: (x * x).sum((0, 2)).sqrt(), "ReduceSumSquare": lambda x: (x * x).sum((0, 2)), "ReduceLogSum": lambda x: x.sum((0, 2)).log(),
    "ReduceLogSumExp": lambda x: x.logsumexp((0, 2)), "ReduceProd": lambda x: x.prod(2).prod(0),
}.items():
    case(op, [R(), axes], lambda x, _: fn(x), keepdims=0)
    case(op, [R(), axes], lambda x, _: fn(x).reshape(1, 3, 1), op + " keepdims")
    case(op, [R()], lambda x: fn(x.reshape(24, 1, 1)).reshape(()), op + " all", keepdims=0)
case("ReduceL2", [T(2, 3, values=[0, 0, 0, 1, 2, 2]), N([1])], lambda x, _: torch.linalg.vector_norm(x, dim=1), "ReduceL2 of zeros", keepdims=0)
case("ReduceL1", [kinks(), N([1])], lambda x, _: x.abs().sum(1), "ReduceL1 of both signs", keepdims=0)
case("ReduceMax", [T(2, 4, values=[1, 3, 3, 2, 5, 5, 5, 5]), N([1])], lambda x, _: x.amax(1), "ReduceMax with equal ones", keepdims=0)
case("ReduceProd", [T(3, 4, values=[1, 2, -3, 0.5, 0, 2, 3, -1, 0, 1.5, 0, 2]), N([1])], lambda x, _: x.prod(1), "ReduceProd with zeros", keepdims=0)
case("CumSum", [T(2, 3), N(1)], lambda x, _: x.cumsum(1))
case("CumSum", [T(2, 3), N(0)], lambda x, _: x.flip(0).cumsum(0).flip(0) - x, "CumSum reverse, exclusive", reverse=1, exclusive=1)
case("TopK", [T(2, 5, apart=True), N([3])], lambda x, _: x.topk(3, -1), sorted=1)
case("TopK", [T(4, 3, apart=True), N([2])], lambda x, _: x.topk(2, 0, largest=False), "TopK smallest, axis 0", axis=0, largest=0)
# ---- products
case("MatMul", [T(2, 3, 4), T(4, 5)], torch.matmul)
case("MatMul", [T(2, 1, 3, 4), T(3, 4, 2)], torch.matmul, "MatMul with broadcast batch dims")
case("MatMul", [T(4), T(2, 4, 3)], torch.matmul, "MatMul of a vector")
case("Gemm", [T(4, 3), T(5, 4), T(1, 5)], lambda a, b, c: 0.5 * a.t() @ b.t() + 2 * c, alpha=0.5, beta=2.0, transA=1, transB=1)
for equation, shapes in {
    "ij,jk->ik": [(2, 3), (3, 4)], "bij,bjk->bik": [(2, 3, 4), (2, 4, 2)], "bhqd,bhkd->bhqk": [(2, 2, 3, 4), (2, 2, 5, 4)], "bsh,hd->bsd": [(2, 3, 4), (4, 5)], "bqhd,bkhd->bhqk": [(2, 3, 2, 4), (2, 5, 2, 4)],
    "bhqk,bkhd->bqhd": [(2, 2, 3, 5), (2, 5, 2, 4)], "abc,cde->abde": [(2, 3, 4), (4, 2, 3)], "abcd,cdef->abef": [(2, 2, 3, 2), (3, 2, 2, 2)], "i,j->ij": [(3,), (4,)], "i,i->": [(4,), (4,)], "ij->ji": [(2, 3)], "ij->": [(2, 3)],
    "ij->j": [(2, 3)], "ii->i": [(3, 3)], "ii->": [(3, 3)], "aiji->aj": [(2, 3, 4, 3)], "...ij,...jk->...ik": [(2, 1, 3, 4), (5, 4, 2)], "...i,...i->...": [(2, 3), (1, 3)], "ij,jk,kl->il": [(2, 3), (3, 4), (4, 2)],
    "ab,cd->acbd": [(2, 3), (2, 2)], "bij,bj->bi": [(2, 3, 4), (2, 4)], "bi,bij->bj": [(2, 3), (2, 3, 4)], "ab,abc,c->b": [(2, 3), (2, 3, 4), (4,)], "ji,jk->ik": [(3, 2), (3, 4)], "ij,kj->ik": [(2, 3), (4, 3)],
    "bji,bkj->bki": [(2, 3, 4), (2, 5, 3)], "ijk,ilm->jklm": [(2, 3, 2), (2, 2, 3)], "ab,bc": [(2, 3), (3, 4)], "ba": [(2, 3)], "abi,cbi->b": [(2, 3, 4), (5, 3, 4)],
}.items():
    case("Einsum", [T(*s) for s in shapes], lambda *x: torch.einsum(equation, *x), f"Einsum {equation}", equation=equation)
# ---- shapes
case("Reshape", [T(2, 6), N([3, -1])], lambda x, _: x.reshape(3, 4))
case("Flatten", [T(2, 3, 4)], lambda x: x.reshape(6, 4), axis=2)
case("Transpose", [T(2, 3, 4)], lambda x: x.permute(1, 2, 0), perm=[1, 2, 0])
case("Transpose", [T(2, 3, 4)], lambda x: x.permute(2, 1, 0), "Transpose by default")
case("Squeeze", [T(2, 1, 3), N([1])], lambda x, _: x.squeeze(1))
case("Unsqueeze", [T(2, 3), N([0, -1])], lambda x, _: x.reshape(1, 2, 3, 1))
case("Concat", [T(2, 3), T(2, 1), T(2, 2)], lambda *x: torch.cat(x, 1), axis=-1)
case("Split", [T(2, 6), N([1, 3, 2])], lambda x, _: x.split([1, 3, 2], 1), axis=1)
case("Split", [T(2, 5)], lambda x: x.split(2, 1), "Split in unequal parts", axis=1, num_outputs=3)
case("Expand", [T(3, 1), N([2, 1, 4])], lambda x, _: x.expand(2, 3, 4))
case("Tile", [T(2, 3), N([2, 3])], lambda x, _: x.repeat(2, 3))
case("Tile", [T(2, 3), N([2, 3], fed=True)], lambda x, _: x.repeat(2, 3), "Tile with repeats that are fed")
case("Pad", [T(2, 3), N([1, 0, 2, 1]), T(values=0.7)], lambda x, _, v: torch.cat([v.expand(1, 4), torch.cat([x, v.expand(2, 1)], 1), v.expand(2, 4)], 0))
case("Pad", [T(4, 5), N([-1, 2, 1, -2])], lambda x, _: F.pad(x, (2, -2, -1, 1)), "Pad with negative counts")
case("Pad", [T(2, 3), N([1, 2]), None, N([-1])], lambda x, *_: F.pad(x, (1, 2)), "Pad of one axis")
image = lambda: T(1, 2, 3, 4)
around = N([0, 0, 2, 1, 0, 0, 1, 3])
case("Pad", [image(), around], lambda x, _: F.pad(x, (1, 3, 2, 1), mode="reflect"), "Pad reflect", mode="reflect")
case("Pad", [image(), around], lambda x, _: F.pad(x, (1, 3, 2, 1), mode="replicate"), "Pad edge", mode="edge")
case("Pad", [image(), around], lambda x, _: F.pad(x, (1, 3, 2, 1), mode="circular"), "Pad wrap", mode="wrap")
case("Trilu", [T(2, 3, 4), N(1)], lambda x, _: x.triu(1))
case("Trilu", [T(2, 3, 4), N(-1)], lambda x, _: x.tril(-1), "Trilu lower", upper=0)
case("Slice", [T(4, 5), N([1, -1]), N([3, -5]), N([0, 1]), N([1, -2])], lambda x, *_: x[1:3].flip(1)[:, ::2][:, :2])
case("ReverseSequence", [T(4, 3), N([1, 2, 4], fed=True)], lambda x, _: torch.stack([torch.cat([x[:n, i].flip(0), x[n:, i]]) for i, n in enumerate([1, 2, 4])], 1), time_axis=0, batch_axis=1)
# ---- picking and placing
case("Gather", [T(4, 3), N([[1, 3], [-1, 1]], fed=True)], lambda x, i: x[i])
case("Gather", [T(2, 4), N([0, 2, 2])], lambda x, i: x[:, i], "Gather axis 1", axis=1)
case("GatherElements", [T(3, 3), N([[1, 2, 0], [2, 0, 0]], fed=True)], lambda x, i: x.gather(0, i), axis=0)
case("GatherND", [T(2, 3, 4), N([[[0, 1], [1, 2]], [[1, -1], [0, 1]]], fed=True)], lambda x, i: x[i[..., 0], i[..., 1]])
case("GatherND", [T(3, 4), N([[2], [0], [2]])], lambda x, i: x[i[:, 0]], "GatherND of rows, one twice")
case("GatherND", [T(2, 3, 4), N([[[1], [0]], [[2], [2]]], fed=True)], lambda x, i: torch.stack([x[b][i[b, :, 0]] for b in range(2)]), "GatherND batch_dims 1", batch_dims=1)
case("GatherND", [T(2, 3, 4, 2), N([[[1], [0], [3]], [[2], [2], [-1]]], fed=True)], lambda x, i: torch.stack([torch.stack([x[b, c][i[b, c, 0]] for c in range(3)]) for b in range(2)]), "GatherND batch_dims 2", batch_dims=2)


def put(x, i, u, mode=None):
    flat = (i[..., 0], i[..., 1])
    if mode is None:
        return x.index_put(flat, u)
    return x.index_put(flat, u, accumulate=True)


unique = N([[0, 1], [1, 2], [1, 0]], fed=True)
twice = N([[0, 1], [1, 2], [0, 1]], fed=True)
case("ScatterND", [T(2, 3, 2), unique, T(3, 2)], put)
case("ScatterND", [T(2, 3, 2), twice, T(3, 2)], lambda x, i, u: put(x, i, u, "add"), "ScatterND add", reduction="add")


def extreme(mode):
    def fn(x, i, u):
        index = (i[:, 0] * 3 + i[:, 1])[:, None].expand(3, 2)
        return x.reshape(6, 2).scatter_reduce(0, index, u, mode, include_self=True).reshape(2, 3, 2)

    return fn


case("ScatterND", [T(2, 3, 2, apart=True), twice, T(3, 2, apart=True)], extreme("amax"), "ScatterND max", reduction="max")
case("ScatterND", [T(2, 3, 2, apart=True), twice, T(3, 2, apart=True)], extreme("amin"), "ScatterND min", reduction="min")
places = N([[1, 0, 2], [0, 2, 1]], fed=True)
again = N([[1, 0, 2], [1, 0, 0]], fed=True)
case("ScatterElements", [T(3, 3), places, T(2, 3)], lambda x, i, u: x.scatter(0, i, u), axis=0)
case("ScatterElements", [T(3, 3), again, T(2, 3)], lambda x, i, u: x.scatter_add(0, i, u), "ScatterElements add", axis=0, reduction="add")
case("ScatterElements", [T(3, 3, apart=True), again, T(2, 3, apart=True)], lambda x, i, u: x.scatter_reduce(0, i, u, "amax"), "ScatterElements max", axis=0, reduction="max")
case("ScatterElements", [T(2, 4), N([[1, 3], [0, 2]], fed=True), T(2, 2)], lambda x, i, u: x.scatter(1, i, u), "ScatterElements axis 1", axis=1)
case("OneHot", [N([1, 0, 2], fed=True), N([3]), T(2)], lambda i, _, v: torch.where(F.one_hot(i, 3).bool(), v[1], v[0]))
case("Compress", [T(4, 3), N([0, 1, 1, 0], "bool", fed=True)], lambda x, c: x[c], axis=0)
case("Compress", [T(2, 3), N([0, 1, 1, 0, 1, 0], "bool", fed=True)], lambda x, c: x.flatten()[c], "Compress of elements")
# ---- normalizations
case("LayerNormalization", [T(2, 3, 4), T(4), T(4)], lambda x, w, b: F.layer_norm(x, (4,), w, b, 1e-5))
case("LayerNormalization", [T(2, 3, 4), T(3, 4)], lambda x, w: F.layer_norm(x, (3, 4), w, None, 1e-3), "LayerNormalization of two dims", axis=1, epsilon=1e-3)
case("RMSNormalization", [T(2, 3, 4), T(4)], lambda x, w: F.rms_norm(x, (4,), w, 1e-5))
case("RMSNormalization", [T(2, 3, 4), T(3, 4)], lambda x, w: F.rms_norm(x, (3, 4), w, 1e-2), "RMSNormalization of two dims", axis=1, epsilon=1e-2)
case("MeanVarianceNormalization", [T(2, 3, 2, 2)], lambda x: (x - x.mean((0, 2, 3), True)) / (x.var((0, 2, 3), unbiased=False, keepdim=True).sqrt() + 1e-9))
case("LpNormalization", [T(3, 4)], lambda x: F.normalize(x, dim=-1))
case("LpNormalization", [kinks()], lambda x: F.normalize(x, p=1, dim=0), "LpNormalization 1, axis 0", axis=0, p=1)
# ---- losses
labels = N([2, 0, 1, 2], fed=True)
case("SoftmaxCrossEntropyLoss", [T(4, 3), labels], F.cross_entropy)
case("SoftmaxCrossEntropyLoss", [T(4, 3), labels, T(3, low=0.5, high=2, frozen=True)], lambda x, y, w: F.cross_entropy(x, y, w, ignore_index=0), "SoftmaxCrossEntropyLoss with weights and ignored labels", ignore_index=0)
case("SoftmaxCrossEntropyLoss", [T(2, 3, 2), N([[2, 0], [-100, 1]], fed=True)], lambda x, y: (F.cross_entropy(x, y, reduction="none", ignore_index=-100), x.log_softmax(1)), "SoftmaxCrossEntropyLoss of each, with log probabilities", ignore_index=-100, reduction="none")
case("SoftmaxCrossEntropyLoss", [T(4, 3), N([2, 0, 1, 2], "int32", fed=True)], lambda x, y: F.cross_entropy(x, y, reduction="sum"), "SoftmaxCrossEntropyLoss sum", reduction="sum")
case("NegativeLogLikelihoodLoss", [T(4, 3), labels], F.nll_loss)
case("NegativeLogLikelihoodLoss", [T(2, 3, 2), N([[2, 0], [1, 1]], fed=True), T(3, low=0.5, high=2, frozen=True)], lambda x, y, w: F.nll_loss(x, y, w), "NegativeLogLikelihoodLoss with weights")


# ---- attention
def heads(x, n):
    return x if x.dim() == 4 else x.reshape(x.shape[0], x.shape[1], n, -1).transpose(1, 2)


def attention(q, k, v, mask=None, n=0, kv=0, causal=False, scale=None, **rest):
    three = q.dim() == 3
    q, k, v = heads(q, n), heads(k, kv), heads(v, kv)
    y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=causal, scale=scale, enable_gqa=q.shape[1] != k.shape[1])
    return y.transpose(1, 2).reshape(y.shape[0], y.shape[2], -1) if three else y


q4 = lambda: [T(2, 2, 3, 4), T(2, 2, 5, 4), T(2, 2, 5, 3)]
case("Attention", q4(), attention)
case("Attention", [T(2, 3, 8), T(2, 5, 8), T(2, 5, 6)], lambda q, k, v: attention(q, k, v, n=2, kv=2), "Attention of three dims", q_num_heads=2, kv_num_heads=2)
case("Attention", [T(2, 4, 3, 4), T(2, 2, 5, 4), T(2, 2, 5, 3)], attention, "Attention with fewer heads of keys")
case("Attention", [T(2, 2, 4, 4), T(2, 2, 4, 4), T(2, 2, 4, 3)], lambda q, k, v: attention(q, k, v, causal=True, scale=0.3), "Attention causal, scaled", is_causal=1, scale=0.3)
case("Attention", [*q4(), T(2, 1, 3, 5)], attention, "Attention with a bias")
case("Attention", [*q4(), N([[[[1, 1, 0, 1, 0]]], [[[0, 1, 1, 1, 1]]]], "bool", fed=True)], attention, "Attention with a mask")
dead = np.ones((3, 5), bool)
dead[1] = False


def guarded(q, k, v, mask):
    scores = (q @ k.transpose(-1, -2) / 2 + torch.where(mask, 0.0, -1e30)).softmax(-1)
    return scores * mask.any(-1, keepdim=True) @ v


case("Attention", [*q4(), N(dead, "bool", fed=True)], guarded, "Attention with a row that sees nothing")
case("Attention", q4(), lambda q, k, v: (3 * torch.tanh(q @ k.transpose(-1, -2) / 2 / 3)).softmax(-1) @ v, "Attention with softcap", softcap=3.0)


def past(q, k, v, _, pk, pv):
    k, v = torch.cat([pk, k], 2), torch.cat([pv, v], 2)
    mask = torch.arange(5)[None, :] <= torch.arange(3)[:, None] + 2
    return attention(q, k, v, mask), k, v


case("Attention", [T(2, 2, 3, 4), T(2, 2, 3, 4), T(2, 2, 3, 3), None, T(2, 2, 2, 4), T(2, 2, 2, 3)], past, "Attention causal after a past", is_causal=1)
lengths = np.array([2, 5])
case("Attention", [*q4(), None, None, None, N(lengths, fed=True)], lambda q, k, v, *_: attention(q, k, v, torch.from_numpy(np.arange(5) < lengths[:, None])[:, None, None]), "Attention with lengths")


def rotate(x, cos, sin, n=0, part=0, interleaved=False):
    y = x.transpose(1, 2) if x.dim() == 4 else x.reshape(x.shape[0], x.shape[1], n, -1)
    part = part or y.shape[-1]
    y, rest = y[..., :part], y[..., part:]
    cos, sin = cos[:, :, None], sin[:, :, None]
    a, c = (y[..., 0::2], y[..., 1::2]) if interleaved else y.chunk(2, -1)
    real, imaginary = a * cos - c * sin, a * sin + c * cos
    y = torch.stack([real, imaginary], -1).reshape(y.shape) if interleaved else torch.cat([real, imaginary], -1)
    y = torch.cat([y, rest], -1)
    return y.transpose(1, 2) if x.dim() == 4 else y.reshape(x.shape)


positions = N([[0, 1, 2], [2, 3, 4]], fed=True)
case("RotaryEmbedding", [T(2, 2, 3, 4), T(6, 2), T(6, 2), positions], lambda x, c, s, p: rotate(x, c[p], s[p]))
case("RotaryEmbedding", [T(2, 3, 12), T(2, 3, 2), T(2, 3, 2)], lambda x, c, s: rotate(x, c, s, 2, 4, True), "RotaryEmbedding of a part, interleaved", num_heads=2, rotary_embedding_dim=4, interleaved=1)

path = pathlib.Path(__file__).parent.parent / "op-gradients.json"
path.write_text("[\n" + ",\n".join(json.dumps(c, separators=(",", ":")) for c in CASES) + "\n]\n")
print(len(CASES), "cases", path.stat().st_size, "bytes,", len({c["op"] for c in CASES}), "ops")
