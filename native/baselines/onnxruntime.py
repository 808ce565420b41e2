"""A peer: kernels of ONNX Runtime's CPU provider, each the only node of a model (native/baselines/README.md)."""
import os
import sys
import time

sys.path.pop(0)  # this file's folder, where `import onnxruntime` would find this file
answers = os.fdopen(os.dup(1), "w", buffering=1)
os.dup2(2, 1)  # what a library prints is no answer

try:
    import numpy as np
    import onnx
    import onnxruntime as ort
    from onnx import TensorProto, helper, numpy_helper
except ImportError as e:
    sys.exit(str(e))

MICROSOFT = "com.microsoft"
ELEMENTS = {np.dtype(np.float32): TensorProto.FLOAT, np.dtype(np.uint8): TensorProto.UINT8,
            np.dtype(np.int32): TensorProto.INT32}
random = np.random.default_rng(1)


class Unsupported(Exception):
    pass


class Loaded:
    """A model with one input and one output of fixed shapes, both bound to memory that stays."""

    def __init__(self, nodes, weights, x, out_shape, out_type, threads):
        value = lambda name, kind, shape: helper.make_tensor_value_info(name, ELEMENTS[np.dtype(kind)], shape)
        constants = [numpy_helper.from_array(w, name) for name, w in weights.items()]
        graph = helper.make_graph(nodes, "layer", [value("x", x.dtype, x.shape)], [value("y", out_type, out_shape)],
                                  constants)
        sets = [helper.make_opsetid("", 17), helper.make_opsetid(MICROSOFT, 1)]
        model = helper.make_model(graph, opset_imports=sets, ir_version=8)
        options = ort.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        self.threads = threads
        self.session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        self.input = ort.OrtValue.ortvalue_from_numpy(x)
        self.output = ort.OrtValue.ortvalue_from_shape_and_type(list(out_shape), out_type)
        self.binding = self.session.io_binding()
        self.binding.bind_ortvalue_input("x", self.input)
        self.binding.bind_ortvalue_output("y", self.output)

    def time(self, calls):
        run, binding = self.session.run_with_iobinding, self.binding
        run(binding)
        start = time.perf_counter_ns()
        for _ in range(calls):
            run(binding)
        ns = time.perf_counter_ns() - start
        if self.threads > 1:
            self.calm_down()
        return ns

    def calm_down(self):
        """Its threads spin for a while after a call; they must not while somebody else is timed."""
        busy, patience = True, time.monotonic() + 0.2
        while busy and time.monotonic() < patience:
            before = time.process_time()
            time.sleep(0.002)
            busy = time.process_time() - before > 0.0005


def bytes_of(shape):
    return random.integers(0, 256, shape, dtype=np.uint8)


def codes(shape):
    return random.integers(-127, 128, shape, dtype=np.int8)


def floats(shape):
    return random.standard_normal(shape, dtype=np.float32)


def scales(n):
    return random.uniform(0.001, 0.1, n).astype(np.float32)


def zero(kind=np.uint8, value=128):
    return np.array(value, dtype=kind)


def node(op, inputs, outputs=("y",), domain="", **attributes):
    return helper.make_node(op, list(inputs), list(outputs), domain=domain, **attributes)


def gemm(kind, d, bits, group, activations):
    """Nodes, constants, input, type of the output."""
    m, n, k = d("m"), d("n"), d("k")
    if kind == "float":
        return [node("MatMul", ["x", "w"])], {"w": floats((k, n))}, floats((m, k)), np.float32
    if kind == "int8":
        return [node("MatMulInteger", ["x", "w", "zero"])], {"w": codes((k, n)), "zero": zero()}, bytes_of((m, k)), np.int32
    if kind == "qdq":
        names = ["x", "sx", "zx", "w", "sw", "zw", "sy", "zy"]
        constants = {"sx": np.float32(0.02), "zx": zero(), "w": codes((k, n)), "sw": scales(n),
                     "zw": np.zeros(n, np.int8), "sy": np.float32(0.5), "zy": zero()}
        return [node("QLinearMatMul", names)], arrays(constants), bytes_of((m, k)), np.uint8
    if bits == 8 and group == 0 and activations == "8":
        names = ["x", "w", "sw", "zw"]
        constants = {"w": codes((k, n)), "sw": scales(n), "zw": np.zeros(n, np.int8)}
        return [node("DynamicQuantizeMatMul", names, domain=MICROSOFT)], constants, floats((m, k)), np.float32
    if bits not in (2, 4, 8):
        raise Unsupported(f"MatMulNBits has no weights of {bits} bits")
    if group not in (16, 32, 64, 128, 256):
        raise Unsupported(f"MatMulNBits has groups of 16 to 256 weights, not of {group or k}")
    blocks = -(-k // group)
    constants = {"w": bytes_of((n, blocks, group * bits // 8)), "sw": scales(n * blocks)}
    # level 4: activations are quantized to 8 bits inside the call; level 1: they stay floats
    level = 4 if activations == "8" else 1
    attributes = {"K": k, "N": n, "bits": bits, "block_size": group, "accuracy_level": level}
    return [node("MatMulNBits", ["x", "w", "sw"], domain=MICROSOFT, **attributes)], constants, floats((m, k)), np.float32


def arrays(constants):
    return {name: np.asarray(value) for name, value in constants.items()}


def conv(kind, d, bits, group, depthwise):
    """The same of a convolution, NCHW but for the quantized one, which has its channels last."""
    h, w, c, f = (d(name) for name in "hwcf")
    kernel = [d("kh"), d("kw")]
    shape = {"kernel_shape": kernel, "strides": [d("stride")] * 2, "group": c if depthwise else 1,
             "pads": [d("top"), d("left"), d("bottom"), d("right")]}
    weights = (f, 1 if depthwise else c, *kernel)
    if kind == "float":
        return [node("Conv", ["x", "w"], **shape)], {"w": floats(weights)}, floats((1, c, h, w)), np.float32
    if kind == "int8":
        constants = {"w": codes(weights), "zx": zero(), "zw": zero(np.int8, 0)}
        return [node("ConvInteger", ["x", "w", "zx", "zw"], **shape)], constants, bytes_of((1, c, h, w)), np.int32
    if kind == "qdq":
        names = ["x", "sx", "zx", "w", "sw", "zw", "sy", "zy"]
        constants = {"sx": np.float32(0.02), "zx": zero(), "w": codes(weights), "sw": scales(f),
                     "zw": np.zeros(f, np.int8), "sy": np.float32(0.5), "zy": zero()}
        made = node("QLinearConv", names, domain=MICROSOFT, channels_last=1, **shape)
        return [made], arrays(constants), bytes_of((1, h, w, c)), np.uint8
    if (bits, group) != (8, 0):
        raise Unsupported("it has convolutions of 8-bit weights with a scale for each output only")
    nodes = [node("DynamicQuantizeLinear", ["x"], ["q", "sx", "zx"]),
             node("ConvInteger", ["q", "w", "zx", "zw"], ["sums"], **shape), node("Cast", ["sums"], ["wide"], to=1),
             node("Mul", ["sx", "sw"], ["s"]), node("Mul", ["wide", "s"])]
    constants = {"w": codes(weights), "zw": zero(np.int8, 0), "sw": scales(f).reshape(1, f, 1, 1)}
    return nodes, constants, floats((1, c, h, w)), np.float32


def kind_of(say):
    """float, int8, qdq or dynamic: what happens to the numbers in a call."""
    weights, activations, contract = say["weights"], say["activations"], say["contract"]
    if say["regime"] != "hot":
        raise Unsupported(f"this peer is timed with hot caches only, not {say['regime']}")
    if weights == "f32" and activations == "32" and contract == "f32io":
        return "float"
    if weights != "int" or say["affine"] != "0" or contract not in ("int8", "f32io", "qdq"):
        raise Unsupported(f"it has no {say['scheme']} under {contract}")
    plain = (say["bits"], say["group"], activations) == ("8", "0", "8")
    if contract != "f32io" and not plain:
        raise Unsupported(f"under {contract} it has w8a8 only")
    if activations not in ("8", "32"):
        raise Unsupported(f"it has no activations of {activations} bits")
    return {"f32io": "dynamic"}.get(contract, contract)


def load(words):
    say = dict(w.split("=", 1) for w in words)
    number = lambda name: int(say[name])
    kind = kind_of(say)
    bits = 0 if kind == "float" else int(say["bits"])
    group = int(say["group"]) if say["group"].isdigit() else None
    if kind == "dynamic" and group is None:
        raise Unsupported(f"it has no scales by {say['group']}")
    if say["op"] == "gemm":
        made, out = gemm(kind, number, bits, group, say["activations"]), (number("m"), number("n"))
    elif say["op"] in ("conv2d", "depthwise"):
        if kind == "dynamic" and say["activations"] != "8":
            raise Unsupported("it has no convolution of quantized weights and f32 activations")
        made = conv(kind, number, bits, group, say["op"] == "depthwise")
        size = lambda of, window, a, b: (number(of) + number(a) + number(b) - number(window)) // number("stride") + 1
        oh, ow = size("h", "kh", "top", "bottom"), size("w", "kw", "left", "right")
        out = (1, oh, ow, number("f")) if kind == "qdq" else (1, number("f"), oh, ow)
    else:
        raise Unsupported(f"no operation {say['op']}")
    nodes, constants, x, out_type = made
    try:
        return Loaded(nodes, constants, x, out, out_type, number("threads"))
    except Exception as e:
        if "NOT_IMPLEMENTED" in str(e) or type(e).__name__ == "NotImplemented":
            raise Unsupported(str(e)) from e
        raise


def hello():
    one = Loaded([node("Identity", ["x"])], {}, floats((1,)), (1,), np.float32, 1)
    call = min(one.time(200) / 200 for _ in range(15))
    return f"peer 1 onnxruntime {ort.__version__} call_ns={call:.0f}"


def main():
    loaded = None
    for line in sys.stdin:
        command, *words = line.split()
        try:
            if command == "hello":
                answer = f"ok {hello()}"
            elif command == "load":
                loaded = None
                loaded = load(words)
                answer = "ok"
            elif command == "time" and loaded is not None:
                answer = f"ok {loaded.time(int(words[0]))}"
            elif command == "quit":
                answer = "ok"
            else:
                answer = "err nothing is loaded" if command == "time" else f"err no command {command}"
        except Unsupported as e:
            answer = f"unsupported {e}"
        except Exception as e:
            answer = f"err {type(e).__name__}: {e}"
        answers.write(" ".join(answer.split()) + "\n")
        if command == "quit":
            return


if __name__ == "__main__":
    main()
