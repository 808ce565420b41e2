"""What other stacks make of the files that `bitsmith export --to` writes.

    exchange.py onnx FOLDER                                ONNX Runtime's first output of each sample of NAME.npy, of every
                                                           NAME.onnx, into y.safetensors
    exchange.py gguf FILE OUT.safetensors                  every tensor as the gguf package decodes it
    exchange.py compressed-tensors FOLDER OUT.safetensors  every weight, decoded as compressed-tensors says
"""

import json
import sys
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file


def run_onnx(folder):
    import onnx
    import onnxruntime

    answers = {}
    for path in sorted(Path(folder).glob("*.onnx")):
        onnx.checker.check_model(onnx.load(path), full_check=True)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        # else products with weights of 4 and 8 bits alone round their activations to 8 bits
        options.add_session_config_entry("session.qdq_matmulnbits_accuracy_level", "1")
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        x = np.load(path.with_suffix(".npy")).astype(np.float32)
        entry = session.get_inputs()[0]
        all = [session.run(None, {entry.name: one.reshape(entry.shape)})[0].ravel() for one in x]
        answers[path.stem] = np.stack(all).astype(np.float32)
    save_file(answers, f"{folder}/y.safetensors")


def decode_gguf(path, out):
    import gguf

    reader = gguf.GGUFReader(path)
    tensors = {t.name: np.ascontiguousarray(gguf.quants.dequantize(t.data, t.tensor_type), np.float32) for t in reader.tensors}
    for t in reader.tensors:
        assert list(reversed(t.shape)) == list(tensors[t.name].shape), t.name
    kinds = {t.name: t.tensor_type.name.lower() for t in reader.tensors}
    fields = {name: str(field.contents()) for name, field in reader.fields.items()}
    save_file(tensors, out)
    print(json.dumps({"kinds": kinds, "fields": fields}))


def unpack(words, bits, count, axis):
    """Codes of `bits` bits, the first lowest, that begin at 0 where the signed ones begin at their least."""
    words = np.moveaxis(words, axis, -1).view(np.uint32)
    shifts = np.arange(0, 32, bits, dtype=np.uint32)
    codes = (words[..., None] >> shifts & (2**bits - 1)).reshape(*words.shape[:-1], -1)[..., :count]
    return np.moveaxis(codes.astype(np.int32) - 2 ** (bits - 1), -1, axis)


def decode_compressed(folder, out):
    import ml_dtypes

    with open(f"{folder}/config.json") as f:
        config = json.load(f)["quantization_config"]
    with open(f"{folder}/model.safetensors", "rb") as f:
        size = int.from_bytes(f.read(8), "little")
        header = json.loads(f.read(size))
        data = f.read()
    types = {"F32": np.float32, "F16": np.float16, "BF16": ml_dtypes.bfloat16, "F8_E4M3": ml_dtypes.float8_e4m3fn,
             "I8": np.int8, "I32": np.int32, "I64": np.int64, "U8": np.uint8}
    tensors = {name: np.frombuffer(data[t["data_offsets"][0]:t["data_offsets"][1]], types[t["dtype"]]).reshape(t["shape"])
               for name, t in header.items() if name != "__metadata__"}
    decoded = {}
    for group in config["config_groups"].values():
        weights = group["weights"]
        for name in [n.removesuffix(".weight_scale") for n in tensors if n.endswith(".weight_scale")]:
            if group["targets"] != ["Linear"] and name not in group["targets"]:
                continue
            scale = tensors[f"{name}.weight_scale"].astype(np.float32)
            zero = 0
            if group.get("format", config["format"]) == "pack-quantized":
                n, k = tensors[f"{name}.weight_shape"]
                codes = unpack(tensors[f"{name}.weight_packed"], weights["num_bits"], k, 1)
                if not weights["symmetric"]:
                    zero = unpack(tensors[f"{name}.weight_zero_point"], weights["num_bits"], n, 0)
            else:
                codes = tensors[f"{name}.weight"].astype(np.float32)
            if weights["strategy"] == "group":
                scale = np.repeat(scale, weights["group_size"], axis=1)
                zero = np.repeat(zero, weights["group_size"], axis=1) if np.ndim(zero) else zero
            decoded[name] = ((codes - zero).astype(np.float64) * scale).astype(np.float32)
    save_file({k: np.ascontiguousarray(v) for k, v in decoded.items()}, out)


if __name__ == "__main__":
    {"onnx": run_onnx, "gguf": decode_gguf, "compressed-tensors": decode_compressed}[sys.argv[1]](*sys.argv[2:])
