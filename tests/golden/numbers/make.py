"""Writes the number vectors that tests/formats reads, from implementations that are not ours.

    python -m venv venv && venv/bin/pip install -r requirements.txt && venv/bin/python make.py

Arrays are hexadecimal, little endian: `f32` and `u16` numbers, and bytes as they are. Same versions, same files.
"""

import json
import pathlib

import gguf
import ml_dtypes
import numpy as np
import onnx
import onnxruntime as ort
from onnxruntime.capi._pybind_state import quantize_matmul_4bits

HERE = pathlib.Path(__file__).parent
ELEMENTS = {
    "e4m3": (ml_dtypes.float8_e4m3fn, 8),
    "e5m2": (ml_dtypes.float8_e5m2, 8),
    "e2m3": (ml_dtypes.float6_e2m3fn, 6),
    "e3m2": (ml_dtypes.float6_e3m2fn, 6),
    "e2m1": (ml_dtypes.float4_e2m1fn, 4),
    "f16": (np.float16, 16),
    "bf16": (ml_dtypes.bfloat16, 16),
}


def hexed(array):
    array = np.ascontiguousarray(array)
    return array.astype(array.dtype.newbyteorder("<")).tobytes().hex()


def f32(array):
    return hexed(np.asarray(array, dtype=np.float32))


def write(name, value):
    (HERE / f"{name}.json").write_text(json.dumps(value, indent=0, sort_keys=True) + "\n")


def codes_of(array):
    return array.view(np.uint16 if array.dtype.itemsize == 2 else np.uint8).astype(np.uint16)


def element(name, rng):
    """Every code (of 16 bits: a sample) as f32, and numbers rounded to codes: levels, ties, both sides of ties, others."""
    dtype, bits = ELEMENTS[name]
    codes = np.arange(1 << bits, dtype=np.uint16) if bits < 16 else np.arange(0, 1 << 16, 131, dtype=np.uint16)
    raw = codes if bits == 16 else codes.astype(np.uint8)
    with np.errstate(all="ignore"):
        values = raw.view(dtype).astype(np.float32)
        top = np.float32(ml_dtypes.finfo(dtype).max)
        first = np.arange(0, (1 << (bits - 1)) - 1, 1 if bits < 16 else 173, dtype=np.uint16)
        pair = [c.astype(raw.dtype).view(dtype).astype(np.float64) for c in (first, first + 1)]
        ties = ((pair[0] + pair[1]) / 2).astype(np.float32)
        ties = ties[np.isfinite(ties) & (ties <= top)]
        near = np.concatenate([ties, np.nextafter(ties, np.float32(0)), np.nextafter(ties, np.float32(np.inf))])
        spread = np.exp(rng.uniform(np.log(1e-9), np.log(float(top)), 64)).astype(np.float32)
        x = np.concatenate([near, spread, [0, 1e-45, 1e-38, top]]).astype(np.float32)
        x = np.concatenate([x[x <= top], -x[(x <= top)][::5]])
        rounded = codes_of(x.astype(dtype))
    return {"codes": hexed(codes), "values": f32(values), "x": f32(x), "rounded": hexed(rounded)}


def mx_block(x, name):
    """OCP MX 1.0, 6.3: shared exponent floor(log2 amax) - emax, elements to nearest even, saturating."""
    amax = float(np.abs(x).max())
    greatest = {"e4m3": 8, "e5m2": 15, "e2m3": 2, "e3m2": 4, "e2m1": 2, "int8": 0}[name]
    exponent = int(np.clip((np.frexp(amax)[1] - 1 if amax else -999) - greatest, -127, 127))
    scaled = x.astype(np.float64) / 2.0**exponent
    if name == "int8":
        codes, bits = np.clip(np.rint(scaled * 64), -127, 127).astype(np.int8).view(np.uint8), 8
    else:
        dtype, bits = ELEMENTS[name]
        top = float(ml_dtypes.finfo(dtype).max)
        codes = np.clip(scaled, -top, top).astype(np.float32).astype(dtype).view(np.uint8)
        codes = np.where(codes == 1 << (bits - 1), 0, codes)  # zeros have no sign here
    stream = ((codes[:, None] >> np.arange(bits)) & 1).astype(np.uint8)
    return np.concatenate([[np.uint8(exponent + 127)], np.packbits(stream, bitorder="little")])


def nvfp4_row(x):
    tensor = np.maximum(np.abs(x).max() / np.float32(2688), np.finfo(np.float32).tiny).astype(np.float32)
    out = [np.frombuffer(tensor.tobytes(), np.uint8)]
    for block in x.reshape(-1, 16):
        scale = np.minimum(np.abs(block).max() / np.float32(6) / tensor, np.float32(448))
        code = np.maximum(np.atleast_1d(scale.astype(ml_dtypes.float8_e4m3fn)).view(np.uint8), 1)
        scale = code.view(ml_dtypes.float8_e4m3fn).astype(np.float32) * tensor
        e = np.clip(block / scale, -6, 6).astype(ml_dtypes.float4_e2m1fn).view(np.uint8)
        e = np.where(e == 8, 0, e)
        out += [code, e[0::2] | (e[1::2] << 4)]
    return np.concatenate(out).astype(np.uint8)


def rows(rng):
    """Rows of 512: normal ones, uneven ones, small integers (ties), and zeros with a few tiny numbers."""
    normal = rng.normal(size=512)
    uneven = rng.standard_t(2, 512) * np.repeat(np.exp2(rng.integers(-9, 9, 16)), 32)
    ties = rng.integers(-16, 17, 512) / 2
    bare = np.where(rng.random(512) < 0.02, rng.normal(size=512) * 1e-3, 0)
    return [r.astype(np.float32) for r in (normal, uneven, ties, bare)]


def blocks(rng):
    far = [np.full(32, 1e-45), np.full(32, 1.5e38), np.full(32, 2.0**-127), np.arange(32) * 1e-40]
    special = np.concatenate([np.concatenate(far), rng.normal(size=384)]).astype(np.float32)
    data = rows(rng) + [special]
    mx = {n: [hexed(np.concatenate([mx_block(b, n) for b in r.reshape(-1, 32)])) for r in data]
          for n in ("e4m3", "e5m2", "e2m3", "e3m2", "e2m1", "int8")}
    write("microscaling", {"x": [f32(r) for r in data], "mx": mx, "nvfp4": [hexed(nvfp4_row(r)) for r in data]})


QUANTIZED = ["Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "TQ1_0", "TQ2_0"]
READ = QUANTIZED + ["IQ4_NL", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K"]
# bytes where f16 numbers begin
HALVES = {"Q4_1": [0, 2], "Q5_1": [0, 2], "TQ1_0": [52], "TQ2_0": [64], "Q2_K": [80, 82], "Q3_K": [108],
          "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208]}


def ggml(rng):
    data = rows(rng)
    out = {"x": [f32(r) for r in data], "quantized": {}, "read": {}}
    for name in QUANTIZED:
        kind = gguf.GGMLQuantizationType[name]
        out["quantized"][name.lower()] = [hexed(gguf.quants.quantize(r[None], kind)) for r in data]
    for name in READ:
        kind = gguf.GGMLQuantizationType[name]
        columns, size = gguf.GGML_QUANT_SIZES[kind]
        raw = rng.integers(0, 256, (512 // columns, size)).astype(np.uint8)
        for at in HALVES.get(name, [0]):
            raw[:, at + 1] &= 0xBF  # no infinities, no NaN
        values = gguf.quants.dequantize(raw, kind)
        out["read"][name.lower()] = {"bytes": hexed(raw), "values": f32(values)}
    write("ggml", out)


def run(op, inputs, outputs, **attributes):
    names = [f"i{i}" for i in range(len(inputs))]
    made = [f"o{i}" for i in range(outputs)]
    typed = [onnx.helper.make_tensor_value_info(n, onnx.helper.np_dtype_to_tensor_dtype(v.dtype), v.shape)
             for n, v in zip(names, inputs)]
    node = onnx.helper.make_node(op, names, made, **attributes)
    results = [onnx.ValueInfoProto(name=n) for n in made]
    graph = onnx.helper.make_graph([node], "one", typed, results)
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 19)], ir_version=9)
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, dict(zip(names, inputs)))


def linear(rng):
    cases = []
    for scale, point in [(0.25, 128), (0.1, 0), (0.037, 255), (1.5, 7), (0.25, None), (0.013, None)]:
        kind = np.int8 if point is None else np.uint8
        zero, step = np.array(point or 0, kind), np.array(scale, np.float32)
        ties = (np.arange(-140, 140, 7) + 0.5) * step
        x = np.concatenate([ties, rng.normal(size=60) * 40 * scale, [0, 1e30, -1e30]]).astype(np.float32)
        (codes,) = run("QuantizeLinear", [x, step, zero], 1)
        (back,) = run("DequantizeLinear", [codes, step, zero], 1)
        cases.append({"scale": f32(step), "point": point, "x": f32(x), "codes": hexed(codes.view(np.uint8)), "back": f32(back)})
    return cases


def dynamic(rng):
    data = [rng.normal(size=200), rng.random(200) + 1, -rng.random(100) - 3, rng.normal(size=64) * 1e-6,
            rng.normal(size=64) * 1e9, np.arange(-3, 253) / 2]
    cases = []
    for x in (d.astype(np.float32) for d in data):
        codes, scale, zero = run("DynamicQuantizeLinear", [x], 3)
        cases.append({"x": f32(x), "codes": hexed(codes), "scale": f32(scale), "zero": int(zero)})
    return cases


def nbits(rng):
    """MatMulNBits weights of 4 bits, blocks of 32: [K, N] columns become rows of packed blocks."""
    k, n, cases = 96, 3, []
    for symmetric in (True, False):
        w = rng.normal(size=(k, n)).astype(np.float32)
        packed = np.zeros((n, k // 32, 16), np.uint8)
        scales = np.zeros(n * (k // 32), np.float32)
        zeros = np.zeros((n, (k // 32 + 1) // 2), np.uint8)
        quantize_matmul_4bits(packed, w, scales, zeros, 32, n, k, symmetric)
        cases.append({"symmetric": symmetric, "k": k, "rows": [f32(r) for r in w.T], "packed": hexed(packed),
                      "scales": f32(scales), "zeros": hexed(zeros)})
    return cases


if __name__ == "__main__":
    rng = np.random.default_rng(20250101)
    write("elements", {n: element(n, rng) for n in ELEMENTS})
    blocks(rng)
    ggml(rng)
    write("onnx", {"linear": linear(rng), "dynamic": dynamic(rng), "nbits": nbits(rng)})
