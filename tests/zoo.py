"""Models as exporters write them, with random weights of sane scale, and what ONNX Runtime makes of them.

    zoo.py FOLDER    NAME.onnx, and answers.safetensors with NAME.x and NAME.y of a few samples each; aimet.encodings beside aimet.onnx

Topologies are those of published networks, made small; operators are put together as PyTorch's, TensorFlow's and Hugging Face's exporters do it
in each opset.
"""

import json
import sys

import numpy as np
import onnx
from onnx import TensorProto as T
from onnx import helper as h
from onnx import numpy_helper
from safetensors.numpy import save_file

SAMPLES = 3


class Net:
    def __init__(self, opset, seed=0):
        self.opset, self.rng = opset, np.random.default_rng(seed)
        self.nodes, self.initializers, self.inputs = [], [], []
        self.domains = {"": opset}

    def fresh(self, op):
        return f"{op.lower()}_{len(self.nodes)}"

    def add(self, op, *inputs, outputs=1, domain="", name=None, **attributes):
        name = name or self.fresh(op)
        names = [name] if outputs == 1 else [f"{name}.{i}" for i in range(outputs)]
        inputs = [i if isinstance(i, str) else self.const(i) for i in inputs]
        if domain:
            self.domains[domain] = 1
        self.nodes.append(h.make_node(op, inputs, names, name=f"/{name}", domain=domain, **attributes))
        return names[0] if outputs == 1 else names

    def const(self, value, node=False):
        value = np.asarray(value)
        if value.dtype == np.float64:
            value = value.astype(np.float32)
        name = f"c{len(self.initializers) + len(self.nodes)}_{value.size}"
        if node:  # as torch.onnx writes the constants of a trace
            self.nodes.append(h.make_node("Constant", [], [name], value=numpy_helper.from_array(value)))
        else:
            self.initializers.append(numpy_helper.from_array(value, name))
        return name

    def weights(self, *shape, fan=None):
        fan = fan or int(np.prod(shape[1:]))
        return self.rng.normal(0, (2 / fan) ** 0.5, shape).astype(np.float32)

    def input(self, name, *shape, kind=T.FLOAT):
        self.inputs.append(h.make_tensor_value_info(name, kind, shape))
        return name

    # operators whose form depends on the opset
    def reduce(self, fold, x, axes, keep=1):
        if self.opset >= 18 or (fold == "Sum" and self.opset >= 13):
            return self.add(f"Reduce{fold}", x, np.array(axes, np.int64), keepdims=keep)
        return self.add(f"Reduce{fold}", x, axes=axes, keepdims=keep)

    def unsqueeze(self, x, *axes):
        if self.opset >= 13:
            return self.add("Unsqueeze", x, np.array(axes, np.int64))
        return self.add("Unsqueeze", x, axes=list(axes))

    def squeeze(self, x, *axes):
        if self.opset >= 13:
            return self.add("Squeeze", x, np.array(axes, np.int64))
        return self.add("Squeeze", x, axes=list(axes))

    def split(self, x, sizes, axis):
        if self.opset >= 13:
            return self.add("Split", x, np.array(sizes, np.int64), outputs=len(sizes), axis=axis)
        return self.add("Split", x, outputs=len(sizes), axis=axis, split=sizes)

    def size(self, x, axis):
        """One size of a tensor, as torch.onnx asks for it."""
        return self.add("Gather", self.add("Shape", x), self.const(np.array(axis, np.int64), node=True), axis=0)

    def reshape_by(self, x, *sizes):
        """view(x.size(0), -1, ...): a shape put together at run time."""
        parts = [self.unsqueeze(s, 0) if isinstance(s, str) else self.const(np.array([s], np.int64), node=True) for s in sizes]
        return self.add("Reshape", x, self.add("Concat", *parts, axis=0))

    # layers
    def conv(self, x, c, f, k=3, stride=1, groups=1, bias=True, pad=None, **attributes):
        p = (k // 2 if pad is None else pad)
        if "auto_pad" not in attributes:
            attributes["pads"] = [p, p, p, p]
        b = [self.rng.normal(0, 0.1, f).astype(np.float32)] if bias else []
        return self.add("Conv", x, self.weights(f, c // groups, k, k), *b, kernel_shape=[k, k], strides=[stride, stride],
                        group=groups, dilations=[1, 1], **attributes)

    def norm(self, x, c):
        r = self.rng
        return self.add("BatchNormalization", x, r.uniform(0.5, 1.5, c).astype(np.float32), r.normal(0, 0.1, c).astype(np.float32),
                        r.normal(0, 0.1, c).astype(np.float32), r.uniform(0.5, 1.5, c).astype(np.float32), epsilon=1e-5, momentum=0.9)

    def relu6(self, x):
        return self.add("Clip", x, np.float32(0), np.float32(6))

    def gemm(self, x, k, n):
        return self.add("Gemm", x, self.weights(n, k), self.rng.normal(0, 0.1, n).astype(np.float32), transB=1, alpha=1.0, beta=1.0)

    def linear(self, x, k, n, bias=True):
        y = self.add("MatMul", x, self.weights(n, k).T.copy())
        return self.add("Add", self.rng.normal(0, 0.1, n).astype(np.float32), y) if bias else y

    def layer_norm(self, x, d, fused):
        gamma, beta = self.rng.uniform(0.5, 1.5, d).astype(np.float32), self.rng.normal(0, 0.1, d).astype(np.float32)
        if fused:
            return self.add("LayerNormalization", x, gamma, beta, axis=-1, epsilon=1e-5)
        centred = self.add("Sub", x, self.reduce("Mean", x, [-1]))
        squares = self.add("Pow", centred, self.const(np.float32(2), node=True))
        variance = self.reduce("Mean", squares, [-1])
        deviation = self.add("Sqrt", self.add("Add", variance, np.float32(1e-5)))
        return self.add("Add", self.add("Mul", self.add("Div", centred, deviation), gamma), beta)

    def gelu(self, x, kind):
        if kind == "erf":
            e = self.add("Add", self.add("Erf", self.add("Div", x, np.float32(2**0.5))), np.float32(1))
            return self.add("Mul", self.add("Mul", x, e), np.float32(0.5))
        if kind == "tanh":
            cube = self.add("Mul", self.add("Pow", x, np.float32(3)), np.float32(0.044715))
            inner = self.add("Mul", self.add("Add", x, cube), np.float32((2 / np.pi) ** 0.5))
            half = self.add("Mul", x, np.float32(0.5))
            return self.add("Mul", half, self.add("Add", self.add("Tanh", inner), np.float32(1)))
        if kind == "op":
            return self.add("Gelu", x, approximate="tanh")
        if kind == "quick":
            return self.add("Mul", x, self.add("Sigmoid", self.add("Mul", x, np.float32(1.702))))
        return self.add("Gelu", x)

    def done(self, y, *shape, kind=T.FLOAT):
        last = self.nodes[-1].output[0]
        assert y == last, "the last node gives the output"
        graph = h.make_graph(self.nodes, "zoo", self.inputs, [h.make_tensor_value_info(y, kind, shape)], self.initializers)
        opsets = [h.make_opsetid(domain, version) for domain, version in self.domains.items()]
        model = h.make_model(graph, opset_imports=opsets, producer_name="zoo")
        model.ir_version = min(model.ir_version, 11 if self.opset < 25 else 13)
        return model


def mobilenet_v2(opset):
    """Sandler et al. 2018: inverted residuals, ReLU6; batch normalization not folded."""
    n = Net(opset, 1)
    x = n.input("input", "batch", 3, 32, 32)
    y = n.relu6(n.norm(n.conv(x, 3, 16, stride=2, bias=False), 16))
    c = 16
    for expand, f, stride in [(1, 8, 1), (6, 12, 2), (6, 12, 1), (6, 16, 2), (6, 16, 1), (6, 24, 1)]:
        wide, z = c * expand, y
        if expand > 1:
            z = n.relu6(n.norm(n.conv(z, c, wide, 1, bias=False), wide))
        z = n.relu6(n.norm(n.conv(z, wide, wide, 3, stride, groups=wide, bias=False), wide))
        z = n.norm(n.conv(z, wide, f, 1, bias=False), f)
        y = n.add("Add", y, z) if stride == 1 and c == f else z
        c = f
    y = n.relu6(n.norm(n.conv(y, c, 64, 1, bias=False), 64))
    y = n.add("Flatten", n.add("GlobalAveragePool", y), axis=1)
    return n.done(n.gemm(y, 64, 10), "batch", 10)


def mobilenet_v3(opset):
    """Howard et al. 2019: hard swish, squeeze and excitation."""
    n = Net(opset, 2)
    x = n.input("input", 1, 3, 32, 32)

    def swish(y):
        if opset >= 14:
            return n.add("HardSwish", y)
        return n.add("Mul", y, n.add("Div", n.add("Clip", n.add("Add", y, np.float32(3)), np.float32(0), np.float32(6)), np.float32(6)))

    y, c = swish(n.conv(x, 3, 16, stride=2)), 16
    for f, stride in [(16, 2), (24, 1), (24, 1)]:
        z = swish(n.conv(y, c, 4 * c, 1))
        z = n.conv(z, 4 * c, 4 * c, 5, stride, groups=4 * c)
        s = n.add("GlobalAveragePool", z)
        s = n.add("Relu", n.conv(s, 4 * c, c, 1))
        s = n.add("HardSigmoid", n.conv(s, c, 4 * c, 1), alpha=1 / 6, beta=0.5)
        z = swish(n.add("Mul", s, z))
        z = n.conv(z, 4 * c, f, 1)
        y, c = n.add("Add", y, z) if stride == 1 and c == f else z, f
    y = n.reduce("Mean", swish(y), [2, 3], keep=0)
    y = swish(n.gemm(y, 24, 32))
    return n.done(n.gemm(n.add("Dropout", y), 32, 10), 1, 10)


def resnet(opset):
    """He et al. 2016: basic blocks with projections; flattened by sizes that are asked for."""
    n = Net(opset, 3)
    x = n.input("input", "N", 3, 33, 33)
    y = n.add("Relu", n.norm(n.conv(x, 3, 16, 7, 2, bias=False), 16))
    y = n.add("MaxPool", y, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    c = 16
    for f, stride in [(16, 1), (24, 2), (32, 2)]:
        z = n.add("Relu", n.norm(n.conv(y, c, f, 3, stride, bias=False), f))
        z = n.norm(n.conv(z, f, f, 3, bias=False), f)
        skip = y if stride == 1 and c == f else n.norm(n.conv(y, c, f, 1, stride, bias=False), f)
        y, c = n.add("Relu", n.add("Add", z, skip)), f
    y = n.reduce("Mean", y, [2, 3])
    y = n.reshape_by(y, n.size(y, 0), -1)
    return n.done(n.gemm(y, 32, 10), "N", 10)


def resnet_tf(opset):
    """As tf2onnx writes it: images with channels last, transposed; padding by nodes or by its name; MatMul and Add."""
    n = Net(opset, 4)
    x = n.input("input:0", 1, 32, 32, 3)
    y = n.add("Transpose", x, perm=[0, 3, 1, 2])
    y = n.add("Pad", y, np.array([0, 0, 1, 1, 0, 0, 2, 2], np.int64))
    y = n.add("Relu", n.norm(n.conv(y, 3, 16, 5, 2, pad=0, bias=False), 16))
    y = n.add("MaxPool", y, kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_UPPER")
    z = n.add("Relu", n.conv(y, 16, 16, 3, auto_pad="SAME_UPPER"))
    z = n.conv(z, 16, 16, 3, auto_pad="SAME_LOWER")
    y = n.add("Max", n.add("Add", y, z), np.float32(0))
    y = n.conv(y, 16, 24, 3, 2, auto_pad="SAME_UPPER")
    y = n.add("LeakyRelu", y, alpha=0.2)
    y = n.add("AveragePool", y, kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)
    y = n.squeeze(n.reduce("Mean", y, [2, 3]), 2, 3)
    y = n.add("Add", n.add("MatMul", y, n.weights(24, 10, fan=24)), n.rng.normal(0, 1, 10).astype(np.float32))
    return n.done(n.add("Softmax", y, axis=-1), 1, 10)


def shuffle(opset):
    """Zhang et al. 2018: channels shuffled by reshaping; Iandola et al. 2016: branches put together; local normalization."""
    n = Net(opset, 5)
    x = n.input("input", 1, 3, 32, 32)
    y = n.add("LRN", n.add("Relu", n.conv(x, 3, 16, stride=2)), size=5, alpha=0.001, beta=0.75, bias=1.0)
    a, b = n.split(y, [8, 8], 1)
    b = n.add("Relu", n.conv(b, 8, 8, 1))
    b = n.conv(b, 8, 8, 3, groups=8)
    y = n.add("Concat", a, n.add("PRelu", b, n.rng.uniform(0, 0.5, (8, 1, 1)).astype(np.float32)), axis=1)
    batch, height, width = n.size(y, 0), n.size(y, 2), n.size(y, 3)
    y = n.reshape_by(y, batch, 2, 8, height, width)
    y = n.add("Transpose", y, perm=[0, 2, 1, 3, 4])
    y = n.reshape_by(y, batch, -1, height, width)
    y = n.add("Elu", n.conv(y, 16, 24, 3, 2, groups=4))
    squeezed = n.add("Relu", n.conv(y, 24, 8, 1))
    y = n.add("Concat", n.conv(squeezed, 8, 12, 1), n.conv(squeezed, 8, 12, 3), axis=1)
    y = n.add("InstanceNormalization", y, np.ones(24, np.float32), np.zeros(24, np.float32), epsilon=1e-5)
    y = n.add("Selu", n.add("Softplus", n.add("MaxPool", y, kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)))
    y = n.reshape_by(n.add("GlobalMaxPool", y), n.size(y, 0), -1)
    return n.done(n.gemm(y, 24, 10), 1, 10)


def convnext(opset):
    """Liu et al. 2022: depthwise 7x7, normalization over channels put last, GELU, layer scale."""
    n = Net(opset, 6)
    x = n.input("input", 1, 3, 32, 32)
    y = n.conv(x, 3, 24, 4, 4, pad=0)
    for _ in range(2):
        z = n.add("Transpose", n.conv(y, 24, 24, 7, groups=24), perm=[0, 2, 3, 1])
        z = n.layer_norm(z, 24, opset >= 17)
        z = n.linear(n.gelu(n.linear(z, 24, 96), "op" if opset >= 20 else "erf"), 96, 24)
        z = n.add("Mul", n.rng.uniform(0.1, 1, 24).astype(np.float32), z)
        y = n.add("Add", n.add("Transpose", z, perm=[0, 3, 1, 2]), y)
    y = n.layer_norm(n.reduce("Mean", y, [-2, -1], keep=0), 24, opset >= 17)
    return n.done(n.gemm(y, 24, 10), 1, 10)


def attention(n, x, tokens, d, heads, mask=None, fused=False, by_shape=True):
    each = d // heads
    if fused:
        q, k, v = n.split(n.linear(x, d, 3 * d), [d, d, d], 2)
    else:
        q, k, v = (n.linear(x, d, d) for _ in range(3))

    def apart(y, perm):
        if by_shape:
            y = n.reshape_by(y, n.size(y, 0), n.size(y, 1), heads, each)
        else:
            y = n.add("Reshape", y, np.array([0, 0, heads, -1], np.int64))
        return n.add("Transpose", y, perm=perm)

    scores = n.add("MatMul", apart(q, [0, 2, 1, 3]), apart(k, [0, 2, 3, 1]))
    scores = n.add("Div", scores, np.float32(each**0.5)) if not fused else n.add("Mul", scores, np.float32(each**-0.5))
    if mask is not None:
        scores = mask(scores)
    y = n.add("MatMul", n.add("Softmax", scores, axis=-1), apart(v, [0, 2, 1, 3]))
    y = n.add("Transpose", y, perm=[0, 2, 1, 3])
    y = n.reshape_by(y, n.size(y, 0), n.size(y, 1), d) if by_shape else n.add("Reshape", y, np.array([0, 0, d], np.int64))
    return n.linear(y, d, d)


def bert(opset):
    """Devlin et al. 2019: looked-up tokens, positions cut from a table, a mask made of numbers, post-normalization, pooler."""
    n = Net(opset, 7)
    tokens, d = 12, 32
    ids = n.input("input_ids", 1, tokens, kind=T.INT64)
    y = n.add("Gather", n.weights(50, d, fan=2), ids)
    places = n.add("Slice", n.const(np.arange(64, dtype=np.int64)[None]), np.array([0], np.int64), n.unsqueeze(n.size(ids, 1), 0), np.array([1], np.int64))
    y = n.add("Add", y, n.add("Gather", n.weights(64, d, fan=2), places))
    ones = n.add("ConstantOfShape", n.add("Shape", ids), value=h.make_tensor("v", T.FLOAT, [1], [1.0]))
    open_ = n.add("Cast", n.unsqueeze(ones, 1, 2), to=T.FLOAT)
    bias = n.add("Mul", n.add("Sub", np.float32(1), open_), np.float32(-10000))
    y = n.layer_norm(y, d, opset >= 17)
    for _ in range(2):
        y = n.layer_norm(n.add("Add", attention(n, y, tokens, d, 4, lambda s: n.add("Add", s, bias)), y), d, opset >= 17)
        z = n.linear(n.gelu(n.linear(y, d, 4 * d), "erf"), 4 * d, d)
        y = n.layer_norm(n.add("Add", z, y), d, opset >= 17)
    y = n.add("Gather", y, n.const(np.array(0, np.int64), node=True), axis=1)
    y = n.add("Tanh", n.gemm(y, d, d))
    return n.done(n.gemm(y, d, 5), 1, 5)


def gpt(opset):
    """Radford et al. 2019: a causal mask cut out of a table of booleans, Where, tanh GELU, pre-normalization, the last token."""
    n = Net(opset, 8)
    tokens, d = 10, 32
    ids = n.input("input_ids", 1, tokens, kind=T.INT64)
    y = n.add("Add", n.add("Gather", n.weights(40, d, fan=2), ids), n.weights(tokens, d, fan=2)[None])
    table = n.const(np.tril(np.ones((64, 64), bool))[None, None])

    def causal(scores):
        count = n.unsqueeze(n.size(scores, 3), 0)
        cut = table
        for axis in (2, 3):
            cut = n.add("Slice", cut, np.array([0], np.int64), count, np.array([axis], np.int64), np.array([1], np.int64))
        return n.add("Where", cut, scores, n.const(np.float32(-3.4028235e38), node=True))

    for _ in range(2):
        y = n.add("Add", attention(n, n.layer_norm(y, d, opset >= 17), tokens, d, 4, causal, fused=True), y)
        z = n.gelu(n.linear(n.layer_norm(y, d, opset >= 17), d, 4 * d), "tanh" if opset < 20 else "op")
        y = n.add("Add", n.linear(z, 4 * d, d), y)
    y = n.layer_norm(y, d, opset >= 17)
    y = n.add("Slice", y, np.array([-1], np.int64), np.array([2**63 - 1], np.int64), np.array([1], np.int64))
    return n.done(n.linear(n.squeeze(y, 1), d, 40, bias=False), 1, 40)


def llama(opset):
    """Touvron et al. 2023: root-mean-square normalization, rotated positions, grouped queries, SwiGLU; a mask made by Trilu."""
    n = Net(opset, 9)
    tokens, d, heads, shared, each = 8, 32, 4, 2, 8
    ids = n.input("input_ids", 1, tokens, kind=T.INT64)
    y = n.add("Gather", n.weights(40, d, fan=2), ids)
    mask = n.add("Trilu", n.const(np.full((tokens, tokens), -1e9, np.float32)), n.const(np.array(1, np.int64)), upper=1)
    angles = np.arange(tokens)[:, None] * 10000.0 ** (-np.arange(each // 2) / (each // 2))
    angles = np.concatenate([angles, angles], 1).astype(np.float32)
    cos, sin = n.add("Cos", n.const(angles)), n.add("Sin", n.const(angles))

    def rms(x):
        gamma = n.rng.uniform(0.5, 1.5, d).astype(np.float32)
        if opset >= 23:
            return n.add("RMSNormalization", x, gamma, axis=-1, epsilon=1e-6)
        mean = n.add("Add", n.reduce("Mean", n.add("Mul", x, x), [-1]), np.float32(1e-6))
        return n.add("Mul", n.add("Mul", x, n.add("Reciprocal", n.add("Sqrt", mean))), gamma)

    def heads_of(x, count):
        x = n.add("Reshape", n.linear(x, d, count * each, bias=False), np.array([1, tokens, count, each], np.int64))
        return n.add("Transpose", x, perm=[0, 2, 1, 3])

    def rotated(x):
        last = np.array([3], np.int64)
        low = n.add("Slice", x, np.array([0], np.int64), np.array([each // 2], np.int64), last)
        high = n.add("Slice", x, np.array([each // 2], np.int64), np.array([2**63 - 1], np.int64), last)
        turned = n.add("Concat", n.add("Neg", high), low, axis=-1)
        return n.add("Add", n.add("Mul", x, cos), n.add("Mul", turned, sin))

    def repeated(x):
        x = n.add("Expand", n.unsqueeze(x, 2), np.array([1, shared, heads // shared, tokens, each], np.int64))
        return n.add("Reshape", x, np.array([1, heads, tokens, each], np.int64))

    for _ in range(2):
        x = rms(y)
        q, k, v = rotated(heads_of(x, heads)), repeated(rotated(heads_of(x, shared))), repeated(heads_of(x, shared))
        scores = n.add("Mul", n.add("MatMul", q, n.add("Transpose", k, perm=[0, 1, 3, 2])), np.float32(each**-0.5))
        z = n.add("MatMul", n.add("Softmax", n.add("Add", scores, mask), axis=-1), v)
        z = n.add("Reshape", n.add("Transpose", z, perm=[0, 2, 1, 3]), np.array([1, tokens, d], np.int64))
        y = n.add("Add", y, n.linear(z, d, d, bias=False))
        x = rms(y)
        gate = n.linear(x, d, 2 * d, bias=False)
        z = n.add("Mul", n.add("Mul", gate, n.add("Sigmoid", gate)), n.linear(x, d, 2 * d, bias=False))
        y = n.add("Add", y, n.linear(z, 2 * d, d, bias=False))
    y = n.add("Gather", rms(y), n.const(np.array([-1], np.int64)), axis=1)
    return n.done(n.linear(n.add("Reshape", y, np.array([1, d], np.int64)), d, 40, bias=False), 1, 40)


def vit(opset):
    """Dosovitskiy et al. 2021: patches by a convolution, a class token repeated for the batch, quick GELU."""
    n = Net(opset, 10)
    x = n.input("pixel_values", "batch", 3, 24, 24)
    d = 32
    y = n.conv(x, 3, d, 8, 8, pad=0)
    y = n.add("Transpose", n.reshape_by(y, n.size(y, 0), d, -1), perm=[0, 2, 1])
    shape = n.add("Concat", n.unsqueeze(n.size(x, 0), 0), np.array([-1], np.int64), np.array([-1], np.int64), axis=0)
    minus = n.const(np.array([-1, -1, -1], np.int64))
    ones = n.add("ConstantOfShape", np.array([3], np.int64), value=h.make_tensor("v", T.INT64, [1], [1]))
    shape = n.add("Where", n.add("Equal", shape, minus), ones, shape)
    token = n.add("Expand", n.weights(1, 1, d, fan=4), shape)
    y = n.add("Add", n.add("Concat", token, y, axis=1), n.weights(1, 10, d, fan=8))
    for _ in range(2):
        y = n.add("Add", attention(n, n.layer_norm(y, d, opset >= 17), 10, d, 4, by_shape=False), y)
        y = n.add("Add", n.linear(n.gelu(n.linear(n.layer_norm(y, d, opset >= 17), d, 64), "quick"), 64, d), y)
    y = n.squeeze(n.add("Slice", y, np.array([0], np.int64), np.array([1], np.int64), np.array([1], np.int64)), 1)
    return n.done(n.gemm(n.layer_norm(y, d, opset >= 17), d, 10), "batch", 10)


def sound(opset):
    """Convolutions along one dimension, as of keyword spotting and ECG networks; padding that mirrors."""
    n = Net(opset, 11)
    x = n.input("wave", 1, 2, 120)
    y = n.add("Pad", x, np.array([0, 0, 4, 0, 0, 4], np.int64), mode="reflect")
    r = n.rng
    y = n.add("Conv", y, n.weights(16, 2, 9), r.normal(0, 0.1, 16).astype(np.float32), kernel_shape=[9], strides=[2], pads=[0, 0], dilations=[1])
    y = n.add("Relu", n.norm(y, 16))
    y = n.add("MaxPool", y, kernel_shape=[2], strides=[2])
    y = n.add("Relu", n.add("Conv", y, n.weights(16, 1, 5), kernel_shape=[5], pads=[4, 4], dilations=[2], group=16))
    y = n.add("Conv", y, n.weights(24, 16, 1), kernel_shape=[1])
    y = n.add("AveragePool", n.add("Tanh", y), kernel_shape=[3], strides=[3], pads=[0, 1])
    y = n.reshape_by(y, n.size(y, 0), -1)
    return n.done(n.add("LogSoftmax", n.gemm(y, 24 * 10, 6), axis=1), 1, 6)


def asks(opset):
    """What shapes and choices are computed with: comparisons, Tile, Range, GatherElements of constants, ReduceL2, Clip by one end."""
    n = Net(opset, 12)
    x = n.input("input", 1, 4, 8, 8)
    y = n.conv(x, 4, 8, 3)
    y = n.add("Where", n.add("Greater", y, np.float32(0.1)), y, n.add("Mul", y, np.float32(0.25)))
    y = n.add("Where", n.add("Not", n.add("Less", y, np.float32(-1))), y, np.float32(-1))
    y = n.add("Clip", y, "", np.float32(2))
    y = n.add("Tile", y, np.array([1, 1, 1, 2], np.int64))
    y = n.add("Pad", y, np.array([0, 0, 0, 1, 0, 0, 0, 1], np.int64), mode="edge")
    length = n.reduce("L2", y, [1])
    y = n.add("Div", y, n.add("Max", length, np.float32(1e-6)))
    y = n.reduce("SumSquare", y, [3], keep=0)
    count = n.add("Range", n.const(np.array(0, np.int64)), n.size(y, 2), n.const(np.array(1, np.int64)))
    y = n.add("Gather", y, count, axis=2)
    y = n.add("Sqrt", n.add("Abs", n.add("Flatten", y)))
    return n.done(n.add("Gemm", y, n.weights(64, 7, fan=64), alpha=0.5), 1, 7)


FAMILIES = {f.__name__: f for f in (mobilenet_v2, mobilenet_v3, resnet, resnet_tf, shuffle, convnext, bert, gpt, llama, vit, sound, asks)}
OPSETS = {"mobilenet_v2": [11, 13, 22], "mobilenet_v3": [13, 14], "resnet": [13, 18, 24], "resnet_tf": [13, 15], "shuffle": [16], "convnext": [13, 17, 20],
          "bert": [13, 17, 19], "gpt": [14, 20], "llama": [14, 18, 23], "vit": [13, 21], "sound": [13, 18], "asks": [13, 18]}


def session_of(model):
    """ONNX Runtime with a model as it stands: nothing fused, no activations rounded to 8 bits for the sake of speed."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def encode(model, folder, tensors):
    """A model beside AIMET's encodings of its weights (8 bits, and 4) and of what its activations give; what it says on these grids."""
    onnx.save(model, f"{folder}/aimet.onnx")
    weights, activations, nodes = {}, {}, []
    for w in list(model.graph.initializer):
        if len(w.dims) != 4:
            continue
        array = numpy_helper.to_array(w)
        bits = 4 if len(weights) % 3 == 1 else 8
        top = 2 ** (bits - 1) - 1
        scales = np.maximum(np.abs(array).max((1, 2, 3)), 1e-6) / top
        weights[w.name] = [{"bitwidth": bits, "is_symmetric": "True", "scale": float(s), "offset": -top - 1, "dtype": "int",
                            "min": float(-s * (top + 1)), "max": float(s * top)} for s in scales]
        s = scales.astype(np.float32)[:, None, None, None]
        w.CopyFrom(numpy_helper.from_array((np.clip(np.rint(array / s), -top - 1, top) * s).astype(np.float32), w.name))
    for node in model.graph.node:
        nodes.append(node)
        if node.op_type not in ("HardSwish", "Relu", "Add"):
            continue
        name = node.output[0]
        low, high = (-0.5, 3.0) if node.op_type == "HardSwish" else (-4.0, 4.0)
        scale = np.float32((high - low) / 255)
        zero = int(np.rint(-low / scale))
        activations[name] = [{"bitwidth": 8, "is_symmetric": "False", "scale": float(scale), "offset": -zero, "dtype": "int",
                              "min": float(-zero * scale), "max": float((255 - zero) * scale)}]
        node.output[0] = f"{name}_raw"
        for part, value in [("scale", scale), ("zero", np.uint8(zero))]:
            model.graph.initializer.append(numpy_helper.from_array(np.asarray(value), f"{name}_{part}"))
        grid = [f"{name}_scale", f"{name}_zero"]
        nodes.append(h.make_node("QuantizeLinear", [f"{name}_raw", *grid], [f"{name}_codes"]))
        nodes.append(h.make_node("DequantizeLinear", [f"{name}_codes", *grid], [name]))
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    with open(f"{folder}/aimet.encodings", "w") as f:
        json.dump({"version": "0.6.1", "activation_encodings": activations, "param_encodings": weights}, f)
    session = session_of(model)
    rng = np.random.default_rng(98)
    x = [rng.normal(0, 1, (1, 3, 32, 32)).astype(np.float32) for _ in range(SAMPLES)]
    tensors["aimet.x"] = np.stack([one.ravel() for one in x])
    tensors["aimet.y"] = np.stack([session.run(None, {"input": one})[0].ravel() for one in x])


def small_types(folder, tensors):
    """Weights of 8, 4 and 2 bits behind DequantizeLinear, by channel and in blocks, beside ONNX Runtime or, where it lacks the type, NumPy; and
    QONNX's Quant and BipolarQuant beside NumPy, as its documents define them."""
    def packed(name, kind, codes):
        return h.make_tensor(name, kind, codes.shape, codes.ravel().tolist())

    rng = np.random.default_rng(5)
    x = rng.normal(0, 1, (SAMPLES, 1, 16)).astype(np.float32)
    for label, kind, low, high, block in [
        ("int8", T.INT8, -128, 127, 0), ("int4", T.INT4, -8, 7, 0), ("uint4", T.UINT4, 0, 15, 0), ("int4-blocks", T.INT4, -8, 7, 4),
        ("uint4-blocks", T.UINT4, 0, 15, 8), ("int2", T.INT2, -2, 1, 0), ("uint2", T.UINT2, 0, 3, 0), ("int2-blocks", T.INT2, -2, 1, 4),
    ]:
        codes = rng.integers(low, high + 1, (16, 6))
        groups = (16 // block, 6) if block else (6,)
        scales = rng.uniform(0.05, 0.2, groups).astype(np.float32)
        zeros = rng.integers(low, high + 1, groups)
        attributes = {"axis": 0, "block_size": block} if block else {"axis": 1}
        nodes = [h.make_node("DequantizeLinear", ["w", "s", "z"], ["f"], **attributes), h.make_node("MatMul", ["x", "f"], ["y"])]
        graph = h.make_graph(nodes, "small", [h.make_tensor_value_info("x", T.FLOAT, (1, 16))], [h.make_tensor_value_info("y", T.FLOAT, (1, 6))],
                             [packed("w", kind, codes), numpy_helper.from_array(scales, "s"), packed("z", kind, zeros)])
        model = h.make_model(graph, opset_imports=[h.make_opsetid("", 25 if "int2" in label else 21)])
        onnx.save(model, f"{folder}/small-{label}.onnx")
        wide = (lambda a: np.repeat(a, block, 0)) if block else (lambda a: a[None])
        numbers = ((codes - wide(zeros)) * wide(scales)).astype(np.float32)
        y = x.astype(np.float64) @ numbers.astype(np.float64)
        if "int2" not in label:
            session = session_of(model)
            theirs = np.stack([session.run(None, {"x": one})[0] for one in x])
            assert np.abs(theirs - y).max() < 1e-4, label
        tensors[f"small-{label}.x"], tensors[f"small-{label}.y"] = x.reshape(SAMPLES, -1), y.reshape(SAMPLES, -1).astype(np.float32)

    for label, bits, signed, narrow, zero in [("u4", 4, 0, 0, 3.0), ("s3", 3, 1, 0, 0.0), ("s8n", 8, 1, 1, 0.0), ("u2", 2, 0, 0, 0.0), ("bipolar", 1, 1, 0, 0.0)]:
        w, scale = rng.normal(0, 1, (16, 6)).astype(np.float32), np.float32(0.25)
        low = (-(2 ** (bits - 1)) + narrow) if signed else 0
        high = (2 ** (bits - 1) - 1) if signed else 2**bits - 1 - narrow
        grid = lambda v: (np.clip(np.rint(v / scale + zero), low, high) - zero) * scale
        if label == "bipolar":
            grid = lambda v: np.where(v >= 0, scale, -scale)
            quant = lambda of, to: h.make_node("BipolarQuant", [of, "scale"], [to], domain="qonnx.custom_op.general")
        else:
            quant = lambda of, to: h.make_node("Quant", [of, "scale", "zero", "bits"], [to], domain="qonnx.custom_op.general", signed=signed,
                                               narrow=narrow, rounding_mode="ROUND")
        numbers = [("scale", scale), ("zero", np.float32(zero)), ("bits", np.float32(bits)), ("w", w)]
        nodes = [quant("x", "xq"), quant("w", "wq"), h.make_node("MatMul", ["xq", "wq"], ["y"])]
        graph = h.make_graph(nodes, "qonnx", [h.make_tensor_value_info("x", T.FLOAT, (1, 16))], [h.make_tensor_value_info("y", T.FLOAT, (1, 6))],
                             [numpy_helper.from_array(np.asarray(v, np.float32), n) for n, v in numbers])
        opsets = [h.make_opsetid("", 13), h.make_opsetid("qonnx.custom_op.general", 1)]
        onnx.save(h.make_model(graph, opset_imports=opsets), f"{folder}/qonnx-{label}.onnx")
        y = grid(x.astype(np.float64)) @ grid(w.astype(np.float64))
        tensors[f"qonnx-{label}.x"], tensors[f"qonnx-{label}.y"] = x.reshape(SAMPLES, -1), y.reshape(SAMPLES, -1).astype(np.float32)


def main(folder):
    tensors = {}
    for name, family in FAMILIES.items():
        for opset in OPSETS[name]:
            stem = f"{name}-{opset}"
            model = family(opset)
            onnx.checker.check_model(model)
            onnx.save(model, f"{folder}/{stem}.onnx")
            session = session_of(model)
            entry = session.get_inputs()[0]
            shape = [d if isinstance(d, int) else 1 for d in entry.shape]
            rng = np.random.default_rng(99)
            draw = (lambda: rng.integers(0, 40, shape)) if "int64" in entry.type else (lambda: rng.normal(0, 1, shape).astype(np.float32))
            x = [draw() for _ in range(SAMPLES)]
            y = [session.run(None, {entry.name: one})[0].ravel() for one in x]
            tensors[f"{stem}.x"] = np.stack([one.ravel() for one in x]).astype(np.float32)
            tensors[f"{stem}.y"] = np.stack(y).astype(np.float32)
    encode(mobilenet_v3(14), folder, tensors)
    small_types(folder, tensors)
    save_file(tensors, f"{folder}/answers.safetensors")


if __name__ == "__main__":
    main(sys.argv[1])
