//! Integers of 2 to 8 bits: `w4`. Symmetric in the narrow range unless the scheme says `affine` or `full`.

use std::sync::Arc;

use super::{Fit, Format, Kind, Takes, fit_scaled, parse_bits};
use crate::scheme::lattice::{Lattice, Matrix};
use crate::scheme::levels::Levels;

pub const KIND: Kind = Kind {
    pattern: "wN (N = 2..8)",
    about: "integers of N bits; symmetric and narrow (-7..7 of 4 bits), or `-affine`, or `-full`",
    parse: |text| parse_bits(text, "w", 2..=8).map(|(bits, n)| (Arc::new(Integer { bits }) as Arc<dyn Format>, n)),
    examples: &["w8", "w7", "w6", "w5", "w4", "w3", "w2"],
};

pub struct Integer {
    pub bits: u32,
}

impl Format for Integer {
    fn name(&self) -> String {
        format!("w{}", self.bits)
    }
    fn family(&self) -> &'static str {
        "integer"
    }
    fn bits(&self) -> f64 {
        f64::from(self.bits)
    }
    fn takes(&self) -> Takes {
        Takes { scale: true, integer: true, clip: true }
    }
    fn fit(&self, x: &Matrix, how: &Fit) -> Lattice {
        let levels = if how.affine { Levels::unsigned(self.bits) } else { Levels::signed(self.bits, how.full) };
        fit_scaled(x, levels, f64::from(self.bits), how)
    }
}
