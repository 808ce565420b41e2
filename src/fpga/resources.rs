//! What a design takes of a device.

use serde::{Deserialize, Serialize};

/// Counts; none is unknown, never zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resources {
    /// Look-up tables: of four inputs (iCE40, ECP5) or of six (AMD).
    pub lut: Option<u64>,
    /// Flip-flops.
    pub ff: Option<u64>,
    /// Block RAMs of the device's smallest unit: BRAM18 (AMD), DP16KD (ECP5), SB_RAM40_4K (iCE40).
    pub bram: Option<u64>,
    /// Hard multipliers.
    pub dsp: Option<u64>,
    /// UltraRAMs.
    #[serde(default)]
    pub uram: Option<u64>,
}

impl Resources {
    pub const NAMES: [&'static str; 5] = ["LUT", "FF", "BRAM", "DSP", "URAM"];
    pub const NONE: Resources = Resources { lut: Some(0), ff: Some(0), bram: Some(0), dsp: Some(0), uram: Some(0) };

    /// In the order of [`Resources::NAMES`].
    pub fn each(&self) -> [Option<u64>; 5] {
        [self.lut, self.ff, self.bram, self.dsp, self.uram]
    }

    pub fn of(each: [Option<u64>; 5]) -> Self {
        let [lut, ff, bram, dsp, uram] = each;
        Self { lut, ff, bram, dsp, uram }
    }

    /// Both together; unknown where one is.
    pub fn plus(&self, other: &Self) -> Self {
        let (a, b) = (self.each(), other.each());
        Self::of(std::array::from_fn(|i| Some(a[i]?.saturating_add(b[i]?))))
    }
}

impl std::fmt::Display for Resources {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let known = Self::NAMES.iter().zip(self.each()).filter_map(|(name, n)| Some(format!("{} {name}", n?)));
        f.write_str(&known.collect::<Vec<_>>().join(", "))
    }
}
