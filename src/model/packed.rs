//! Packed weights of checkpoints, decoded to the numbers that they stand for: GPTQ (AutoGPTQ), AWQ (its `gemm` layout) and
//! compressed-tensors (`pack-quantized`, `int-quantized`, `float-quantized`). A tensor that does not fit the others of its layer is left alone.

use safetensors::{Dtype, SafeTensors};
use serde_json::Value;

use super::graph::{Array, elements};
use super::onnx::{bfloat, half};
use crate::scheme::levels::MiniFloat;

/// A decoded matrix [n, k].
pub struct Decoded {
    pub name: String,
    pub weights: Array,
    /// `GPTQ int4, groups of 128`
    pub stored: String,
    /// The tensors that it was made of.
    pub of: Vec<String>,
}

/// Which column a nibble of AWQ is of, from the low bits on.
const AWQ_ORDER: [usize; 8] = [0, 2, 4, 6, 1, 3, 5, 7];

/// A matrix of 32-bit words.
fn words(file: &SafeTensors, name: &str) -> Option<(Vec<usize>, Vec<u32>)> {
    let view = file.tensor(name).ok().filter(|v| v.dtype() == Dtype::I32)?;
    let data = view.data().chunks_exact(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
    Some((view.shape().to_vec(), data))
}

fn floats(file: &SafeTensors, name: &str) -> Option<(Vec<usize>, Vec<f32>)> {
    let view = file.tensor(name).ok()?;
    let pairs = || view.data().chunks_exact(2).map(|b| u16::from_le_bytes([b[0], b[1]]));
    let data: Vec<f32> = match view.dtype() {
        Dtype::F16 => pairs().map(half).collect(),
        Dtype::BF16 => pairs().map(bfloat).collect(),
        Dtype::F32 => view.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect(),
        _ => return None,
    };
    Some((view.shape().to_vec(), data))
}

/// Field `i` of so many bits.
fn field(word: u32, bits: usize, i: usize) -> u32 {
    (word >> (bits * i)) & ((1u32 << bits) - 1)
}

/// Field `i` of words in a row, which fields of 3 bits straddle: the low bits are in the first.
fn field_in_row(word: impl Fn(usize) -> u32, bits: usize, i: usize) -> u32 {
    let (at, shift) = (i * bits / 32, i * bits % 32);
    let both = if shift + bits > 32 { u64::from(word(at + 1)) << 32 } else { 0 } | u64::from(word(at));
    (both >> shift) as u32 & ((1u32 << bits) - 1)
}

/// Fields of so many bits in so many whole words.
fn fields(words: usize, bits: usize) -> Option<usize> {
    let all = words.checked_mul(32)?;
    // fields of 3 bits fill three words
    (all % bits == 0).then_some(all / bits)
}

fn bits_of(config: &Value) -> Option<usize> {
    let bits = config["bits"].as_u64().or(config["w_bit"].as_u64())? as usize;
    [2, 3, 4, 8].contains(&bits).then_some(bits)
}

/// Scales [groups, n] and zero points packed along n, of GPTQ and AWQ.
struct Groups {
    n: usize,
    groups: usize,
    scales: Vec<f32>,
    zeros: Vec<u32>,
}

impl Groups {
    fn of(file: &SafeTensors, stem: &str, bits: usize) -> Option<Self> {
        let (scale_dims, scales) = floats(file, &format!("{stem}.scales"))?;
        let (zero_dims, zeros) = words(file, &format!("{stem}.qzeros"))?;
        let (&[groups, n], &[same, packed]) = (&scale_dims[..], &zero_dims[..]) else { return None };
        (groups > 0 && same == groups && fields(packed, bits)? == n).then_some(Self { n, groups, scales, zeros })
    }
}

/// `qweight` [words of k, n], fields along k; zero points are stored less one, but in the format `gptq_v2`.
fn gptq(file: &SafeTensors, stem: &str, config: &Value) -> Option<(Array, String)> {
    let bits = bits_of(config)?;
    let g = Groups::of(file, stem, bits)?;
    let (dims, packed) = words(file, &format!("{stem}.qweight"))?;
    let &[rows, n] = &dims[..] else { return None };
    let k = fields(rows, bits)?;
    elements(&[n, k]).filter(|len| n == g.n && packed.len() == rows * n && *len > 0 && k % g.groups == 0)?;
    let size = k / g.groups;
    let order = words(file, &format!("{stem}.g_idx")).map(|(_, order)| order);
    if order.as_ref().is_some_and(|o| o.len() != k || o.iter().any(|i| *i as usize >= g.groups)) {
        return None;
    }
    let less = u32::from(config["checkpoint_format"].as_str() != Some("gptq_v2"));
    let mut values = Vec::with_capacity(n * k);
    for (column, i) in (0..n).flat_map(|column| (0..k).map(move |i| (column, i))) {
        let group = order.as_ref().map_or(i / size, |o| o[i] as usize);
        let zero = field_in_row(|word| g.zeros[group * (n * bits / 32) + word], bits, column) + less;
        let code = field_in_row(|word| packed[word * n + column], bits, i);
        values.push((code as f32 - zero as f32) * g.scales[group * n + column]);
    }
    Some((Array::f32(vec![n, k], values), format!("GPTQ int{bits}, groups of {size}")))
}

/// `qweight` [k, n / 8], fields along n in AWQ's order.
fn awq(file: &SafeTensors, stem: &str, config: &Value) -> Option<(Array, String)> {
    let bits = bits_of(config).filter(|b| *b == 4)?;
    let g = Groups::of(file, stem, bits)?;
    let (dims, packed) = words(file, &format!("{stem}.qweight"))?;
    let &[k, across] = &dims[..] else { return None };
    elements(&[g.n, k]).filter(|_| across.checked_mul(8) == Some(g.n) && k * g.n > 0 && k % g.groups == 0)?;
    let size = k / g.groups;
    let place: Vec<usize> = (0..8).map(|c| AWQ_ORDER.iter().position(|o| *o == c).unwrap_or(0)).collect();
    let mut values = Vec::with_capacity(g.n * k);
    for (column, i) in (0..g.n).flat_map(|column| (0..k).map(move |i| (column, i))) {
        let (word, at, group) = (column / 8, place[column % 8], i / size);
        let code = field(packed[i * across + word], bits, at) as f32;
        let zero = field(g.zeros[group * across + word], bits, at) as f32;
        values.push((code - zero) * g.scales[group * g.n + column]);
    }
    Some((Array::f32(vec![g.n, k], values), format!("AWQ int4, groups of {size}")))
}

/// Bits of the weights of compressed-tensors, where all groups of its config have the same.
fn compressed_bits(config: &Value) -> Option<usize> {
    let groups = config["config_groups"].as_object()?;
    let mut bits = groups.values().map(|g| g["weights"]["num_bits"].as_u64());
    let first = bits.next()??;
    (bits.all(|b| b == Some(first)) && [4, 8].contains(&first)).then_some(first as usize)
}

/// Codes [n, k] less zero points, times scales [n, groups]: packed along k, offset by half of their range, or plain bytes; or numbers of 8
/// bits (e4m3) times scales.
fn compressed(file: &SafeTensors, stem: &str, config: &Value) -> Option<(Array, String)> {
    if file.tensor(&format!("{stem}.weight_g_idx")).is_ok() {
        return None; // permuted groups are named, not decoded
    }
    let (scale_dims, scales) = floats(file, &format!("{stem}.weight_scale"))?;
    let mut bits = 8;
    let mut kind = "int8".to_string();
    let (n, k, codes): (usize, usize, Vec<f32>) = match words(file, &format!("{stem}.weight_packed")) {
        Some((dims, packed)) => {
            bits = compressed_bits(config)?;
            kind = format!("int{bits}");
            let (each, half) = (32 / bits, (1i64 << (bits - 1)) as f32);
            let &[n, across] = &dims[..] else { return None };
            let shape = file.tensor(&format!("{stem}.weight_shape")).ok()?;
            let width = if shape.dtype() == Dtype::I64 { 8 } else { 4 };
            let last = shape.data().get(width..width + 4)?;
            let k = u32::from_le_bytes([last[0], last[1], last[2], last[3]]) as usize;
            elements(&[n, k]).filter(|_| k > 0 && k.div_ceil(each) == across)?;
            let code = |at: usize| field(packed[at / k * across + at % k / each], bits, at % k % each) as f32 - half;
            (n, k, (0..n * k).map(code).collect())
        }
        None => {
            let view = file.tensor(&format!("{stem}.weight")).ok()?;
            let &[n, k] = view.shape() else { return None };
            let code: fn(&u8) -> f32 = match view.dtype() {
                Dtype::I8 => |b| f32::from(*b as i8),
                Dtype::F8_E4M3 => {
                    kind = "float8".into();
                    |b| MiniFloat::E4M3.decode((*b).into()).unwrap_or(f32::NAN)
                }
                _ => return None,
            };
            (n, k, view.data().iter().map(code).collect())
        }
    };
    let groups = match scale_dims[..] {
        [1] | [] => 0,
        [rows, groups] if rows == n && groups > 0 && k % groups == 0 => groups,
        [rows] if rows == n => 1,
        _ => return None,
    };
    (n > 0 && k > 0 && codes.len() == n * k && scales.len() == (n * groups).max(1)).then_some(())?;
    let place = |i: usize| if groups == 0 { 0 } else { i / k * groups + i % k / (k / groups) };
    let zeros = match file.tensor(&format!("{stem}.weight_zero_point")).is_ok() {
        true => Some(zero_points(file, stem, (n, groups), bits)?),
        false => None,
    };
    let value = |(i, c): (usize, &f32)| (c - zeros.as_ref().map_or(0.0, |z| z[place(i)])) * scales[place(i)];
    let values: Vec<f32> = codes.iter().enumerate().map(value).collect();
    let per = match groups {
        0 => "one scale".into(),
        1 => "a scale for each output".into(),
        groups => format!("groups of {}", k / groups),
    };
    let offsets = if zeros.is_some() { ", asymmetric" } else { "" };
    Some((Array::f32(vec![n, k], values), format!("compressed-tensors {kind}, {per}{offsets}")))
}

/// A zero point for each scale: plain bytes, or packed along the outputs and offset as the codes are.
fn zero_points(file: &SafeTensors, stem: &str, (n, groups): (usize, usize), bits: usize) -> Option<Vec<f32>> {
    let name = format!("{stem}.weight_zero_point");
    let count = (n * groups).max(1);
    if let Some((dims, packed)) = words(file, &name) {
        let (each, half) = (32 / bits, (1i64 << (bits - 1)) as f32);
        (dims == [n.div_ceil(each), groups] && packed.len() == n.div_ceil(each) * groups).then_some(())?;
        let zero = |i: usize| field(packed[i / groups / each * groups + i % groups], bits, i / groups % each) as f32;
        return Some((0..count).map(|i| zero(i) - half).collect());
    }
    let view = file.tensor(&name).ok().filter(|v| v.dtype() == Dtype::I8 && v.data().len() == count)?;
    Some(view.data().iter().map(|b| f32::from(*b as i8)).collect())
}

/// What marks a packed layer: the end of a tensor's name, and all ends of the tensors that belong to it.
type Method = fn(&SafeTensors, &str, &Value) -> Option<(Array, String)>;
const METHODS: &[(&str, &str, Method)] = &[
    ("gptq", ".qweight", gptq),
    ("awq", ".qweight", awq),
    ("compressed-tensors", ".weight_packed", compressed),
    ("compressed-tensors", ".weight", compressed),
];
const PARTS: [&str; 9] = [
    ".qweight",
    ".qzeros",
    ".scales",
    ".g_idx",
    ".weight_packed",
    ".weight",
    ".weight_scale",
    ".weight_shape",
    ".weight_zero_point",
];

/// The layers of a file that its `quantization_config` says how to decode.
pub fn decoded(file: &SafeTensors, config: &Value) -> Vec<Decoded> {
    let method = config["quant_method"].as_str().unwrap_or_default();
    let mut names: Vec<&str> = file.names();
    names.sort_unstable();
    let mut all = Vec::new();
    for (_, end, decode) in METHODS.iter().filter(|(name, ..)| *name == method) {
        for stem in names.iter().filter_map(|n| n.strip_suffix(end)) {
            if let Some((weights, stored)) = decode(file, stem, config) {
                let of = PARTS.iter().map(|p| format!("{stem}{p}")).collect();
                all.push(Decoded { name: format!("{stem}.weight"), weights, stored, of });
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use safetensors::tensor::TensorView;
    use serde_json::json;

    type Tensor = (&'static str, Dtype, Vec<usize>, Vec<u8>);

    fn one(tensors: &[Tensor], config: &Value) -> Vec<(Vec<f32>, String)> {
        let views = tensors.iter().map(|(n, t, d, b)| (*n, TensorView::new(*t, d.clone(), b).unwrap()));
        let bytes = safetensors::serialize(views, None).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        decoded(&file, config).into_iter().map(|d| (d.weights.floats().into_owned(), d.stored)).collect()
    }

    fn le(words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|w| w.to_le_bytes()).collect()
    }
    fn f32s(v: &[f32]) -> Vec<u8> {
        v.iter().flat_map(|w| w.to_le_bytes()).collect()
    }

    type Drawn = ([[u32; 16]; 8], [[u32; 8]; 2], [[f32; 8]; 2]);

    /// Codes of a matrix [n = 8, k = 16], and their zero points and scales in two groups along k.
    fn drawn() -> Drawn {
        let mut rng = fastrand::Rng::with_seed(3);
        let codes = std::array::from_fn(|_| std::array::from_fn(|_| rng.u32(0..16)));
        let zeros = std::array::from_fn(|_| std::array::from_fn(|_| rng.u32(1..16)));
        let scales = std::array::from_fn(|_| std::array::from_fn(|_| rng.u32(1..64) as f32 / 64.0));
        (codes, zeros, scales)
    }

    #[test]
    fn gptq_and_awq_are_unpacked_in_their_orders() {
        let (codes, zeros, scales) = drawn();
        let truth: Vec<f32> = (0..8)
            .flat_map(|n| (0..16).map(move |k| (n, k)))
            .map(|(n, k)| (codes[n][k] as f32 - zeros[k / 8][n] as f32) * scales[k / 8][n])
            .collect();
        let flat = f32s(&scales.concat());
        // GPTQ: rows of eight codes along k; zero points less one
        let word = |i: usize, n: usize| (0..8).map(|j| codes[n][i * 8 + j] << (4 * j)).sum::<u32>();
        let weights: Vec<u32> = (0..2).flat_map(|i| (0..8).map(move |n| (i, n))).map(|(i, n)| word(i, n)).collect();
        let packed: Vec<u32> = zeros.iter().map(|z| (0..8).map(|j| (z[j] - 1) << (4 * j)).sum()).collect();
        let groups: Vec<u32> = (0..16).map(|k| k / 8).collect();
        let tensors = [
            ("a.qweight", Dtype::I32, vec![2, 8], le(&weights)),
            ("a.qzeros", Dtype::I32, vec![2, 1], le(&packed)),
            ("a.scales", Dtype::F32, vec![2, 8], flat.clone()),
            ("a.g_idx", Dtype::I32, vec![16], le(&groups)),
        ];
        let got = one(&tensors, &json!({ "quant_method": "gptq", "bits": 4 }));
        assert_eq!(got, [(truth.clone(), "GPTQ int4, groups of 8".to_string())]);
        assert!(one(&tensors[1..], &json!({ "quant_method": "gptq", "bits": 4 })).is_empty());
        // AWQ: a word holds columns 0 2 4 6 1 3 5 7 from its low bits on
        let order = [0usize, 2, 4, 6, 1, 3, 5, 7];
        let weights: Vec<u32> = (0..16).map(|k| (0..8).map(|j| codes[order[j]][k] << (4 * j)).sum()).collect();
        let packed: Vec<u32> = zeros.iter().map(|z| (0..8).map(|j| z[order[j]] << (4 * j)).sum()).collect();
        let tensors = [
            ("a.qweight", Dtype::I32, vec![16, 1], le(&weights)),
            ("a.qzeros", Dtype::I32, vec![2, 1], le(&packed)),
            ("a.scales", Dtype::F32, vec![2, 8], flat),
        ];
        let got = one(&tensors, &json!({ "quant_method": "awq", "bits": 4 }));
        assert_eq!(got, [(truth, "AWQ int4, groups of 8".to_string())]);
    }

    #[test]
    fn compressed_tensors_are_unpacked() {
        let (codes, _, scales) = drawn();
        let truth: Vec<f32> = (0..8)
            .flat_map(|n| (0..16).map(move |k| (n, k)))
            .map(|(n, k)| (codes[n][k] as f32 - 8.0) * scales[k / 8][n])
            .collect();
        let word = |n: usize, i: usize| (0..8).map(|j| codes[n][i * 8 + j] << (4 * j)).sum::<u32>();
        let weights: Vec<u32> = (0..8).flat_map(|n| (0..2).map(move |i| (n, i))).map(|(n, i)| word(n, i)).collect();
        let by_row: Vec<f32> = (0..8).flat_map(|n| [scales[0][n], scales[1][n]]).collect();
        let tensors = [
            ("a.weight_packed", Dtype::I32, vec![8, 2], le(&weights)),
            ("a.weight_scale", Dtype::F32, vec![8, 2], f32s(&by_row)),
            ("a.weight_shape", Dtype::I64, vec![2], [8u64, 16].iter().flat_map(|v| v.to_le_bytes()).collect()),
        ];
        let config = json!({
            "quant_method": "compressed-tensors", "config_groups": { "group_0": { "weights": { "num_bits": 4 } } },
        });
        assert_eq!(one(&tensors, &config), [(truth, "compressed-tensors int4, groups of 8".to_string())]);
        let bytes: Vec<u8> = vec![1, 255, 128, 127];
        let tensors =
            [("b.weight", Dtype::I8, vec![2, 2], bytes), ("b.weight_scale", Dtype::F32, vec![2, 1], f32s(&[0.5, 2.0]))];
        let got = one(&tensors, &config);
        assert_eq!(got[0].0, [0.5, -0.5, -256.0, 254.0]);
        assert_eq!(got[0].1, "compressed-tensors int8, a scale for each output");
    }

    #[test]
    fn fields_of_three_bits_straddle_words() {
        // as AutoGPTQ packs them: ten fields, two bits of the next, one bit of it, ten, one bit, two bits, ten
        let codes: Vec<u32> = (0..32).map(|i| (i * 5 + 3) % 8).collect();
        let part = |from: usize| (0..10).map(|j| codes[from + j] << (3 * j)).sum::<u32>();
        let row = [
            part(0) | codes[10] << 30,
            codes[10] >> 2 | part(11) << 1 | codes[21] << 31,
            codes[21] >> 1 | part(22) << 2,
        ];
        let zeros = [2, 5, 0, 7].map(|z| if z == 0 { 1u32 } else { z });
        // 32 outputs, so that zero points fill three words; of all outputs the same codes
        let of_zero = |n: usize| zeros[n % 4] - 1;
        let zero_part = |from: usize| (0..10).map(|j| of_zero(from + j) << (3 * j)).sum::<u32>();
        let packed = [
            zero_part(0) | of_zero(10) << 30,
            of_zero(10) >> 2 | zero_part(11) << 1 | of_zero(21) << 31,
            of_zero(21) >> 1 | zero_part(22) << 2,
        ];
        let weights: Vec<u32> = row.iter().flat_map(|w| [*w; 32]).collect();
        let tensors = [
            ("a.qweight", Dtype::I32, vec![3, 32], le(&weights)),
            ("a.qzeros", Dtype::I32, vec![1, 3], le(&packed)),
            ("a.scales", Dtype::F32, vec![1, 32], f32s(&[0.5; 32])),
        ];
        let got = one(&tensors, &json!({ "quant_method": "gptq", "bits": 3 }));
        let value = |(n, k): (usize, usize)| (codes[k] as f32 - zeros[n % 4] as f32) * 0.5;
        let truth: Vec<f32> = (0..32).flat_map(|n| (0..32).map(move |k| (n, k))).map(value).collect();
        assert_eq!(got, [(truth, "GPTQ int3, groups of 32".to_string())]);
    }

    #[test]
    fn asymmetric_codes_and_small_floats_are_unpacked() {
        let (codes, zeros, scales) = drawn();
        let truth: Vec<f32> = (0..8)
            .flat_map(|n| (0..16).map(move |k| (n, k)))
            .map(|(n, k)| (codes[n][k] as f32 - zeros[k / 8][n] as f32) * scales[k / 8][n])
            .collect();
        let word = |n: usize, i: usize| (0..8).map(|j| codes[n][i * 8 + j] << (4 * j)).sum::<u32>();
        let weights: Vec<u32> = (0..8).flat_map(|n| (0..2).map(move |i| (n, i))).map(|(n, i)| word(n, i)).collect();
        let by_row: Vec<f32> = (0..8).flat_map(|n| [scales[0][n], scales[1][n]]).collect();
        // along the outputs: one word for all eight, of each group
        let points: Vec<u32> = (0..2).map(|g| (0..8).map(|n| zeros[g][n] << (4 * n)).sum()).collect();
        let tensors = [
            ("a.weight_packed", Dtype::I32, vec![8, 2], le(&weights)),
            ("a.weight_scale", Dtype::F32, vec![8, 2], f32s(&by_row)),
            ("a.weight_shape", Dtype::I64, vec![2], [8u64, 16].iter().flat_map(|v| v.to_le_bytes()).collect()),
            ("a.weight_zero_point", Dtype::I32, vec![1, 2], le(&points)),
        ];
        let config = json!({
            "quant_method": "compressed-tensors", "config_groups": { "group_0": { "weights": { "num_bits": 4 } } },
        });
        assert_eq!(one(&tensors, &config), [(truth, "compressed-tensors int4, groups of 8, asymmetric".to_string())]);
        let tensors = [
            ("b.weight", Dtype::I8, vec![2, 2], vec![1, 255, 128, 127]),
            ("b.weight_scale", Dtype::F32, vec![2, 1], f32s(&[0.5, 2.0])),
            ("b.weight_zero_point", Dtype::I8, vec![2, 1], vec![1, 254]),
        ];
        assert_eq!(one(&tensors, &config)[0].0, [0.0, -1.0, -252.0, 258.0]);
        // e4m3: 1, -1.75, 448, the least
        let tensors = [
            ("c.weight", Dtype::F8_E4M3, vec![2, 2], vec![0x38, 0xbe, 0x7e, 0x01]),
            ("c.weight_scale", Dtype::F32, vec![1], f32s(&[2.0])),
        ];
        let got = one(&tensors, &config);
        assert_eq!(got, [(vec![2.0, -3.5, 896.0, 2.0 * 2f32.powi(-9)], "compressed-tensors float8, one scale".into())]);
    }

    /// 20,000 damaged files for each method: headers with other shapes, types and names, other words.
    #[test]
    fn damaged_files_are_left_alone() {
        let tensors: [Tensor; 10] = [
            ("a.qweight", Dtype::I32, vec![16, 1], vec![7; 64]),
            ("a.qzeros", Dtype::I32, vec![2, 1], vec![5; 8]),
            ("a.scales", Dtype::F16, vec![2, 8], vec![60; 32]),
            ("b.weight_packed", Dtype::I32, vec![8, 2], vec![9; 64]),
            ("b.weight_scale", Dtype::BF16, vec![8, 2], vec![61; 32]),
            ("b.weight_shape", Dtype::I64, vec![2], [8u64, 16].iter().flat_map(|v| v.to_le_bytes()).collect()),
            ("b.weight_zero_point", Dtype::I32, vec![1, 2], vec![3; 8]),
            ("c.weight", Dtype::I8, vec![2, 2], vec![1; 4]),
            ("d.weight", Dtype::F8_E4M3, vec![2, 2], vec![0x38; 4]),
            ("d.weight_scale", Dtype::F32, vec![2, 1], vec![62; 8]),
        ];
        let views = tensors.iter().map(|(n, t, d, b)| (*n, TensorView::new(*t, d.clone(), b).unwrap()));
        let whole = safetensors::serialize(views, None).unwrap();
        let mut rng = fastrand::Rng::with_seed(8);
        let groups = json!({ "group_0": { "weights": { "num_bits": 4 } } });
        let mut read = 0;
        for (method, bits) in [("gptq", 4), ("gptq", 3), ("awq", 4), ("compressed-tensors", 4)] {
            let config = json!({ "quant_method": method, "bits": bits, "config_groups": groups });
            for _ in 0..20_000 {
                let mut bytes = whole.clone();
                for _ in 0..rng.usize(1..4) {
                    let at = rng.usize(8..bytes.len());
                    // a digit for a digit keeps headers readable
                    bytes[at] = if bytes[at].is_ascii_digit() { rng.u8(b'0'..=b'9') } else { rng.u8(..) };
                }
                if let Ok(file) = SafeTensors::deserialize(&bytes) {
                    read += decoded(&file, &config).len();
                }
            }
        }
        assert!(read > 1000, "{read}");
    }
}
