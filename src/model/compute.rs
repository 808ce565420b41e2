//! What the operations compute in f32, one reference for all models; sums are taken in f64.

use anyhow::{Context, Result, bail, ensure};

use super::graph::{Array, Binary, Data, Fold, Operation, Unary};
use super::infer::infer;
use super::windows::{conv, pool};

/// The outputs of an operation on arrays that fit it.
/// # Errors
/// Inputs that do not fit; an index that is none.
pub fn compute(op: &Operation, inputs: &[&Array]) -> Result<Vec<Array>> {
    let dims: Vec<&[usize]> = inputs.iter().map(|a| a.dims.as_slice()).collect();
    let out = infer(op, &dims)?;
    let x = *inputs.first().context("has no input")?;
    let shape = out[0].clone();
    let one = match op {
        Operation::Conv { window, groups, relu } => conv(window, *groups, *relu, inputs, &shape)?,
        Operation::Linear { relu } => linear(*relu, inputs, shape),
        Operation::MatMul { transposed } => matmul(x, inputs[1], *transposed, shape),
        Operation::Unary(op) => Array::f32(shape, x.floats().iter().map(|v| unary(*op, *v)).collect()),
        Operation::Binary(op) => binary(*op, x, inputs[1], shape)?,
        Operation::Where => choose(x, [inputs[1], inputs[2]], shape),
        Operation::MaxPool(window) => {
            pool(window, x, &shape, |seen, _| seen.iter().copied().fold(f32::NEG_INFINITY, f32::max))?
        }
        Operation::AveragePool { window, whole } => pool(window, x, &shape, |seen, all| {
            let count = if *whole { all } else { seen.len() };
            (seen.iter().map(|v| f64::from(*v)).sum::<f64>() / count as f64) as f32
        })?,
        Operation::Reduce { fold, axes, .. } => reduce(*fold, axes, x, shape),
        Operation::Softmax { axis, beta } => along(x, *axis, |row| softmax(row, *beta)),
        Operation::LogSoftmax { axis } => along(x, *axis, log_softmax),
        Operation::LayerNorm { axis, epsilon } => layer_norm(*axis, *epsilon, inputs),
        Operation::Affine { axis } => {
            let (scale, shift) = (inputs[1].floats(), inputs[2].floats());
            let inner: usize = x.dims[axis + 1..].iter().product();
            let channel = |i: usize| (i / inner.max(1)) % x.dims[*axis];
            Array::f32(
                shape,
                x.floats().iter().enumerate().map(|(i, v)| v * scale[channel(i)] + shift[channel(i)]).collect(),
            )
        }
        Operation::Reshape(_) | Operation::Identity => Array { dims: shape, data: x.data.clone() },
        Operation::Transpose(perm) => transpose(x, perm),
        Operation::Concat(axis) => concat(inputs, *axis, shape),
        Operation::Pad { amounts, value } => pad(x, amounts, *value, shape),
        Operation::Slice(ranges) => slice(x, ranges, shape),
        Operation::Gather(axis) => gather(x, inputs[1], *axis, shape)?,
        Operation::Split { axis, sizes } => return Ok(split(x, *axis, sizes)),
        Operation::Expand(_) => {
            let places = broadcast_places(&x.dims, &shape);
            Array { data: x.data.pick(places.into_iter()), dims: shape }
        }
        Operation::Quantize(_) | Operation::Dequantize => bail!("needs the grids of its tensors"),
        Operation::Unsupported(why) => bail!("{why}"),
    };
    Ok(vec![one])
}

pub fn unary(op: Unary, x: f32) -> f32 {
    match op {
        Unary::Relu => x.max(0.0),
        Unary::Clip(low, high) => x.max(low).min(high),
        Unary::LeakyRelu(slope) => {
            if x < 0.0 {
                slope * x
            } else {
                x
            }
        }
        Unary::Sigmoid => sigmoid(x),
        Unary::Tanh => x.tanh(),
        Unary::Sin => x.sin(),
        Unary::Cos => x.cos(),
        Unary::Gelu => (0.5 * f64::from(x) * (1.0 + erf(f64::from(x) / std::f64::consts::SQRT_2))) as f32,
        Unary::GeluTanh => {
            let v = f64::from(x);
            let inner = (2.0 / std::f64::consts::PI).sqrt() * (v + 0.044_715 * v * v * v);
            (0.5 * v * (1.0 + inner.tanh())) as f32
        }
        Unary::Erf => erf(f64::from(x)) as f32,
        Unary::Exp => x.exp(),
        Unary::Log => x.ln(),
        Unary::Sqrt => x.sqrt(),
        Unary::Rsqrt => 1.0 / x.sqrt(),
        Unary::Neg => -x,
        Unary::Abs => x.abs(),
        Unary::Reciprocal => 1.0 / x,
        Unary::Floor => x.floor(),
        Unary::Round => x.round_ties_even(),
        Unary::Sign => {
            if x == 0.0 {
                0.0
            } else {
                x.signum()
            }
        }
        Unary::HardSwish => x * (x + 3.0).clamp(0.0, 6.0) / 6.0,
        Unary::HardSigmoid(alpha, beta) => (alpha * x + beta).clamp(0.0, 1.0),
        Unary::Silu => x * sigmoid(x),
        Unary::Elu(alpha) => {
            if x < 0.0 {
                alpha * x.exp_m1()
            } else {
                x
            }
        }
        Unary::Bipolar(size) => {
            if x >= 0.0 {
                size
            } else {
                -size
            }
        }
        Unary::Softplus => x.max(0.0) + (-x.abs()).exp().ln_1p(),
    }
}

fn sigmoid(x: f32) -> f32 {
    (1.0 / (1.0 + (-f64::from(x)).exp())) as f32
}

fn erf(x: f64) -> f64 {
    statrs::function::erf::erf(x)
}

fn apply(op: Binary, a: f32, b: f32) -> f32 {
    match op {
        Binary::Add => a + b,
        Binary::Sub => a - b,
        Binary::Mul => a * b,
        Binary::Div => a / b,
        Binary::Pow => a.powf(b),
        Binary::Min => a.min(b),
        Binary::Max => a.max(b),
        Binary::SquaredDifference => (a - b) * (a - b),
        Binary::Equal => f32::from(u8::from(a == b)),
        Binary::Less => f32::from(u8::from(a < b)),
        Binary::Greater => f32::from(u8::from(a > b)),
    }
}

/// Integers stay integers: shapes are computed with them.
fn binary(op: Binary, a: &Array, b: &Array, shape: Vec<usize>) -> Result<Array> {
    let (left, right) = (broadcast_places(&a.dims, &shape), broadcast_places(&b.dims, &shape));
    let pairs = left.iter().zip(&right);
    if matches!(a.data, Data::F32(_)) || matches!(b.data, Data::F32(_)) {
        let (x, y) = (a.floats(), b.floats());
        return Ok(Array::f32(shape, pairs.map(|(i, j)| apply(op, x[*i], y[*j])).collect()));
    }
    let of = |(i, j): (&usize, &usize)| {
        let (x, y) = (a.data.int(*i), b.data.int(*j));
        let value = match op {
            Binary::Add => x.checked_add(y),
            Binary::Sub => x.checked_sub(y),
            Binary::Mul => x.checked_mul(y),
            Binary::Div => x.checked_div(y),
            Binary::Min => Some(x.min(y)),
            Binary::Max => Some(x.max(y)),
            Binary::Pow => u32::try_from(y).ok().and_then(|y| x.checked_pow(y)),
            Binary::SquaredDifference => x.checked_sub(y).and_then(|d| d.checked_mul(d)),
            Binary::Equal => Some(i64::from(x == y)),
            Binary::Less => Some(i64::from(x < y)),
            Binary::Greater => Some(i64::from(x > y)),
        };
        value.with_context(|| format!("{op:?} of {x} and {y} is no integer"))
    };
    let data = Data::I64(pairs.map(of).collect::<Result<_>>()?).like(&a.data);
    Ok(Array { dims: shape, data })
}

/// Of two tensors the one that a condition says, element by element; integers stay integers.
fn choose(condition: &Array, either: [&Array; 2], shape: Vec<usize>) -> Array {
    let [yes, no] = either.map(|a| broadcast_places(&a.dims, &shape));
    let holds = condition.floats();
    let places = broadcast_places(&condition.dims, &shape).into_iter().enumerate();
    let from = places.map(|(i, c)| if holds[c] != 0.0 { (0, yes[i]) } else { (1, no[i]) });
    if either.iter().any(|a| matches!(a.data, Data::F32(_))) {
        let both = either.map(Array::floats);
        return Array::f32(shape, from.map(|(which, i)| both[which][i]).collect());
    }
    let data = Data::I64(from.map(|(which, i)| either[which].data.int(i)).collect());
    Array { dims: shape, data: data.like(&either[0].data) }
}

/// For each element of the broadcast shape the place that it has in a tensor.
pub fn broadcast_places(dims: &[usize], shape: &[usize]) -> Vec<usize> {
    let skipped = shape.len() - dims.len();
    let mut steps = vec![0; shape.len()];
    let mut step = 1;
    for (i, d) in dims.iter().enumerate().rev() {
        steps[i + skipped] = if *d == 1 { 0 } else { step };
        step *= d;
    }
    walk(shape, &steps, 0)
}

/// Places in the order of a row-major walk over `shape`, where one more of a dimension goes `steps` further.
fn walk(shape: &[usize], steps: &[usize], start: usize) -> Vec<usize> {
    let mut places = vec![start];
    for (d, step) in shape.iter().zip(steps) {
        places = places.iter().flat_map(|p| (0..*d).map(move |i| p + i * step)).collect();
    }
    places
}

fn strides(dims: &[usize]) -> Vec<usize> {
    let mut steps = vec![1; dims.len()];
    for i in (1..dims.len()).rev() {
        steps[i - 1] = steps[i] * dims[i];
    }
    steps
}

pub fn transpose(x: &Array, perm: &[usize]) -> Array {
    let steps = strides(&x.dims);
    let dims: Vec<usize> = perm.iter().map(|p| x.dims[*p]).collect();
    let steps: Vec<usize> = perm.iter().map(|p| steps[*p]).collect();
    Array { data: x.data.pick(walk(&dims, &steps, 0).into_iter()), dims }
}

fn linear(relu: bool, inputs: &[&Array], shape: Vec<usize>) -> Array {
    let (x, weights) = (inputs[0].floats(), inputs[1].floats());
    let bias = inputs.get(2).map(|b| b.floats());
    let k = inputs[1].dims[1];
    let mut y = Vec::new();
    for row in x.chunks_exact(k.max(1)) {
        for (n, w) in weights.chunks_exact(k.max(1)).enumerate() {
            let sum: f64 = row.iter().zip(w).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
            let sum = sum + bias.as_ref().map_or(0.0, |b| f64::from(b[n]));
            y.push(if relu { sum.max(0.0) as f32 } else { sum as f32 });
        }
    }
    Array::f32(shape, y)
}

fn matmul(a: &Array, b: &Array, transposed: [bool; 2], shape: Vec<usize>) -> Array {
    let swap = |x: &Array| {
        let mut perm: Vec<usize> = (0..x.dims.len()).collect();
        perm.swap(x.dims.len() - 1, x.dims.len() - 2);
        transpose(x, &perm)
    };
    let a = if transposed[0] { swap(a) } else { a.clone() };
    let b = if transposed[1] { b.clone() } else { swap(b) };
    let (x, y) = (a.floats(), b.floats());
    let (m, n, k) = (shape[shape.len() - 2], shape[shape.len() - 1], a.dims[a.dims.len() - 1]);
    let batch = &shape[..shape.len() - 2];
    let places = |d: &[usize]| broadcast_places(&d[..d.len() - 2], batch);
    let mut out = Vec::with_capacity(shape.iter().product());
    for (p, q) in places(&a.dims).into_iter().zip(places(&b.dims)) {
        for i in 0..m {
            let row = &x[(p * m + i) * k..][..k];
            for j in 0..n {
                let column = &y[(q * n + j) * k..][..k];
                out.push(row.iter().zip(column).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>() as f32);
            }
        }
    }
    Array::f32(shape, out)
}

fn reduce(fold: Fold, axes: &[usize], x: &Array, shape: Vec<usize>) -> Array {
    let data = x.floats();
    let kept: Vec<usize> = (0..x.dims.len()).filter(|i| !axes.contains(i)).collect();
    let perm: Vec<usize> = kept.iter().chain(axes).copied().collect();
    let (steps, count) = (strides(&x.dims), axes.iter().map(|a| x.dims[*a]).product::<usize>());
    let dims: Vec<usize> = perm.iter().map(|p| x.dims[*p]).collect();
    let steps: Vec<usize> = perm.iter().map(|p| steps[*p]).collect();
    let places = walk(&dims, &steps, 0);
    let of = |group: &[usize]| {
        let values = group.iter().map(|i| data[*i]);
        match fold {
            Fold::Max => values.fold(f32::NEG_INFINITY, f32::max),
            Fold::Min => values.fold(f32::INFINITY, f32::min),
            Fold::Sum => values.map(f64::from).sum::<f64>() as f32,
            Fold::Mean => (values.map(f64::from).sum::<f64>() / count as f64) as f32,
        }
    };
    Array::f32(shape, places.chunks_exact(count.max(1)).map(of).collect())
}

/// Every row along an axis changed.
fn along(x: &Array, axis: usize, change: impl Fn(&mut [f32])) -> Array {
    let mut data = x.floats().into_owned();
    let (length, inner) = (x.dims[axis], x.dims[axis + 1..].iter().product::<usize>());
    let mut row = vec![0.0; length];
    for outer in 0..data.len() / (length * inner).max(1) {
        for i in 0..inner {
            let at = |j: usize| (outer * length + j) * inner + i;
            (0..length).for_each(|j| row[j] = data[at(j)]);
            change(&mut row);
            (0..length).for_each(|j| data[at(j)] = row[j]);
        }
    }
    Array::f32(x.dims.clone(), data)
}

fn softmax(row: &mut [f32], beta: f32) {
    let most = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let exp = |v: f32| (f64::from(beta) * f64::from(v - most)).exp();
    let sum: f64 = row.iter().map(|v| exp(*v)).sum();
    row.iter_mut().for_each(|v| *v = (exp(*v) / sum) as f32);
}

fn log_softmax(row: &mut [f32]) {
    let most = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = row.iter().map(|v| f64::from(v - most).exp()).sum();
    row.iter_mut().for_each(|v| *v = (f64::from(*v - most) - sum.ln()) as f32);
}

fn layer_norm(axis: usize, epsilon: f32, inputs: &[&Array]) -> Array {
    let mut data = inputs[0].floats().into_owned();
    let length: usize = inputs[0].dims[axis..].iter().product();
    let (scale, bias) = (inputs.get(1).map(|a| a.floats()), inputs.get(2).map(|a| a.floats()));
    for row in data.chunks_exact_mut(length) {
        let mean = row.iter().map(|v| f64::from(*v)).sum::<f64>() / length as f64;
        let variance = row.iter().map(|v| (f64::from(*v) - mean).powi(2)).sum::<f64>() / length as f64;
        let by = 1.0 / (variance + f64::from(epsilon)).sqrt();
        for (i, v) in row.iter_mut().enumerate() {
            let (s, b) = (scale.as_ref().map_or(1.0, |s| s[i]), bias.as_ref().map_or(0.0, |b| b[i]));
            *v = ((f64::from(*v) - mean) * by * f64::from(s) + f64::from(b)) as f32;
        }
    }
    Array::f32(inputs[0].dims.clone(), data)
}

fn concat(inputs: &[&Array], axis: usize, shape: Vec<usize>) -> Array {
    let inner = |a: &Array| a.dims[axis..].iter().product::<usize>();
    let outer: usize = shape[..axis].iter().product();
    let all_ints = inputs.iter().all(|a| !matches!(a.data, Data::F32(_)));
    let cut = |a: &Array, o: usize| (o * inner(a), (o + 1) * inner(a));
    if all_ints {
        let of = |(o, a): (usize, &Array)| {
            let (from, to) = cut(a, o);
            (from..to).map(|i| a.data.int(i)).collect::<Vec<_>>()
        };
        let all = (0..outer).flat_map(|o| inputs.iter().flat_map(move |a| of((o, a)))).collect();
        return Array { dims: shape, data: Data::I64(all).like(&inputs[0].data) };
    }
    let parts: Vec<_> = inputs.iter().map(|a| a.floats()).collect();
    let mut all = Vec::new();
    for o in 0..outer {
        for (a, part) in inputs.iter().zip(&parts) {
            let (from, to) = cut(a, o);
            all.extend_from_slice(&part[from..to]);
        }
    }
    Array::f32(shape, all)
}

fn pad(x: &Array, amounts: &[[usize; 2]], value: f32, shape: Vec<usize>) -> Array {
    let steps = strides(&shape);
    let start = amounts.iter().zip(&steps).map(|([before, _], step)| before * step).sum();
    let mut data = vec![value; shape.iter().product()];
    if !x.is_empty() {
        walk(&x.dims, &steps, start).into_iter().zip(x.floats().iter()).for_each(|(p, v)| data[p] = *v);
    }
    Array { dims: shape, data: Data::F32(data).like(&x.data) }
}

fn slice(x: &Array, ranges: &[(i64, i64, i64)], shape: Vec<usize>) -> Array {
    let steps = strides(&x.dims);
    let mut places = vec![0i64];
    for (((start, _, by), step), d) in ranges.iter().zip(&steps).zip(&shape) {
        let step = *step as i64;
        places = places.iter().flat_map(|p| (0..*d as i64).map(move |i| p + (start + i * by) * step)).collect();
    }
    Array { data: x.data.pick(places.into_iter().map(|p| p as usize)), dims: shape }
}

fn gather(x: &Array, indices: &Array, axis: usize, shape: Vec<usize>) -> Result<Array> {
    let size = x.dims[axis] as i64;
    let at: Vec<i64> =
        (0..indices.len()).map(|i| indices.data.int(i)).map(|i| if i < 0 { i + size } else { i }).collect();
    if let Some(wrong) = at.iter().find(|i| !(0..size).contains(*i)) {
        bail!("index {wrong} is none of {size}");
    }
    ensure!(!x.is_empty() || shape.iter().product::<usize>() == 0, "nothing to gather from");
    let inner: usize = x.dims[axis + 1..].iter().product();
    let outer: usize = x.dims[..axis].iter().product();
    let mut places = Vec::with_capacity(shape.iter().product());
    for o in 0..outer {
        for i in &at {
            let start = (o * size as usize + *i as usize) * inner;
            places.extend(start..start + inner);
        }
    }
    Ok(Array { data: x.data.pick(places.into_iter()), dims: shape })
}

fn split(x: &Array, axis: usize, sizes: &[usize]) -> Vec<Array> {
    let mut start = 0;
    let part = |size: &usize| {
        let range = |(i, d): (usize, &usize)| {
            if i == axis { (start as i64, (start + size) as i64, 1) } else { (0, *d as i64, 1) }
        };
        let ranges: Vec<_> = x.dims.iter().enumerate().map(range).collect();
        let shape = x.dims.iter().enumerate().map(|(i, d)| if i == axis { *size } else { *d }).collect();
        start += size;
        slice(x, &ranges, shape)
    };
    sizes.iter().map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_by_hand() {
        let a = Array::f32(vec![2, 3], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let get = |op, inputs: &[&Array]| compute(&op, inputs).unwrap().remove(0);
        assert_eq!(get(Operation::Transpose(vec![1, 0]), &[&a]).floats().to_vec(), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
        let row = Array::f32(vec![3], vec![10.0, 20.0, 30.0]);
        assert_eq!(
            get(Operation::Binary(Binary::Add), &[&a, &row]).floats().to_vec(),
            [11.0, 22.0, 33.0, 14.0, 25.0, 36.0]
        );
        let mean = Operation::Reduce { fold: Fold::Mean, axes: vec![0], keep: false };
        assert_eq!(get(mean, &[&a]), Array::f32(vec![3], vec![2.5, 3.5, 4.5]));
        assert_eq!(
            get(Operation::Slice(vec![(1, -1, -1), (0, 3, 2)]), &[&a]),
            Array::f32(vec![2, 2], vec![4.0, 6.0, 1.0, 3.0])
        );
        assert_eq!(get(Operation::Gather(1), &[&a, &Array::ints(&[-1])]), Array::f32(vec![2, 1], vec![3.0, 6.0]));
        let product = get(Operation::MatMul { transposed: [false, true] }, &[&a, &a]);
        assert_eq!(product, Array::f32(vec![2, 2], vec![14.0, 32.0, 32.0, 77.0]));
        let padded = get(Operation::Pad { amounts: vec![[1, 0], [0, 1]], value: 9.0 }, &[&a]);
        assert_eq!(padded.floats().to_vec(), [9.0, 9.0, 9.0, 9.0, 1.0, 2.0, 3.0, 9.0, 4.0, 5.0, 6.0, 9.0]);
        let joined = get(Operation::Concat(1), &[&a, &a]);
        assert_eq!(joined.floats().to_vec(), [1.0, 2.0, 3.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 4.0, 5.0, 6.0]);
        let parts = compute(&Operation::Split { axis: 1, sizes: vec![1, 2] }, &[&a]).unwrap();
        assert_eq!((parts[0].floats()[1], parts[1].floats()[2]), (4.0, 5.0));
        let soft = get(Operation::Softmax { axis: 1, beta: 1.0 }, &[&Array::f32(vec![1, 2], vec![0.0, 3f32.ln()])]);
        assert!((soft.floats()[1] - 0.75).abs() < 1e-6);
        assert!((unary(Unary::Gelu, 1.0) - 0.841_344_7).abs() < 1e-6);
    }
}
