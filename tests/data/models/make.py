"""Makes the models beside it: `python make.py` with numpy, onnx, onnxruntime, flatbuffers, gguf, ml_dtypes, safetensors and, for
the answers of TFLite models, ai-edge-litert. Seeds are fixed.

float.onnx    conv, batch normalization, ReLU, depthwise conv, max pool, residual add, global pool, Gemm, softmax
qdq.onnx      the first layers in QuantizeLinear / DequantizeLinear, int8 weights per channel
qlinear.onnx  QLinearConv
odd.onnx      an operator that is not understood, and what follows it
float.tflite  conv, ReLU, reshape, fully connected
int8.tflite   the same in int8 with scales per channel
"""
import os
import flatbuffers
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto as T, helper as h, numpy_helper as n

HERE = os.path.dirname(os.path.abspath(__file__))
rng = np.random.default_rng(7)
f = lambda *s: rng.normal(0, 0.5, s).astype(np.float32)
const = lambda name, a: n.from_array(np.asarray(a), name)


def save(name, nodes, consts, out, ins=(("x", [1, 3, 8, 8]),), opset=17):
    graph = h.make_graph(
        nodes, name, [h.make_tensor_value_info(i, T.FLOAT, s) for i, s in ins],
        [h.make_tensor_value_info(*out)], consts)
    model = h.make_model(graph, opset_imports=[h.make_opsetid("", opset)], ir_version=10)
    path = f"{HERE}/{name}.onnx"
    onnx.save(model, path)
    return path


X = rng.normal(0, 1, (6, 3, 8, 8)).astype(np.float32)
np.save(f"{HERE}/x.npy", X)


def answers(path, name):
    s = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    np.save(f"{HERE}/{name}.y.npy", np.concatenate([s.run(None, {"x": x[None]})[0].reshape(1, -1) for x in X]).astype(np.float32))


nodes = [
    h.make_node("Conv", ["x", "w1"], ["a"], pads=[1, 1, 1, 1], name="c1"),
    h.make_node("BatchNormalization", ["a", "g", "b", "m", "v"], ["bn"], name="bn1"),
    h.make_node("Relu", ["bn"], ["r"], name="r1"),
    h.make_node("Conv", ["r", "w2", "b2"], ["d"], pads=[1, 1, 1, 1], group=4, name="dw"),
    h.make_node("Clip", ["d", "zero", "six"], ["d6"], name="relu6"),
    h.make_node("Add", ["d6", "r"], ["s"], name="residual"),
    h.make_node("MaxPool", ["s"], ["p"], kernel_shape=[2, 2], strides=[2, 2], name="pool"),
    h.make_node("GlobalAveragePool", ["p"], ["gp"], name="gap"),
    h.make_node("Flatten", ["gp"], ["fl"], name="flat"),
    h.make_node("Gemm", ["fl", "w3", "b3"], ["z"], transB=1, name="fc"),
    h.make_node("Softmax", ["z"], ["y"], axis=-1, name="sm"),
]
W1, W2, W3 = f(4, 3, 3, 3), f(4, 1, 3, 3), f(5, 4)
consts = [const("w1", W1), const("g", 1 + f(4) / 4), const("b", f(4)), const("m", f(4)), const("v", np.abs(f(4)) + 0.5),
          const("w2", W2), const("b2", f(4)), const("zero", np.float32(0)), const("six", np.float32(6)), const("w3", W3), const("b3", f(5))]
answers(save("float", nodes, consts, ("y", T.FLOAT, [1, 5])), "float")

S = (np.abs(W1).max((1, 2, 3)) / 127).astype(np.float32)
Q = np.clip(np.round(W1 / S[:, None, None, None]), -127, 127).astype(np.int8)
qdq = [
    h.make_node("QuantizeLinear", ["x", "xs", "xz"], ["xq"], name="q0"),
    h.make_node("DequantizeLinear", ["xq", "xs", "xz"], ["xd"], name="dq0"),
    h.make_node("DequantizeLinear", ["wq", "ws"], ["wd"], axis=0, name="dqw"),
    h.make_node("Conv", ["xd", "wd"], ["a"], pads=[1, 1, 1, 1], name="c1"),
    h.make_node("Relu", ["a"], ["r"], name="r1"),
    h.make_node("QuantizeLinear", ["r", "as", "az"], ["aq"], name="q1"),
    h.make_node("DequantizeLinear", ["aq", "as", "az"], ["y"], name="dq1"),
]
base = [const("xs", np.float32(0.03)), const("xz", np.uint8(120)), const("wq", Q), const("ws", S), const("as", np.float32(0.05)), const("az", np.uint8(0))]
answers(save("qdq", qdq, base, ("y", T.FLOAT, [1, 4, 8, 8])), "qdq")

bias = np.array([40, -300, 0, 1000], np.int32)
ql = [
    h.make_node("QuantizeLinear", ["x", "xs", "xz"], ["xq"], name="q0"),
    h.make_node("QLinearConv", ["xq", "xs", "xz", "wq", "ws", "wz", "as", "oz", "bq"], ["yq"], pads=[1, 1, 1, 1], strides=[2, 2], name="qc"),
    h.make_node("DequantizeLinear", ["yq", "as", "oz"], ["y"], name="dq"),
]
answers(save("qlinear", ql, base + [const("wz", np.zeros(4, np.int8)), const("oz", np.uint8(128)), const("bq", bias)], ("y", T.FLOAT, [1, 4, 4, 4])), "qlinear")

odd = [
    h.make_node("Conv", ["x", "w1"], ["a"], pads=[1, 1, 1, 1], name="c1"),
    h.make_node("Det", ["a"], ["e"], name="strange"),
    h.make_node("Relu", ["e"], ["y"], name="after"),
]
save("odd", odd, [const("w1", W1)], ("y", T.FLOAT, [1, 4]), ins=(("x", ["N", 3, 8, "W"]),))


# --- TFLite, written table by table (schema version 3) ---
def ints(b, values, size=4):
    b.StartVector(size, len(values), size)
    for v in reversed(values):
        b.PrependInt32(int(v)) if size == 4 else b.PrependInt64(int(v))
    return b.EndVector()


def floats(b, values):
    b.StartVector(4, len(values), 4)
    for v in reversed(values):
        b.PrependFloat32(float(v))
    return b.EndVector()


def offsets(b, values):
    b.StartVector(4, len(values), 4)
    for v in reversed(values):
        b.PrependUOffsetTRelative(v)
    return b.EndVector()


def table(b, count, fields):
    b.StartObject(count)
    for slot, kind, value in fields:
        {"i8": b.PrependInt8Slot, "i32": b.PrependInt32Slot, "u32": b.PrependUint32Slot, "f32": b.PrependFloat32Slot,
         "ref": b.PrependUOffsetTRelativeSlot}[kind](slot, value, 0)
    return b.EndObject()


def tflite(path, tensors, ops, inputs, outputs):
    """tensors: (name, shape, type, data, scales, zeros, axis); ops: (code, inputs, outputs, options type, fields, count)"""
    b = flatbuffers.Builder(4096)
    buffers = [table(b, 3, [])]
    made = []
    for name, shape, kind, data, scales, zeros, axis in tensors:
        at = 0
        if data is not None:
            blob = b.CreateByteVector(np.ascontiguousarray(data).tobytes())
            buffers.append(table(b, 3, [(0, "ref", blob)]))
            at = len(buffers) - 1
        q = []
        if scales is not None:
            s, z = floats(b, scales), ints(b, zeros, 8)
            q = [(4, "ref", table(b, 7, [(2, "ref", s), (3, "ref", z), (6, "i32", axis)]))]
        label, dims = b.CreateString(name), ints(b, shape)
        made.append(table(b, 10, [(0, "ref", dims), (1, "i8", kind), (2, "u32", at), (3, "ref", label)] + q))
    codes = sorted({o[0] for o in ops})
    table_of = [table(b, 4, [(0, "i8", c), (3, "i32", c)]) for c in codes]
    operators = []
    for code, ins, outs, kind, fields, count in ops:
        options = table(b, count, fields)
        i, o = ints(b, ins), ints(b, outs)
        b.StartObject(6)
        b.PrependUint32Slot(0, codes.index(code), 0)
        b.PrependUOffsetTRelativeSlot(1, i, 0)
        b.PrependUOffsetTRelativeSlot(2, o, 0)
        b.PrependUint8Slot(3, kind, 0)
        b.PrependUOffsetTRelativeSlot(4, options, 0)
        operators.append(b.EndObject())
    t, i, o, ops_ = offsets(b, made), ints(b, inputs), ints(b, outputs), offsets(b, operators)
    graph = table(b, 5, [(0, "ref", t), (1, "ref", i), (2, "ref", o), (3, "ref", ops_)])
    c, g, d, u = offsets(b, table_of), offsets(b, [graph]), b.CreateString("tiny"), offsets(b, buffers)
    root = table(b, 8, [(0, "u32", 3), (1, "ref", c), (2, "ref", g), (3, "ref", d), (4, "ref", u)])
    b.Finish(root, b"TFL3")
    open(path, "wb").write(bytes(b.Output()))


CW, CB, FW, FB = f(4, 3, 3, 3), f(4), f(5, 64), f(5)  # conv [f, kh, kw, c], stride 2, same
F32, I32, I8 = 0, 2, 9
none = (None, None, 0)
conv = (3, [0, 1, 2], [3], 1, [(0, "i8", 0), (1, "i32", 2), (2, "i32", 2), (3, "i8", 1), (4, "i32", 1), (5, "i32", 1)], 6)
reshape = (22, [3, 4], [5], 17, [], 1)
full = (9, [5, 6, 7], [8], 8, [(0, "i8", 0)], 4)
tflite(f"{HERE}/float.tflite", [
    ("x", [1, 8, 8, 3], F32, None, *none), ("conv/w", [4, 3, 3, 3], F32, CW, *none), ("conv/b", [4], F32, CB, *none),
    ("conv", [1, 4, 4, 4], F32, None, *none), ("shape", [2], I32, np.array([1, 64], np.int32), *none), ("rows", [1, 64], F32, None, *none),
    ("fc/w", [5, 64], F32, FW, *none), ("fc/b", [5], F32, FB, *none), ("y", [1, 5], F32, None, *none)],
    [conv, reshape, full], [0], [8])
cs = (np.abs(CW).max((1, 2, 3)) / 127).astype(np.float32)
fs = np.float32(np.abs(FW).max() / 127)
xs, as_, ys = np.float32(0.04), np.float32(0.06), np.float32(0.15)
qw = np.clip(np.round(CW / cs[:, None, None, None]), -127, 127).astype(np.int8)
qf = np.clip(np.round(FW / fs), -127, 127).astype(np.int8)
tflite(f"{HERE}/int8.tflite", [
    ("x", [1, 8, 8, 3], I8, None, [xs], [3], 0), ("conv/w", [4, 3, 3, 3], I8, qw, cs, [0] * 4, 0),
    ("conv/b", [4], I32, np.round(CB / (xs * cs)).astype(np.int32), xs * cs, [0] * 4, 0),
    ("conv", [1, 4, 4, 4], I8, None, [as_], [-128], 0), ("shape", [2], I32, np.array([1, 64], np.int32), *none),
    ("rows", [1, 64], I8, None, [as_], [-128], 0), ("fc/w", [5, 64], I8, qf, [fs], [0], 0),
    ("fc/b", [5], I32, np.round(FB / (as_ * fs)).astype(np.int32), [as_ * fs], [0], 0), ("y", [1, 5], I8, None, [ys], [10], 0)],
    [conv, reshape, full], [0], [8])

try:  # answers of the reference kernels of LiteRT
    from ai_edge_litert.interpreter import Interpreter, OpResolverType
    for name in ("float", "int8"):
        it = Interpreter(f"{HERE}/{name}.tflite", experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
        it.allocate_tensors()
        ys_ = []
        for x in X.transpose(0, 2, 3, 1):
            i, o = it.get_input_details()[0], it.get_output_details()[0]
            v = x[None]
            if i["dtype"] == np.int8:
                s, z = i["quantization"]
                v = v / np.float32(s)
                v = np.clip(np.sign(v) * np.floor(np.abs(v) + 0.5) + z, -128, 127).astype(np.int8)
            it.set_tensor(i["index"], v)
            it.invoke()
            y = it.get_tensor(o["index"]).astype(np.float32)
            if o["dtype"] == np.int8:
                y = (y - o["quantization"][1]) * np.float32(o["quantization"][0])
            ys_.append(y)
        np.save(f"{HERE}/{name}-tflite.y.npy", np.concatenate(ys_))
except ImportError:
    print("no ai_edge_litert: answers of the TFLite models are not made anew")

# weights in a file outside of the model's folder
tensor = const("w1", W1)
tensor.ClearField("raw_data")
tensor.data_location = T.EXTERNAL
for key, value in (("location", "../../../Cargo.toml"), ("offset", "0"), ("length", str(W1.nbytes))):
    tensor.external_data.add(key=key, value=value)
graph = h.make_graph([h.make_node("Conv", ["x", "w1"], ["y"], name="c")], "outside",
                     [h.make_tensor_value_info("x", T.FLOAT, [1, 3, 8, 8])], [h.make_tensor_value_info("y", T.FLOAT, [1, 4, 6, 6])], [tensor])
open(f"{HERE}/outside.onnx", "wb").write(h.make_model(graph, opset_imports=[h.make_opsetid("", 17)], ir_version=10).SerializeToString())

# weights without a graph, with the numbers that the gguf package reads from them
import gguf
import ml_dtypes
from safetensors.numpy import save_file

writer, values = gguf.GGUFWriter(f"{HERE}/tiny.gguf", "llama"), []
writer.add_name("tiny")
writer.add_array("tokens", ["a", "b", "c"])
kinds = gguf.GGMLQuantizationType
for kind, k in ((kinds.F32, 64), (kinds.F16, 64), (kinds.Q4_0, 64), (kinds.Q5_1, 64), (kinds.Q8_0, 96)):
    a = f(3, k)
    q = gguf.quants.quantize(a, kind)
    writer.add_tensor(f"blk.{kind.name}.weight", q, raw_dtype=kind)
    values.append(gguf.quants.dequantize(q, kind).astype(np.float32).ravel())
writer.add_tensor("norm.weight", f(64))
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
np.save(f"{HERE}/gguf.values.npy", np.concatenate(values))
save_file({"a.weight": f(4, 6), "b.weight": f(4, 6).astype(ml_dtypes.bfloat16), "norm": f(6), "c.qweight": np.zeros((2, 6), np.int32)}, f"{HERE}/tiny.safetensors")
