//! Weights as kernels that decode them store them: codes of levels, and for each output or group of its inputs a scale and
//! perhaps a zero point.

use super::Scheme;
use super::calibrate::MinMax;
use super::format::{Fit, Granularity, f16};
use super::lattice::{Lattice, Matrix};
use super::levels::{Levels, MiniFloat};

/// How the scale of a group is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScaleType {
    /// IEEE binary16.
    F16,
    Bf16,
    /// OCP MX: a power of two by its exponent + 127.
    E8m0,
    /// OCP 8-bit floating point.
    E4m3,
}

/// Inputs of one output that share a scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Groups {
    /// The last group of an output may be shorter.
    pub columns: usize,
    pub scale: ScaleType,
    /// Groups have a zero point.
    pub points: bool,
}

impl ScaleType {
    /// The word of a tile that reads it.
    pub fn word(self) -> &'static str {
        match self {
            Self::F16 => "scales",
            Self::Bf16 => "scales_bf16",
            Self::E8m0 => "scales_e8m0",
            Self::E4m3 => "scales_e4m3",
        }
    }

    pub fn bytes(self) -> usize {
        match self {
            Self::F16 | Self::Bf16 => 2,
            Self::E8m0 | Self::E4m3 => 1,
        }
    }

    /// The bytes of a scale over its [`ScaleType::unit`], little endian.
    pub fn encode(self, scale: f32) -> Vec<u8> {
        match self {
            Self::F16 => f16(scale).to_vec(),
            Self::Bf16 => MiniFloat::BF16.encode(scale).to_le_bytes().to_vec(),
            // 2^-127 is subnormal: no bits of an exponent
            Self::E8m0 => vec![(scale.to_bits() >> 23) as u8],
            Self::E4m3 => vec![MiniFloat::E4M3.encode(scale) as u8],
        }
    }

    /// What the stored scales of a matrix are multiples of: the number that the kernel multiplies each output with.
    pub fn unit(self, lattice: &Lattice) -> f32 {
        let most = lattice.scales.iter().fold(0f32, |a, s| a.max(*s));
        match self {
            Self::F16 | Self::Bf16 => 1.0,
            // scales of mxint8 begin at 2^-133
            Self::E8m0 if most <= 2f32.powi(121) => 2f32.powi(-6),
            Self::E8m0 => 1.0,
            // the block with the largest number has the largest scale
            Self::E4m3 => most / MiniFloat::E4M3.ranked(MiniFloat::E4M3.greatest as i32),
        }
    }
}

impl Scheme {
    /// The groups of inputs that have a scale of their own, where not all weights of an output share one.
    pub fn groups(&self) -> Option<Groups> {
        match self.granularity {
            Granularity::Group { columns, .. } => {
                let scale = match self.weights.family() {
                    _ if self.integer() => ScaleType::F16,
                    _ if self.pow2 => ScaleType::E8m0,
                    "float" => ScaleType::Bf16,
                    _ => ScaleType::F16,
                };
                Some(Groups { columns, scale, points: self.affine })
            }
            _ => self.weights.blocks().map(|(columns, scale)| Groups { columns, scale, points: false }),
        }
    }

    /// The levels of weights that a kernel decodes: at most 256 or those of a float of 16 bits; a table that is made from
    /// the numbers has its length only. None where no kernel does: scales that are quantized themselves, offsets, a zero
    /// point for a whole output, inputs that a correction changes, activations of few bits.
    pub fn decoded(&self) -> Option<Levels> {
        let scales = match self.granularity {
            Granularity::Group { sub, .. } => sub.is_none(),
            _ => !self.affine,
        };
        // a format with scales of its own must say how it stores them; plain floats have none
        let known = self.weights.takes().scale || self.weights.blocks().is_some() || self.weights.bits() == 16.0;
        let plain = self.corrections.iter().all(|c| !c.changes_input()) && self.real_activations();
        if !(scales && known && plain) || self.reshapes() {
            return None;
        }
        let how = Fit { calibrator: &MinMax, ..self.fit() };
        let levels = self.weights.fit(&Matrix::new(&[1.0], 1), &how).levels;
        let half = matches!(levels, Levels::Float(MiniFloat::F16 | MiniFloat::BF16));
        (half || (1..=256).contains(&levels.count())).then_some(levels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scheme::find;

    #[test]
    fn stored_scales_are_the_scales() {
        let x: Vec<f32> = (0..256).map(|i| ((i * 37 % 101) as f32 - 50.0) * 2f32.powi(i / 32 - 4)).collect();
        for name in
            ["w4a32g32", "w4a32g32-affine", "w4a32g32-pow2", "fp8e4m3g32", "nf4g64", "mxfp4", "mxint8", "nvfp4", "q4_0"]
        {
            let scheme = find(name).unwrap();
            let q = scheme.weights.quantize(&Matrix::new(&x, 128), &scheme.fit());
            let groups = scheme.groups().unwrap();
            assert_eq!(groups.columns, q.lattice.group, "{name}");
            let unit = groups.scale.unit(&q.lattice);
            for scale in &q.lattice.scales {
                let bytes = groups.scale.encode(scale / unit);
                assert_eq!(bytes.len(), groups.scale.bytes());
                let low = u16::from_le_bytes([bytes[0], bytes.get(1).copied().unwrap_or(0)]);
                let back = match groups.scale {
                    ScaleType::F16 => {
                        f64::from(MiniFloat::F16.decode(low & 0x7fff).unwrap())
                            * if low >> 15 == 1 { -1.0 } else { 1.0 }
                    }
                    ScaleType::Bf16 => f64::from(f32::from_bits(u32::from(low) << 16)),
                    ScaleType::E8m0 => 2f64.powi(i32::from(low) - 127),
                    ScaleType::E4m3 => f64::from(MiniFloat::E4M3.decode(low).unwrap()),
                };
                // nvfp4's tensor scale is found again to within its roundings
                let apart = (back * f64::from(unit) / f64::from(*scale) - 1.0).abs();
                assert!(apart <= if name == "nvfp4" { 2f64.powi(-22) } else { 0.0 }, "{name}: {scale} {apart}");
            }
        }
    }

    #[test]
    fn what_no_kernel_decodes_is_told() {
        let levels = |name: &str| find(name).unwrap().decoded().map(|l| l.count());
        assert_eq!(levels("w4a32g32"), Some(15));
        assert_eq!(levels("w4a32g32-affine"), Some(16));
        assert_eq!(levels("kmeans4"), Some(16));
        assert_eq!(levels("f16"), Some(2 * 0x7bff + 1));
        for name in ["f32", "f64", "w4a32g32q6", "w4a32-affine", "q4_1", "q4_k", "w4a32-awq", "nf4a8"] {
            assert_eq!(levels(name), None, "{name}");
        }
    }
}
