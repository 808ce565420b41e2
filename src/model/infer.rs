//! What shape the outputs of an operation have.

use anyhow::{Context, Result, bail, ensure};

use super::graph::{Operation, Window, elements};

/// The dimensions that two tensors have when each is repeated along its dimensions of 1.
/// # Errors
/// They do not fit.
pub fn broadcast(a: &[usize], b: &[usize]) -> Result<Vec<usize>> {
    let rank = a.len().max(b.len());
    let at = |dims: &[usize], i: usize| (i + dims.len()).checked_sub(rank).map_or(1, |i| dims[i]);
    let both = |i| match (at(a, i), at(b, i)) {
        (x, y) if x == y => Ok(x),
        (1, y) => Ok(y),
        (x, 1) => Ok(x),
        _ => bail!("shapes {a:?} and {b:?} do not fit together"),
    };
    (0..rank).map(both).collect()
}

/// Height and width of what a window gives.
fn slid(w: &Window, size: [usize; 2]) -> Result<[usize; 2]> {
    let out = |i: usize| {
        ensure!(w.stride[i] > 0 && w.kernel[i] > 0 && w.dilation[i] > 0, "a window, stride or dilation is 0");
        let reach = w.dilation[i].checked_mul(w.kernel[i] - 1).context("the window is too large")? + 1;
        let padded = w.pad[i].checked_add(w.pad[i + 2]).and_then(|p| p.checked_add(size[i]));
        let room = padded.and_then(|p| p.checked_sub(reach)).context("the window is larger than the padded input")?;
        Ok(room / w.stride[i] + 1)
    };
    Ok([out(0)?, out(1)?])
}

/// [h, w, c] of an image of a batch of one.
/// # Errors
/// It is none.
pub fn image(dims: &[usize], channels_first: bool) -> Result<[usize; 3]> {
    ensure!(dims.len() == 4 && dims[0] == 1, "shape {dims:?} is no image of a batch of one");
    Ok(if channels_first { [dims[2], dims[3], dims[1]] } else { [dims[1], dims[2], dims[3]] })
}

fn of_image(hwc: [usize; 3], channels_first: bool) -> Vec<usize> {
    let [h, w, c] = hwc;
    if channels_first { vec![1, c, h, w] } else { vec![1, h, w, c] }
}

/// Shapes of the outputs, from those of the inputs.
/// # Errors
/// Inputs that do not fit the operation, or one another; more elements than a tensor may have.
pub fn infer(op: &Operation, inputs: &[&[usize]]) -> Result<Vec<Vec<usize>>> {
    let outputs = shapes(op, inputs)?;
    ensure!(outputs.iter().all(|d| elements(d).is_some()), "its output would have more than 2^31 elements");
    Ok(outputs)
}

fn shapes(op: &Operation, inputs: &[&[usize]]) -> Result<Vec<Vec<usize>>> {
    let input = |i: usize| inputs.get(i).copied().with_context(|| format!("has no input {i}"));
    let x = input(0)?;
    let one = match op {
        Operation::Conv { window, groups, .. } => conv(window, *groups, x, input(1)?, inputs.get(2).copied())?,
        Operation::Linear { .. } => {
            let w = input(1)?;
            ensure!(w.len() == 2 && x.last() == Some(&w[1]), "weights {w:?} do not fit input {x:?}");
            let bias = inputs.get(2).is_none_or(|b| b.iter().product::<usize>() == w[0]);
            ensure!(bias, "the bias {:?} does not fit weights {w:?}", inputs.get(2));
            [&x[..x.len() - 1], &[w[0]]].concat()
        }
        Operation::MatMul { transposed } => matmul(x, input(1)?, *transposed)?,
        Operation::Unary(_) | Operation::Quantize(_) | Operation::Dequantize | Operation::Identity => x.to_vec(),
        Operation::Softmax { axis, .. } | Operation::LogSoftmax { axis } => {
            ensure!(*axis < x.len(), "axis {axis} is none of {x:?}");
            x.to_vec()
        }
        Operation::LayerNorm { axis, .. } => {
            ensure!(*axis < x.len(), "axis {axis} is none of {x:?}");
            let inner: usize = x[*axis..].iter().product();
            let fits = inputs[1..].iter().all(|d| d.iter().product::<usize>() == inner);
            ensure!(fits && inner > 0, "scale and bias do not fit {x:?} from axis {axis} on");
            x.to_vec()
        }
        Operation::Affine { axis } => {
            ensure!(*axis < x.len(), "axis {axis} is none of {x:?}");
            let fits = inputs.len() == 3 && inputs[1..].iter().all(|d| d.iter().product::<usize>() == x[*axis]);
            ensure!(fits, "scale and shift are not of {} channels", x[*axis]);
            x.to_vec()
        }
        Operation::Binary(_) => broadcast(x, input(1)?)?,
        Operation::Where => broadcast(&broadcast(x, input(1)?)?, input(2)?)?,
        Operation::MaxPool(window) | Operation::AveragePool { window, .. } => {
            let [h, w, c] = image(x, window.channels_first)?;
            let narrow = (0..2).all(|i| window.pad[i] < window.kernel[i] && window.pad[i + 2] < window.kernel[i]);
            ensure!(narrow, "padding is not smaller than the window");
            let [oh, ow] = slid(window, [h, w])?;
            of_image([oh, ow, c], window.channels_first)
        }
        Operation::Reduce { axes, keep, .. } => {
            ensure!(axes.iter().all(|a| *a < x.len()), "axes {axes:?} are not all of {x:?}");
            ensure!(axes.iter().all(|a| x[*a] > 0), "nothing to reduce in {x:?}");
            let kept = |(i, d): (usize, &usize)| if axes.contains(&i) { keep.then_some(1) } else { Some(*d) };
            x.iter().enumerate().filter_map(kept).collect()
        }
        Operation::Reshape(dims) => {
            ensure!(elements(dims) == elements(x), "shape {x:?} cannot become {dims:?}");
            dims.clone()
        }
        Operation::Transpose(perm) => {
            let mut sorted = perm.clone();
            sorted.sort_unstable();
            ensure!(sorted.iter().copied().eq(0..x.len()), "{perm:?} is no order of {} dimensions", x.len());
            perm.iter().map(|p| x[*p]).collect()
        }
        Operation::Concat(axis) => concat(inputs, *axis)?,
        Operation::Pad { amounts, .. } => {
            ensure!(amounts.len() == x.len(), "pads {} dimensions of {x:?}", amounts.len());
            let padded = x.iter().zip(amounts).map(|(d, [a, b])| d.checked_add(*a)?.checked_add(*b));
            padded.collect::<Option<Vec<_>>>().context("pads too much")?
        }
        Operation::Slice(ranges) => {
            ensure!(ranges.len() == x.len(), "slices {} dimensions of {x:?}", ranges.len());
            let fits = ranges.iter().zip(x).all(|((start, end, step), d)| {
                let d = *d as i64;
                *step != 0 && (0..=d).contains(start) && (-1..=d).contains(end) && (*step > 0 || *start < d.max(1))
            });
            ensure!(fits, "slices {ranges:?} of {x:?}");
            ranges.iter().map(|r| taken(*r)).collect()
        }
        Operation::Gather(axis) => {
            ensure!(*axis < x.len(), "axis {axis} is none of {x:?}");
            [&x[..*axis], input(1)?, &x[axis + 1..]].concat()
        }
        Operation::Split { axis, sizes } => {
            ensure!(*axis < x.len() && elements(sizes).is_some(), "axis {axis} is none of {x:?}");
            let sum = sizes.iter().try_fold(0usize, |s, d| s.checked_add(*d));
            ensure!(sum == Some(x[*axis]), "sizes {sizes:?} do not add up to {}", x[*axis]);
            let part = |size: &usize| [&x[..*axis], &[*size], &x[axis + 1..]].concat();
            return Ok(sizes.iter().map(part).collect());
        }
        Operation::Expand(dims) => broadcast(x, dims)?,
        Operation::Unsupported(why) => bail!("{why}"),
    };
    Ok(vec![one])
}

/// Elements that a slice takes.
pub fn taken((start, end, step): (i64, i64, i64)) -> usize {
    let span = if step > 0 { end - start } else { start - end };
    if span <= 0 { 0 } else { (span as u64).div_ceil(step.unsigned_abs()) as usize }
}

fn conv(window: &Window, groups: usize, x: &[usize], w: &[usize], bias: Option<&[usize]>) -> Result<Vec<usize>> {
    let [height, width, c] = image(x, window.channels_first)?;
    ensure!(w.len() == 4, "weights {w:?} are not of four dimensions");
    ensure!(
        groups > 0 && c.is_multiple_of(groups) && w[3] == c / groups,
        "weights {w:?} in {groups} groups do not fit {c} channels"
    );
    ensure!(w[0] > 0 && w[0].is_multiple_of(groups), "{} outputs cannot be in {groups} groups", w[0]);
    ensure!([w[1], w[2]] == window.kernel, "weights {w:?} are not of a {:?} window", window.kernel);
    ensure!(bias.is_none_or(|b| b.iter().product::<usize>() == w[0]), "the bias is not of {} outputs", w[0]);
    let [oh, ow] = slid(window, [height, width])?;
    Ok(of_image([oh, ow, w[0]], window.channels_first))
}

fn matmul(a: &[usize], b: &[usize], transposed: [bool; 2]) -> Result<Vec<usize>> {
    ensure!(a.len() >= 2 && b.len() >= 2, "products of vectors ({a:?} by {b:?})");
    let last = |d: &[usize], t: bool| {
        let (r, c) = (d[d.len() - 2], d[d.len() - 1]);
        if t { (c, r) } else { (r, c) }
    };
    let ((m, k), (l, n)) = (last(a, transposed[0]), last(b, transposed[1]));
    ensure!(k == l, "shapes {a:?} and {b:?} do not multiply");
    Ok([broadcast(&a[..a.len() - 2], &b[..b.len() - 2])?, vec![m, n]].concat())
}

fn concat(inputs: &[&[usize]], axis: usize) -> Result<Vec<usize>> {
    let first = inputs[0];
    ensure!(axis < first.len(), "axis {axis} is none of {first:?}");
    let mut out = first.to_vec();
    out[axis] = 0;
    for dims in inputs {
        let same = dims.len() == first.len() && (0..first.len()).all(|i| i == axis || dims[i] == first[i]);
        ensure!(same, "shapes {first:?} and {dims:?} cannot be put together along axis {axis}");
        out[axis] = out[axis].checked_add(dims[axis]).context("too many elements")?;
    }
    Ok(out)
}
