#!/usr/bin/env python3
"""Train the `digits` network and write its weights and data.

How to run (Python 3.11 or newer, under a minute on one core):

    python3 -m venv .venv
    .venv/bin/pip install numpy==2.4.6 scikit-learn==1.9.1 safetensors==0.8.0
    .venv/bin/python train.py            # writes next to this file
    .venv/bin/python train.py --out DIR  # or writes into DIR

Once installed it downloads nothing: scikit-learn carries the data set (1797 handwritten
digits, 8x8, values 0..16; see README.md for the attribution).

It prints the split sizes, the training loss every ten epochs, one line per layer
(shape of the weights, largest weight, largest output on the calibration images), the
top-1 accuracy on the three splits and the SHA-256 of the two files it writes:

    digits.safetensors       f32 weights: conv [f, kh, kw, c], depthwise [c, kh, kw],
                             dense [n, k]; one bias per output channel
    digits-data.safetensors  u8 images [count, 8, 8, 1] (raw, 0..16) and labels [count]
                             of the splits train, calibration and test

Everything is seeded and single-threaded: with the pinned versions, on the same kind of
processor, two runs write the same bytes. A processor on which numpy takes another code
path for the matrix product sums in another order and ends at slightly different weights.

The test images take no part in training or in choosing the recipe; the calibration
images neither.
"""

import argparse
import hashlib
import os
import pathlib

for _name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ[_name] = "1"  # before numpy: one thread sums in one order

import numpy as np  # noqa: E402
from safetensors.numpy import save  # noqa: E402
from sklearn.datasets import load_digits  # noqa: E402
from sklearn.model_selection import train_test_split  # noqa: E402

SEED = 20240
SPLIT = {"train": 1197, "calibration": 200, "test": 400}
INPUT_SCALE = np.float32(1.0 / 16.0)
CLASSES = 10

EPOCHS = 150
BATCH = 64
PEAK_RATE = 4e-3  # cosine to zero after a short warm-up
WARMUP = 200  # steps
WEIGHT_DECAY = 1e-3  # decoupled, weights only
SMOOTHING = 0.05  # of the labels
DROPOUT = 0.3  # of the dense layer's input

# name, kind, outputs, inputs, kernel, stride, pad, relu
LAYERS = [
    ("conv1", "conv", 16, 1, 3, 1, 1, True),
    ("dw1", "depthwise", 16, 16, 3, 2, 1, True),
    ("pw1", "conv", 32, 16, 1, 1, 0, True),
    ("dw2", "depthwise", 32, 32, 3, 1, 1, True),
    ("pw2", "conv", 64, 32, 1, 1, 0, True),
    ("fc", "dense", CLASSES, 4 * 4 * 64, 0, 0, 0, False),
]


def load_splits():
    """The three stratified splits: {name: (images u8 [n,8,8,1], labels u8 [n])}."""
    digits = load_digits()
    x = digits.images.astype(np.uint8)[..., None]
    y = digits.target.astype(np.uint8)
    assert x.shape == (1797, 8, 8, 1) and x.max() == 16
    rest_x, test_x, rest_y, test_y = train_test_split(
        x, y, test_size=SPLIT["test"], random_state=SEED, stratify=y
    )
    train_x, cal_x, train_y, cal_y = train_test_split(
        rest_x, rest_y, test_size=SPLIT["calibration"], random_state=SEED, stratify=rest_y
    )
    assert len(train_x) == SPLIT["train"]
    return {
        "train": (train_x, train_y),
        "calibration": (cal_x, cal_y),
        "test": (test_x, test_y),
    }


# ---- layers, NHWC ------------------------------------------------------------------


def windows(x, kernel, stride, pad):
    """[n, oh, ow, kernel * kernel, c]: what each output position sees."""
    if pad:
        x = np.pad(x, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
    oh = (x.shape[1] - kernel) // stride + 1
    ow = (x.shape[2] - kernel) // stride + 1
    taps = [
        x[:, i : i + stride * (oh - 1) + 1 : stride, j : j + stride * (ow - 1) + 1 : stride]
        for i in range(kernel)
        for j in range(kernel)
    ]
    return np.stack(taps, axis=3)


def unwindows(dcols, shape, kernel, stride, pad):
    """The transpose of `windows`: adds every tap back to where it came from."""
    n, h, w, c = shape
    _, oh, ow, _, _ = dcols.shape
    dx = np.zeros((n, h + 2 * pad, w + 2 * pad, c), dcols.dtype)
    for t in range(kernel * kernel):
        i, j = divmod(t, kernel)
        dx[
            :, i : i + stride * (oh - 1) + 1 : stride, j : j + stride * (ow - 1) + 1 : stride
        ] += dcols[:, :, :, t]
    return dx[:, pad : pad + h, pad : pad + w]


def forward(params, x, drop=None):
    """Logits, and what the backward pass needs. `drop` scales the dense layer's input."""
    saved = []
    for name, kind, _, _, kernel, stride, pad, relu in LAYERS:
        weight, bias = params[name + ".weight"], params[name + ".bias"]
        shape = x.shape
        if kind == "dense":
            cols = x.reshape(len(x), -1)
            if drop is not None:
                cols = cols * drop
            y = cols @ weight.T + bias
        else:
            cols = windows(x, kernel, stride, pad)
            if kind == "conv":
                cols = cols.reshape(*cols.shape[:3], -1)
                y = cols @ weight.reshape(len(weight), -1).T + bias
            else:
                taps = np.ascontiguousarray(weight.reshape(len(weight), -1).T)
                y = (cols * taps).sum(axis=3) + bias
        if relu:
            y = np.maximum(y, 0)
        saved.append((shape, cols, y))
        x = y
    return x, saved


def backward(params, saved, dy, drop=None):
    """Gradients of every parameter for the gradient `dy` of the logits."""
    grads = {}
    for (name, kind, outs, ins, kernel, stride, pad, relu), (shape, cols, y) in zip(
        reversed(LAYERS), reversed(saved)
    ):
        weight = params[name + ".weight"]
        if relu:
            dy = dy * (y > 0)
        flat = dy.reshape(-1, outs)
        grads[name + ".bias"] = flat.sum(axis=0)
        if kind == "dense":
            grads[name + ".weight"] = flat.T @ cols
            dx = flat @ weight
            if drop is not None:
                dx = dx * drop
            dy = dx.reshape(shape)
        elif kind == "conv":
            grads[name + ".weight"] = (flat.T @ cols.reshape(len(flat), -1)).reshape(weight.shape)
            if name == LAYERS[0][0]:
                break
            dcols = (flat @ weight.reshape(outs, -1)).reshape(
                *dy.shape[:3], kernel * kernel, ins
            )
            dy = unwindows(dcols, shape, kernel, stride, pad)
        else:
            taps = np.ascontiguousarray(weight.reshape(outs, -1).T)
            dtaps = (cols * dy[:, :, :, None]).sum(axis=(0, 1, 2))
            grads[name + ".weight"] = np.ascontiguousarray(dtaps.T).reshape(weight.shape)
            dy = unwindows(dy[:, :, :, None] * taps, shape, kernel, stride, pad)
    return grads


def initial(rng):
    params = {}
    for name, kind, outs, ins, kernel, _, _, relu in LAYERS:
        shape, fan_in = {
            "conv": ((outs, kernel, kernel, ins), kernel * kernel * ins),
            "depthwise": ((outs, kernel, kernel), kernel * kernel),
            "dense": ((outs, ins), ins),
        }[kind]
        spread = np.sqrt((2.0 if relu else 1.0) / fan_in)
        params[name + ".weight"] = (rng.standard_normal(shape) * spread).astype(np.float32)
        params[name + ".bias"] = np.zeros(outs, np.float32)
    return params


# ---- training ----------------------------------------------------------------------


def augment(x, rng):
    """Small random rotation, scale, shear and shift of each image; bilinear, zero outside."""
    n, h, w, _ = x.shape
    angle = rng.uniform(-0.20, 0.20, n)
    scale = rng.uniform(0.90, 1.12, (n, 2))
    shear = rng.uniform(-0.12, 0.12, n)
    shift = rng.uniform(-0.8, 0.8, (n, 2))
    cos, sin = np.cos(angle), np.sin(angle)
    v, u = np.meshgrid(np.arange(h) - (h - 1) / 2, np.arange(w) - (w - 1) / 2, indexing="ij")
    v, u = v.ravel()[None], u.ravel()[None]
    sv = (cos[:, None] * v + sin[:, None] * u) * scale[:, :1] + shift[:, :1] + (h - 1) / 2
    su = (
        (cos[:, None] * u - sin[:, None] * v + shear[:, None] * v) * scale[:, 1:]
        + shift[:, 1:]
        + (w - 1) / 2
    )
    margin = 3  # far enough for every source position above
    padded = np.pad(x[..., 0], ((0, 0), (margin, margin), (margin, margin)))
    sv = np.clip(sv + margin, 0, h + 2 * margin - 1.001)
    su = np.clip(su + margin, 0, w + 2 * margin - 1.001)
    iv, iu = sv.astype(np.int64), su.astype(np.int64)
    fv, fu = (sv - iv).astype(np.float32), (su - iu).astype(np.float32)
    image = np.arange(n)[:, None]
    out = (
        padded[image, iv, iu] * (1 - fv) * (1 - fu)
        + padded[image, iv, iu + 1] * (1 - fv) * fu
        + padded[image, iv + 1, iu] * fv * (1 - fu)
        + padded[image, iv + 1, iu + 1] * fv * fu
    )
    return out.reshape(n, h, w, 1)


def train(x, y, seed=SEED, epochs=EPOCHS, log=print):
    """Adam on the smoothed cross-entropy. `x` is f32 in 0..1."""
    rng = np.random.Generator(np.random.PCG64(seed))
    params = initial(rng)
    mean = {k: np.zeros_like(v) for k, v in params.items()}
    square = {k: np.zeros_like(v) for k, v in params.items()}
    per_epoch = len(x) // BATCH
    steps = epochs * per_epoch
    target = np.full((CLASSES, CLASSES), SMOOTHING / CLASSES, np.float32)
    target += np.eye(CLASSES, dtype=np.float32) * np.float32(1 - SMOOTHING)
    features = LAYERS[-1][3]
    step = 0
    for epoch in range(1, epochs + 1):
        order = rng.permutation(len(x))
        losses = []
        for b in range(per_epoch):
            pick = order[b * BATCH : (b + 1) * BATCH]
            xb, tb = augment(x[pick], rng), target[y[pick]]
            drop = (rng.random((BATCH, features)) >= DROPOUT).astype(np.float32)
            drop /= np.float32(1 - DROPOUT)
            logits, saved = forward(params, xb, drop)
            logits = logits - logits.max(axis=1, keepdims=True)
            logp = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
            losses.append(float(-(tb * logp).sum() / BATCH))
            grads = backward(params, saved, (np.exp(logp) - tb) / np.float32(BATCH), drop)
            step += 1
            rate = PEAK_RATE * min(1.0, step / WARMUP) * 0.5 * (1 + np.cos(np.pi * step / steps))
            for k, g in grads.items():
                mean[k] += np.float32(0.1) * (g - mean[k])
                square[k] += np.float32(0.001) * (g * g - square[k])
                m = mean[k] / np.float32(1 - 0.9**step)
                s = square[k] / np.float32(1 - 0.999**step)
                update = m / (np.sqrt(s) + np.float32(1e-8))
                if k.endswith(".weight"):
                    update = update + np.float32(WEIGHT_DECAY) * params[k]
                params[k] = params[k] - np.float32(rate) * update
        if epoch % 10 == 0 or epoch == epochs:
            log(f"epoch {epoch:3d}  loss {np.mean(losses):.4f}")
    return params


def scaled(x):
    return x.astype(np.float32) * INPUT_SCALE


def correct(params, x, y):
    return int((forward(params, scaled(x))[0].argmax(axis=1) == y).sum())


def main():
    parser = argparse.ArgumentParser(description="Train the digits network.")
    parser.add_argument(
        "--out", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parent
    )
    args = parser.parse_args()

    splits = load_splits()
    print("splits: " + ", ".join(f"{name} {len(y)}" for name, (_, y) in splits.items()))
    params = train(scaled(splits["train"][0]), splits["train"][1])

    saved = forward(params, scaled(splits["calibration"][0]))[1]
    for (name, *_), (_, _, out) in zip(LAYERS, saved):
        weight = params[name + ".weight"]
        print(
            f"{name:6s} weight {str(list(weight.shape)):16s} "
            f"max |w| {np.abs(weight).max():.3f}  max |out| {np.abs(out).max():.3f}"
        )
    for name, (x, y) in splits.items():
        good = correct(params, x, y)
        print(f"{name:11s} top-1 {100 * good / len(y):.2f} % ({good} of {len(y)})")

    args.out.mkdir(parents=True, exist_ok=True)
    data = {}
    for name, (x, y) in splits.items():
        data[name + ".x"] = np.ascontiguousarray(x)
        data[name + ".y"] = np.ascontiguousarray(y)
    for file, tensors in (
        ("digits.safetensors", {k: np.ascontiguousarray(v) for k, v in params.items()}),
        ("digits-data.safetensors", data),
    ):
        path = args.out / file
        content = save(tensors)
        path.write_bytes(content)
        print(f"{hashlib.sha256(content).hexdigest()}  {file}")


if __name__ == "__main__":
    main()
