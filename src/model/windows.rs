//! Convolutions and pooling in f32: any stride, dilation and grouping.

use anyhow::Result;

use super::compute::transpose;
use super::graph::{Array, Window};
use super::infer::image;

/// An image as [h, w, c], in floats.
fn pixels(x: &Array, channels_first: bool) -> Vec<f32> {
    if channels_first { transpose(x, &[0, 2, 3, 1]).floats().into_owned() } else { x.floats().into_owned() }
}

/// [h, w, c] in the order of the graph.
fn laid(hwc: Vec<f32>, shape: &[usize], channels_first: bool) -> Array {
    if !channels_first {
        return Array::f32(shape.to_vec(), hwc);
    }
    transpose(&Array::f32(vec![1, shape[2], shape[3], shape[1]], hwc), &[0, 3, 1, 2])
}

/// Convolutions of any stride, dilation and grouping.
pub fn conv(window: &Window, groups: usize, relu: bool, inputs: &[&Array], shape: &[usize]) -> Result<Array> {
    let [h, w, c] = image(&inputs[0].dims, window.channels_first)?;
    let [oh, ow, f] = image(shape, window.channels_first)?;
    let x = pixels(inputs[0], window.channels_first);
    let weights = inputs[1].floats();
    let (each, outs) = (c / groups, f / groups);
    let [kh, kw] = window.kernel;
    let mut y = Vec::with_capacity(oh * ow * f);
    for (oy, ox, o) in (0..oh).flat_map(|oy| (0..ow).flat_map(move |ox| (0..f).map(move |o| (oy, ox, o)))) {
        let mut sum = 0.0f64;
        for ky in 0..kh {
            let iy = (oy * window.stride[0] + ky * window.dilation[0]).checked_sub(window.pad[0]).filter(|i| *i < h);
            let Some(iy) = iy else { continue };
            for kx in 0..kw {
                let ix =
                    (ox * window.stride[1] + kx * window.dilation[1]).checked_sub(window.pad[1]).filter(|i| *i < w);
                let Some(ix) = ix else { continue };
                let from = (iy * w + ix) * c + o / outs * each;
                let at = ((o * kh + ky) * kw + kx) * each;
                let pairs = x[from..from + each].iter().zip(&weights[at..at + each]);
                sum += pairs.map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
            }
        }
        let sum = sum + inputs.get(2).map_or(0.0, |b| f64::from(b.floats()[o]));
        y.push(if relu { sum.max(0.0) as f32 } else { sum as f32 });
    }
    Ok(laid(y, shape, window.channels_first))
}

/// `of` sees the elements of a window that lie in the image, and how many the window has with padding.
pub fn pool(window: &Window, x: &Array, shape: &[usize], of: impl Fn(&[f32], usize) -> f32) -> Result<Array> {
    let [h, w, c] = image(&x.dims, window.channels_first)?;
    let [oh, ow, _] = image(shape, window.channels_first)?;
    let data = pixels(x, window.channels_first);
    let mut y = Vec::with_capacity(oh * ow * c);
    let mut seen = Vec::new();
    for (oy, ox, channel) in (0..oh).flat_map(|oy| (0..ow).flat_map(move |ox| (0..c).map(move |c| (oy, ox, c)))) {
        seen.clear();
        for (ky, kx) in (0..window.kernel[0]).flat_map(|ky| (0..window.kernel[1]).map(move |kx| (ky, kx))) {
            let iy = (oy * window.stride[0] + ky * window.dilation[0]).checked_sub(window.pad[0]).filter(|i| *i < h);
            let ix = (ox * window.stride[1] + kx * window.dilation[1]).checked_sub(window.pad[1]).filter(|i| *i < w);
            if let (Some(iy), Some(ix)) = (iy, ix) {
                seen.push(data[(iy * w + ix) * c + channel]);
            }
        }
        y.push(of(&seen, window.kernel[0] * window.kernel[1]));
    }
    Ok(laid(y, shape, window.channels_first))
}
