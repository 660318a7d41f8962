"""Makes test/golden/conv-gradients.json: outputs and gradients of convolutions, pools, normalizations and resizing by torch.

    pip install torch && python test/golden/make/conv_gradients.py
"""
import json
import os

import torch
import torch.nn.functional as F

torch.manual_seed(7)
cases = []


def rounded(t):
    return [float(f"{v:.6g}") for v in t.detach().double().flatten().tolist()]


def described(t):
    return {"shape": list(t.shape), "values": rounded(t)}


def add(name, op, attributes, inputs, function, constants=None, grads=None):
    """inputs: tensors by position (None where left out); function: of them; constants: inputs that are part of the graph."""
    leaves = [None if x is None else x.clone().requires_grad_(x.is_floating_point()) for x in inputs]
    y = function(*leaves)
    dy = torch.randn(y.shape)
    wanted = [i for i, x in enumerate(leaves) if x is not None and x.requires_grad and (grads is None or i in grads)]
    found = torch.autograd.grad(y, [leaves[i] for i in wanted], dy)
    cases.append(
        {
            "name": name,
            "op": op,
            "attributes": attributes,
            "inputs": [None if x is None else described(x) for x in inputs],
            "constants": constants or {},
            "output": described(y),
            "dy": rounded(dy),
            "gradients": {str(i): rounded(g) for i, g in zip(wanted, found)},
        }
    )


def spread(*shape):
    """Numbers far enough from each other that no maximum is in doubt."""
    n = 1
    for d in shape:
        n *= d
    return (torch.randperm(n).float() * 0.1 - n * 0.05).reshape(shape)


def convs():
    functions = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}

    def conv(name, x, w, bias=False, stride=None, pads=None, dilation=None, group=1, more=None):
        n = len(w) - 2
        stride, dilation, pads = stride or [1] * n, dilation or [1] * n, pads or [0] * (2 * n)
        around = [p for i in reversed(range(n)) for p in (pads[i], pads[i + n])]
        attributes = {"strides": stride, "dilations": dilation, "group": group, **(more or {"pads": pads})}
        inputs = [torch.randn(x), torch.randn(w)] + ([torch.randn(w[0])] if bias else [])
        add(name, "Conv", attributes, inputs, lambda x, w, b=None: functions[n](F.pad(x, around), w, b, stride, 0, dilation, group))

    conv("3x3 with a bias", [2, 3, 5, 6], [4, 3, 3, 3], True, pads=[1, 1, 1, 1])
    conv("3x3 without pads", [2, 2, 5, 4], [3, 2, 3, 3])
    conv("stride 2, even size", [1, 2, 6, 6], [3, 2, 3, 3], True, [2, 2], [1, 1, 1, 1])
    conv("stride 2, odd size", [2, 2, 7, 5], [3, 2, 3, 3], False, [2, 2], [1, 1, 1, 1])
    conv("strides that leave a rest", [1, 2, 9, 8], [2, 2, 3, 2], False, [4, 3])
    conv("1x1", [2, 3, 4, 3], [5, 3, 1, 1], True)
    conv("1x1, stride 2", [2, 3, 5, 4], [2, 3, 1, 1], False, [2, 2])
    conv("dilated", [1, 2, 7, 8], [2, 2, 3, 2], False, None, [2, 1, 0, 1], [2, 3])
    conv("dilated, stride 2", [1, 2, 9, 9], [2, 2, 3, 3], False, [2, 2], [2, 2, 2, 2], [2, 2])
    conv("two groups", [2, 4, 5, 5], [6, 2, 3, 3], True, None, [1, 1, 1, 1], None, 2)
    conv("two groups, stride 2", [2, 4, 5, 5], [6, 2, 3, 3], False, [2, 2], [1, 1, 1, 1], None, 2)
    conv("depthwise", [2, 3, 5, 4], [3, 1, 3, 3], True, None, [1, 1, 1, 1], None, 3)
    conv("depthwise, two outputs each", [1, 3, 5, 4], [6, 1, 2, 2], False, None, None, None, 3)
    conv("pads on one side", [1, 2, 5, 4], [2, 2, 3, 2], False, None, [0, 1, 2, 0])
    conv("pads beyond the kernel", [1, 2, 3, 3], [2, 2, 2, 2], False, None, [2, 3, 2, 2])
    conv("patches", [2, 3, 6, 4], [5, 3, 3, 2], True, [3, 2])
    conv("patches that leave a rest", [1, 2, 5, 5], [3, 2, 2, 2], False, [2, 2])
    conv("patches in groups", [1, 4, 4, 4], [4, 2, 2, 2], False, [2, 2], None, None, 2)
    conv("one dim", [2, 3, 9], [4, 3, 3], True, [2], [1, 1])
    conv("three dims", [1, 2, 4, 3, 4], [2, 2, 2, 3, 2], False, [1, 1, 2], [1, 1, 0, 0, 1, 0])
    conv("SAME_UPPER", [1, 2, 5, 6], [2, 2, 3, 4], False, None, [1, 1, 1, 2], None, 1, {"auto_pad": "SAME_UPPER"})
    conv("SAME_LOWER, stride 2", [1, 2, 6, 5], [2, 2, 3, 4], False, [2, 2], [1, 2, 0, 1], None, 1, {"auto_pad": "SAME_LOWER"})
    conv("VALID", [1, 2, 5, 6], [2, 2, 3, 4], False, [2, 1], None, None, 1, {"auto_pad": "VALID"})


def transposed():
    functions = {1: F.conv_transpose1d, 2: F.conv_transpose2d}

    def conv(name, x, w, bias=False, stride=None, pad=None, extra=None, dilation=None, group=1):
        n = len(w) - 2
        stride, dilation, pad, extra = stride or [1] * n, dilation or [1] * n, pad or [0] * n, extra or [0] * n
        attributes = {"strides": stride, "dilations": dilation, "group": group, "pads": pad + pad, "output_padding": extra}
        inputs = [torch.randn(x), torch.randn(w)] + ([torch.randn(w[1] * group)] if bias else [])
        add(name, "ConvTranspose", attributes, inputs, lambda x, w, b=None: functions[n](x, w, b, stride, pad, extra, group, dilation))

    conv("transposed", [2, 3, 4, 3], [3, 2, 3, 3], True, pad=[1, 1])
    conv("transposed, stride 2", [1, 3, 3, 4], [3, 2, 2, 2], True, [2, 2])
    conv("transposed, stride 2, longer output", [2, 2, 3, 4], [2, 3, 3, 3], False, [2, 2], [1, 1], [1, 1])
    conv("transposed, two groups", [1, 4, 3, 3], [4, 2, 3, 3], True, [2, 2], [1, 1], None, None, 2)
    conv("transposed, dilated", [1, 2, 3, 3], [2, 2, 2, 3], False, [2, 1], [1, 0], None, [2, 2])
    conv("transposed, one dim", [2, 3, 4], [3, 2, 3], True, [3], [1], [2])


def pools():
    maxima = {1: F.max_pool1d, 2: F.max_pool2d}
    means = {1: F.avg_pool1d, 2: F.avg_pool2d}

    def pool(name, x, k, stride=None, pad=None, dilation=None, ceil=False, values=None):
        n = len(k)
        stride, pad, dilation = stride or k, pad or [0] * n, dilation or [1] * n
        attributes = {"kernel_shape": k, "strides": stride, "pads": pad + pad, "dilations": dilation, "ceil_mode": int(ceil)}
        add(name, "MaxPool", attributes, [spread(*x) if values is None else values], lambda x: maxima[n](x, k, stride, pad, dilation, ceil))

    pool("max 2x2", [2, 3, 4, 6], [2, 2])
    pool("max 2x2 that leaves a rest", [1, 2, 5, 5], [2, 2])
    pool("max 3x3, stride 2", [2, 2, 7, 6], [3, 3], [2, 2], [1, 1])
    pool("max, stride 1", [1, 2, 5, 5], [3, 3], [1, 1], [1, 1])
    pool("max, rounded up", [1, 2, 6, 7], [3, 3], [2, 2], None, None, True)
    pool("max, rounded up within pads", [1, 1, 6, 6], [3, 3], [2, 2], [1, 1], None, True)
    pool("max, dilated", [1, 2, 7, 7], [2, 3], [1, 2], None, [3, 2])
    pool("max, one dim", [2, 3, 7], [3], [2], [1])
    pool("max of equal numbers", [1, 2, 4, 4], [2, 2], values=torch.randint(0, 2, (1, 2, 4, 4)).float())
    pool("max of equal numbers, windows that meet", [1, 2, 5, 5], [3, 3], [1, 1], [1, 1], values=torch.randint(0, 2, (1, 2, 5, 5)).float())

    def mean(name, x, k, stride=None, pad=None, ceil=False, include=True):
        n = len(k)
        stride, pad = stride or k, pad or [0] * n
        attributes = {"kernel_shape": k, "strides": stride, "pads": pad + pad, "ceil_mode": int(ceil), "count_include_pad": int(include)}
        add(name, "AveragePool", attributes, [torch.randn(x)], lambda x: means[n](x, k, stride, pad, ceil, include))

    mean("mean 2x2", [2, 3, 4, 6], [2, 2])
    mean("mean 2x2 that leaves a rest", [1, 2, 5, 5], [2, 2])
    mean("mean 3x3 with pads", [2, 2, 7, 6], [3, 3], [2, 2], [1, 1])
    mean("mean 3x3 without pads in the count", [2, 2, 7, 6], [3, 3], [2, 2], [1, 1], include=False)
    mean("mean, rounded up", [1, 2, 6, 7], [3, 2], [2, 2], None, True, False)
    mean("mean, stride 1", [1, 2, 5, 4], [3, 2], [1, 1], [1, 0], include=False)
    mean("mean, one dim", [2, 3, 7], [3], [2], [1])
    add("mean over all", "GlobalAveragePool", {}, [torch.randn(2, 3, 4, 5)], lambda x: F.adaptive_avg_pool2d(x, 1))
    add("max over all", "GlobalMaxPool", {}, [spread(2, 3, 4, 5)], lambda x: F.adaptive_max_pool2d(x, 1))
    add("max over all, equal numbers", "GlobalMaxPool", {}, [torch.randint(0, 2, (2, 3, 3, 3)).float()], lambda x: F.adaptive_max_pool2d(x, 1))


def norms():
    eps = {"float": 1e-3}
    for name, shape in [("images", [3, 4, 2, 3]), ("rows", [5, 3]), ("sequences", [2, 3, 4])]:
        c = shape[1]
        mean, var = torch.randn(c), torch.rand(c) + 0.5
        inputs = [torch.randn(shape) * 2 + 1, torch.rand(c) + 0.5, torch.randn(c), mean, var]
        add(f"batch norm of {name}, training", "BatchNormalization", {"epsilon": eps, "training_mode": 1}, inputs, lambda x, w, b, m, v: F.batch_norm(x, None, None, w, b, True, 0.1, 1e-3), grads=[0, 1, 2])
        add(f"batch norm of {name}", "BatchNormalization", {"epsilon": eps}, inputs, lambda x, w, b, m, v: F.batch_norm(x, m.detach(), v.detach(), w, b, False, 0.1, 1e-3), grads=[0, 1, 2])
    for name, shape in [("images", [2, 4, 3, 3]), ("sequences", [2, 4, 5])]:
        inputs = [torch.randn(shape) * 2 + 1, torch.rand(4) + 0.5, torch.randn(4)]
        add(f"instance norm of {name}", "InstanceNormalization", {"epsilon": eps}, inputs, lambda x, w, b: F.instance_norm(x, None, None, w, b, True, 0.1, 1e-3))
        add(f"group norm of {name}", "GroupNormalization", {"epsilon": eps, "num_groups": 2}, inputs, lambda x, w, b: F.group_norm(x, 2, w, b, 1e-3))
    lrn = {"size": 3, "alpha": {"float": 0.1}, "beta": {"float": 0.75}, "bias": {"float": 2.0}}
    add("local response", "LRN", lrn, [torch.randn(2, 5, 3, 2)], lambda x: F.local_response_norm(x, 3, 0.1, 0.75, 2.0))


def resizes():
    def resize(name, shape, attributes, function, scales=None, sizes=None):
        constants = {"2": {"dtype": "float32", "values": scales}} if scales else {"3": {"dtype": "int64", "values": sizes}}
        add(name, "Resize", attributes, [torch.randn(shape)], function, constants)

    nearest = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    half = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
    aligned = {"mode": "linear", "coordinate_transformation_mode": "align_corners"}
    cubic = {"mode": "cubic", "coordinate_transformation_mode": "half_pixel", "cubic_coeff_a": {"float": -0.75}}
    up = F.interpolate
    resize("nearest, twice", [2, 3, 3, 4], nearest, lambda x: up(x, scale_factor=2), [1, 1, 2, 2])
    resize("nearest, twice and three times", [1, 2, 3, 4], nearest, lambda x: up(x, scale_factor=(2, 3)), [1, 1, 2, 3])
    resize("nearest, one and a half", [1, 2, 4, 6], nearest, lambda x: up(x, scale_factor=1.5), [1, 1, 1.5, 1.5])
    resize("nearest, smaller", [1, 2, 6, 8], nearest, lambda x: up(x, scale_factor=0.5), [1, 1, 0.5, 0.5])
    resize("nearest, sizes", [1, 2, 4, 5], nearest, lambda x: up(x, size=(7, 3)), None, [1, 2, 7, 3])
    resize("nearest, one dim", [2, 3, 4], nearest, lambda x: up(x, scale_factor=2), [1, 1, 2])
    resize("linear, twice", [2, 2, 3, 4], half, lambda x: up(x, scale_factor=2, mode="bilinear"), [1, 1, 2, 2])
    resize("linear, corners aligned", [1, 2, 3, 4], aligned, lambda x: up(x, scale_factor=2, mode="bilinear", align_corners=True), [1, 1, 2, 2])
    resize("linear, sizes", [1, 2, 4, 5], half, lambda x: up(x, size=(7, 3), mode="bilinear"), None, [1, 2, 7, 3])
    resize("linear, one dim", [2, 3, 4], half, lambda x: up(x, scale_factor=2, mode="linear"), [1, 1, 2])
    resize("cubic, twice", [1, 2, 4, 3], cubic, lambda x: up(x, scale_factor=2, mode="bicubic"), [1, 1, 2, 2])
    add("pixels out of channels", "DepthToSpace", {"blocksize": 2, "mode": "CRD"}, [torch.randn(2, 8, 2, 3)], lambda x: F.pixel_shuffle(x, 2))


convs()
transposed()
pools()
norms()
resizes()
target = os.path.join(os.path.dirname(__file__), "..", "conv-gradients.json")
with open(target, "w") as f:
    f.write("[\n" + ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases) + "\n]\n")
print(len(cases), "cases,", os.path.getsize(target), "bytes")
