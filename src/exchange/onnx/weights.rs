//! Weights as an ONNX file holds them, and what decodes them.

use anyhow::Result;

use super::layers::Site;
use super::{Writer, int, ints};
use crate::exchange::{Integers, Part};
use crate::model::onnx::proto::{Attribute, data_type};

impl Writer<'_> {
    /// Floats in the order of the operator: [k, n], or [f, c, kh, kw].
    pub(super) fn plain_weights(&mut self, site: &Site, values: &[f32]) -> String {
        let (order, dims) = turned(&site.dims);
        let values: Vec<f32> = order.iter().map(|i| values[*i]).collect();
        self.floats(&format!("{}.weight", site.node.name), &dims, &values)
    }

    /// Codes alone, in the order of the operator, for an operator of integers.
    pub(super) fn codes(&mut self, site: &Site, w: &Integers) -> String {
        let (order, dims) = turned(&site.dims);
        let codes: Vec<i32> = order.iter().map(|i| w.codes[*i]).collect();
        let (kind, raw) = packed(&codes, w.range);
        self.tensor(&format!("{}.weight", site.node.name), &dims, kind, raw)
    }

    /// Weights as the file holds them, and what decodes them.
    pub(super) fn weights(&mut self, site: &Site, part: &Part) -> Result<String> {
        let Some(w) = Integers::of(&part.quantized) else {
            if part.quantized.lattice.levels.count() > 0 {
                self.note(format!(
                    "weights of {} are stored as the f32 that they stand for: ONNX Runtime decodes no such type",
                    part.scheme.weights.name()
                ));
            }
            return Ok(self.plain_weights(site, &part.quantized.values));
        };
        if part.quantized.activations().0.float() {
            self.note(
                "ONNX Runtime rounds the activations of products with weights of 4 and 8 bits to 8 bits, unless its session option \
                 session.qdq_matmulnbits_accuracy_level is 1"
                    .into(),
            );
        }
        let name = format!("{}.weight", site.node.name);
        let (n, groups) = (w.rows(), w.groups());
        if groups == 1 {
            let (order, dims) = turned(&site.dims);
            let codes: Vec<i32> = order.iter().map(|i| w.codes[*i]).collect();
            let axis = if dims.len() == 2 { 1 } else { 0 };
            return Ok(self.decoded(
                &name,
                &dims,
                &codes,
                &w,
                (&[n], w.scales.clone(), w.zeros.clone()),
                vec![int("axis", axis)],
            ));
        }
        let block = int("block_size", w.group as i64);
        if site.dims.len() == 2 {
            // [k, n], in blocks along k
            let across = |v: &[f32]| (0..groups * n).map(|i| v[i % n * groups + i / n]).collect::<Vec<f32>>();
            let zeros = w.zeros.as_ref().map(|z| (0..groups * n).map(|i| z[i % n * groups + i / n]).collect());
            let (order, dims) = turned(&site.dims);
            let codes: Vec<i32> = order.iter().map(|i| w.codes[*i]).collect();
            return Ok(self.decoded(
                &name,
                &dims,
                &codes,
                &w,
                (&[groups, n], across(&w.scales), zeros),
                vec![int("axis", 0), block],
            ));
        }
        // blocks run along window and channels, which ONNX has the other way round
        let of = (&[n, groups][..], w.scales.clone(), w.zeros.clone());
        let flat = self.decoded(&name, &[n, w.k], &w.codes, &w, of, vec![int("axis", 1), block]);
        let dims = self.ints("shape", &site.dims.iter().map(|d| *d as i64).collect::<Vec<_>>());
        let image = self.op("Reshape", &[&flat, &dims], vec![]);
        Ok(self.op("Transpose", &[&image], vec![ints("perm", &[0, 3, 1, 2])]))
    }

    /// Codes in the narrowest type that holds them, and their DequantizeLinear.
    fn decoded(
        &mut self,
        name: &str,
        dims: &[usize],
        codes: &[i32],
        w: &Integers,
        (of, scales, zeros): (&[usize], Vec<f32>, Option<Vec<i32>>),
        attributes: Vec<Attribute>,
    ) -> String {
        let (kind, raw) = packed(codes, w.range);
        let codes = self.tensor(name, dims, kind, raw);
        let scales = self.floats(&format!("{name}_scale"), of, &scales);
        let zeros = zeros.map(|z| {
            let (kind, raw) = packed(&z, w.range);
            self.tensor(&format!("{name}_zero_point"), of, kind, raw)
        });
        let inputs: Vec<&str> = [codes.as_str(), &scales].into_iter().chain(zeros.as_deref()).collect();
        self.op("DequantizeLinear", &inputs, attributes)
    }
}

/// Where each number of the operator's weights comes from, and their dimensions: [n, k] becomes [k, n], [f, kh, kw, c]
/// becomes [f, c, kh, kw].
fn turned(dims: &[usize]) -> (Vec<usize>, Vec<usize>) {
    let count: usize = dims.iter().product();
    match *dims {
        [n, k] => ((0..count).map(|i| i % n * k + i / n).collect(), vec![k, n]),
        [f, kh, kw, c] => {
            let window = kh * kw;
            let place = |i: usize| i / (c * window) * c * window + i % window * c + i / window % c;
            ((0..count).map(place).collect(), vec![f, c, kh, kw])
        }
        _ => ((0..count).collect(), dims.to_vec()),
    }
}

/// Integers in the narrowest type for codes of a range: its number, and the bytes; of 4 bits the first is the low half.
fn packed(codes: &[i32], (low, high): (i32, i32)) -> (i32, Vec<u8>) {
    let kind = match (low, high) {
        (0.., ..=15) => data_type::UINT4,
        (-8.., ..=7) => data_type::INT4,
        (0.., _) => data_type::UINT8,
        _ => data_type::INT8,
    };
    let bytes = match kind {
        data_type::UINT4 | data_type::INT4 => {
            let half = |c: Option<&i32>| c.map_or(0, |c| (*c as u8) & 15);
            codes.chunks(2).map(|pair| half(pair.first()) | half(pair.get(1)) << 4).collect()
        }
        _ => codes.iter().map(|c| *c as u8).collect(),
    };
    (kind, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::compute::transpose;
    use crate::model::graph::Array;

    #[test]
    fn weights_are_turned_as_a_transpose_does() {
        for (dims, order) in [(vec![3, 5], vec![1, 0]), (vec![2, 3, 4, 5], vec![0, 3, 1, 2])] {
            let count: usize = dims.iter().product();
            let array = Array::f32(dims.clone(), (0..count).map(|i| i as f32).collect());
            let expected = transpose(&array, &order);
            let (places, turned) = turned(&dims);
            assert_eq!(
                (turned, places.iter().map(|p| *p as f32).collect::<Vec<_>>()),
                (expected.dims.clone(), expected.floats().into_owned())
            );
        }
        assert_eq!(packed(&[-1, 7, -8], (-8, 7)), (data_type::INT4, vec![0x7f, 0x08]));
        assert_eq!(packed(&[15, 1], (0, 15)), (data_type::UINT4, vec![0x1f]));
        assert_eq!(packed(&[-1, 127], (-127, 127)), (data_type::INT8, vec![255, 127]));
    }
}
