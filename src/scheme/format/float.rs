//! Floating point: f64 and f32 (nothing is rounded), f16 and bf16 (no scale), and 8 bits and fewer with a scale.

use std::sync::Arc;

use super::{Fit, Format, Kind, Takes, fit_scaled};
use crate::scheme::lattice::{Lattice, Matrix, Origin};
use crate::scheme::levels::{Levels, MiniFloat};

pub const PLAIN: Kind = Kind {
    pattern: "f64, f32, f16, bf16",
    about: "plain floating point, without scales",
    parse: |text| {
        let named = |(name, bits, float): &(&'static str, u32, Option<MiniFloat>)| {
            let plain = Plain { name, bits: *bits, float: *float };
            text.starts_with(name).then(|| (Arc::new(plain) as Arc<dyn Format>, name.len()))
        };
        PLAINS.iter().find_map(named)
    },
    examples: &["f64", "f32", "f16", "bf16"],
};

const PLAINS: [(&str, u32, Option<MiniFloat>); 4] =
    [("f64", 64, None), ("f32", 32, None), ("f16", 16, Some(MiniFloat::F16)), ("bf16", 16, Some(MiniFloat::BF16))];

pub const SMALL: Kind = Kind {
    pattern: "fp8e4m3, fp8e5m2, fp6e2m3, fp6e3m2, fp4e2m1",
    about: "small floating point (OCP), scaled so that the largest magnitude is the format's",
    parse: |text| {
        let found = SMALLS.iter().find(|(name, _)| text.starts_with(name))?;
        Some((Arc::new(Small { name: found.0, float: found.1 }), found.0.len()))
    },
    examples: &["fp8e4m3", "fp8e5m2", "fp6e2m3", "fp6e3m2", "fp4e2m1"],
};

/// Every small float by its name.
pub const SMALLS: [(&str, MiniFloat); 5] = [
    ("fp8e4m3", MiniFloat::E4M3),
    ("fp8e5m2", MiniFloat::E5M2),
    ("fp6e2m3", MiniFloat::E2M3),
    ("fp6e3m2", MiniFloat::E3M2),
    ("fp4e2m1", MiniFloat::E2M1),
];

struct Plain {
    name: &'static str,
    bits: u32,
    /// None: as precise as the numbers that come in, which are f32.
    float: Option<MiniFloat>,
}

impl Format for Plain {
    fn name(&self) -> String {
        self.name.into()
    }
    fn family(&self) -> &'static str {
        "float"
    }
    fn bits(&self) -> f64 {
        f64::from(self.bits)
    }
    fn fit(&self, x: &Matrix, _how: &Fit) -> Lattice {
        let exact = Lattice::exact(x, self.bits);
        match self.float {
            None => exact,
            Some(float) => Lattice { levels: Levels::Float(float), origin: Origin::Zero, ..exact },
        }
    }
}

struct Small {
    name: &'static str,
    float: MiniFloat,
}

impl Format for Small {
    fn name(&self) -> String {
        self.name.into()
    }
    fn family(&self) -> &'static str {
        "float"
    }
    fn bits(&self) -> f64 {
        f64::from(self.float.bits())
    }
    fn takes(&self) -> Takes {
        Takes { scale: true, clip: true, integer: false }
    }
    fn fit(&self, x: &Matrix, how: &Fit) -> Lattice {
        fit_scaled(x, Levels::Float(self.float), self.bits(), how)
    }
}
