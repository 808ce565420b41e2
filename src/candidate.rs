//! The free choices of a kernel, the space of them, and the one grammar that names a candidate:
//! `op.scheme.isa.family.knob.knob...`, for example `gemm.w8a8.avx2.dot.wide.b4x2.k2.staged.mn.c0x0x0.p0`.

mod space;

use std::fmt;
use std::str::FromStr;

use anyhow::{Context, Error, Result, ensure};
use serde::{Deserialize, Serialize};

pub use space::{Axis, Space};

/// What a kernel takes and gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Contract {
    /// u8 activations row-major in, s8 weights prepacked, s32 row-major out.
    Int8,
    /// u8 activations row-major in, s8 weights prepacked, u8 out: requantized with a multiplier for every output.
    Qdq,
    /// f32 in, dynamic quantization, bias and optional ReLU inside the call, f32 out.
    F32io,
}

impl Contract {
    pub const ALL: [Contract; 3] = [Contract::Int8, Contract::Qdq, Contract::F32io];
    pub fn name(self) -> &'static str {
        match self {
            Contract::Int8 => "int8",
            Contract::Qdq => "qdq",
            Contract::F32io => "f32io",
        }
    }
}

/// What the caches hold when a timed call begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Regime {
    /// Whatever the previous call of the same kernel left: the most favourable case.
    #[default]
    Hot,
    /// Weights come from memory, activations and outputs stay: a layer of a network larger than the caches.
    WeightsCold,
    /// Everything comes from memory.
    AllCold,
}

impl Regime {
    pub const ALL: [Regime; 3] = [Regime::Hot, Regime::WeightsCold, Regime::AllCold];
    pub fn name(self) -> &'static str {
        match self {
            Regime::Hot => "hot",
            Regime::WeightsCold => "weights-cold",
            Regime::AllCold => "all-cold",
        }
    }
}

/// One choice: a word, with sizes where it has some. `b6x4`, `staged`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Knob {
    pub word: String,
    pub sizes: Vec<usize>,
}

impl Knob {
    pub fn word(word: &str) -> Self {
        Self { word: word.into(), sizes: vec![] }
    }
    pub fn sizes(word: &str, sizes: &[usize]) -> Self {
        Self { word: word.into(), sizes: sizes.to_vec() }
    }
}

impl fmt::Display for Knob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sizes: Vec<_> = self.sizes.iter().map(usize::to_string).collect();
        write!(f, "{}{}", self.word, sizes.join("x"))
    }
}

impl FromStr for Knob {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        let digit = text.find(|c: char| c.is_ascii_digit()).unwrap_or(text.len());
        let (word, rest) = text.split_at(digit);
        ensure!(!word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase()), "`{text}` is not a knob");
        let sizes = if rest.is_empty() { Ok(vec![]) } else { rest.split('x').map(str::parse).collect() };
        Ok(Self { word: word.into(), sizes: sizes.with_context(|| format!("`{text}` is not a knob"))? })
    }
}

/// The free choices of one kernel, in the order of its space's axes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Schedule(pub Vec<Knob>);

impl Schedule {
    /// Is this word chosen?
    pub fn has(&self, word: &str) -> bool {
        self.0.iter().any(|k| k.word == word)
    }
    /// The sizes chosen under this word; zeros where it is not there.
    pub fn sizes<const N: usize>(&self, word: &str) -> [usize; N] {
        let knob = self.0.iter().find(|k| k.word == word);
        std::array::from_fn(|i| knob.and_then(|k| k.sizes.get(i).copied()).unwrap_or(0))
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let knobs: Vec<_> = self.0.iter().map(Knob::to_string).collect();
        f.write_str(&knobs.join("."))
    }
}

impl FromStr for Schedule {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        Ok(Self(text.split('.').map(str::parse).collect::<Result<_>>()?))
    }
}

/// The name of a candidate: everything but its layer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Name {
    pub op: String,
    pub scheme: String,
    pub isa: String,
    pub family: String,
    pub schedule: Schedule,
}

impl Name {
    /// The name as a C identifier.
    pub fn symbol(&self) -> String {
        self.to_string().replace(|c: char| !c.is_ascii_alphanumeric(), "_")
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}.{}.{}", self.op, self.scheme, self.isa, self.family, self.schedule)
    }
}

impl FromStr for Name {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        let parts: Vec<&str> = text.splitn(5, '.').collect();
        let [op, scheme, isa, family, schedule] = parts[..] else {
            anyhow::bail!("`{text}` is not a candidate; expected op.scheme.isa.family.schedule");
        };
        let schedule = schedule.parse().with_context(|| format!("candidate `{text}`"))?;
        Ok(Self { op: op.into(), scheme: scheme.into(), isa: isa.into(), family: family.into(), schedule })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn names_round_trip(words in proptest::collection::vec(("[a-z]{1,6}", proptest::collection::vec(0usize..5000, 0..4)), 1..9)) {
            let knobs = words.iter().map(|(w, s)| Knob::sizes(w, s)).collect();
            let name = Name { op: "conv2d".into(), scheme: "w8a8".into(), isa: "avx512vnni".into(), family: "dot".into(), schedule: Schedule(knobs) };
            prop_assert_eq!(name.to_string().parse::<Name>().unwrap(), name);
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        assert!("gemm.w8a8.avx2.dot".parse::<Name>().is_err());
        assert!("gemm.w8a8.avx2.dot.b6y4".parse::<Name>().is_err());
    }
}
