//! The native sources, embedded so that one binary is enough, and the bindings to the part that is linked in.

use anyhow::{Context, Result, anyhow};

/// Bindings of `native/kernel.h`.
#[allow(non_camel_case_types, non_upper_case_globals, dead_code, clippy::all)]
pub mod abi {
    include!(concat!(env!("OUT_DIR"), "/kernel.rs"));
}

/// Every file a batch is compiled with, by its path below `native/`. A new instruction set is one header and one row.
pub static FILES: &[(&str, &str)] = &[
    ("kernel.h", include_str!("../native/kernel.h")),
    ("network.h", include_str!("../native/network.h")),
    ("harness.c", include_str!("../native/harness.c")),
    ("memory.h", include_str!("../native/memory.h")),
    ("threads.h", include_str!("../native/threads.h")),
    ("input.h", include_str!("../native/input.h")),
    ("commands.h", include_str!("../native/commands.h")),
    ("watch.h", include_str!("../native/watch.h")),
    ("timing.h", include_str!("../native/timing.h")),
    ("counters.h", include_str!("../native/counters.h")),
    ("count/count.c", include_str!("../native/count/count.c")),
    ("count/x86.s", include_str!("../native/count/x86.s")),
    ("count/arm.s", include_str!("../native/count/arm.s")),
    ("isa/scalar.h", include_str!("../native/isa/scalar.h")),
    ("isa/words.h", include_str!("../native/isa/words.h")),
    ("isa/scalar_decode.h", include_str!("../native/isa/scalar_decode.h")),
    ("isa/avx2.h", include_str!("../native/isa/avx2.h")),
    ("isa/avx2_bits.h", include_str!("../native/isa/avx2_bits.h")),
    ("isa/avx2_lut.h", include_str!("../native/isa/avx2_lut.h")),
    ("isa/avx2_decode.h", include_str!("../native/isa/avx2_decode.h")),
    ("isa/avxvnni.h", include_str!("../native/isa/avxvnni.h")),
    ("isa/avx512vnni.h", include_str!("../native/isa/avx512vnni.h")),
    ("isa/avx512_lut.h", include_str!("../native/isa/avx512_lut.h")),
    ("isa/avx512_decode.h", include_str!("../native/isa/avx512_decode.h")),
    ("isa/avx512vpopcnt.h", include_str!("../native/isa/avx512vpopcnt.h")),
    ("isa/avx512bf16.h", include_str!("../native/isa/avx512bf16.h")),
    ("isa/amx.h", include_str!("../native/isa/amx.h")),
    ("isa/simde.h", include_str!("../native/isa/simde.h")),
    ("isa/amx_emulated.h", include_str!("../native/isa/amx_emulated.h")),
    ("isa/neon_sums.h", include_str!("../native/isa/neon_sums.h")),
    ("isa/neon.h", include_str!("../native/isa/neon.h")),
    ("isa/armv7.h", include_str!("../native/isa/armv7.h")),
    ("isa/neon_bits.h", include_str!("../native/isa/neon_bits.h")),
    ("isa/neon_lut.h", include_str!("../native/isa/neon_lut.h")),
    ("isa/neon_decode.h", include_str!("../native/isa/neon_decode.h")),
    ("isa/dotprod.h", include_str!("../native/isa/dotprod.h")),
    ("isa/sve.h", include_str!("../native/isa/sve.h")),
    ("isa/svei8mm.h", include_str!("../native/isa/svei8mm.h")),
    ("isa/i8mm.h", include_str!("../native/isa/i8mm.h")),
    ("isa/armbf16.h", include_str!("../native/isa/armbf16.h")),
];

/// One tile of an instruction set: the smallest product its vocabulary can say, outputs x depth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tile {
    /// `kind_variant`, the prefix of its words: `dot_zmm`.
    pub prefix: String,
    /// Rows that are multiplied at once: 16, say, or 2, of a tile that multiplies matrices; 1 of most.
    pub m: usize,
    /// Outputs (columns, or channels) of one vector.
    pub n: usize,
    /// Products summed into each output per step.
    pub k: usize,
    /// Bytes of a staged element.
    pub elem: usize,
    /// Activations of a staged element: 32, say, where it holds a bit of each, or 4 where it is a table of their sums.
    pub per: usize,
    /// Bits of a packed weight: 4, say, where it is unpacked in registers.
    pub bits: usize,
    /// Vector registers there are.
    pub regs: usize,
    /// Of a `chain` tile, and of a `dot` tile that widens sums of 16 bits: products that meet in a 16-bit lane. Of a `bits` tile: bits of one step that are
    /// counted in a byte, 0 where sums are as wide as the accumulators. Of a `lut` tile: tables of one step that meet in a
    /// 16-bit lane.
    pub lanes: usize,
    /// What it takes off activations before it multiplies them: 128 where u8 become s8.
    pub off: usize,
    /// Depth of an output that lies together in a packed vector, before the next output's; all of it in most.
    pub run: usize,
    /// Of a tile of narrow weights: the tile whose words multiply them once a panel was unpacked.
    pub plain: Option<Box<Tile>>,
}

impl Tile {
    /// Bytes of one packed vector of weights.
    pub fn vector_bytes(&self) -> usize {
        self.n * self.k * self.bits / 8
    }

    /// Registers of a block of rows x vectors of accumulators: these, and one vector of each side; where registers are
    /// numbered, all of both sides.
    pub fn registers(&self, rows: usize, vectors: usize) -> usize {
        rows * vectors + if self.numbered() { rows + vectors } else { 2 }
    }

    /// Are its registers no variables but numbers, and its sums finished from memory?
    pub fn numbered(&self) -> bool {
        self.kind() == "mm"
    }

    /// Do its sums come times a power of two, which a word undoes? Of narrow integers 2^(8 - bits), as they are read at the
    /// top of a byte; of e4m3 2^-8, as it is read as f16.
    pub fn scaled(&self) -> bool {
        self.bits < 8 && self.kind() == "dot" || self.kind() == "e4m3"
    }

    /// `dot` of `dot_zmm`.
    pub fn kind(&self) -> &str {
        self.prefix.split('_').next().unwrap_or_default()
    }

    /// `zmm` of `dot_zmm`.
    pub fn variant(&self) -> &str {
        self.prefix.split_once('_').map_or("", |(_, v)| v)
    }
}

/// A tile vocabulary, read out of its header: the header is the only place that says what a tile is.
#[derive(Clone, Debug)]
pub struct Isa {
    pub name: String,
    pub tiles: Vec<Tile>,
}

/// Stands in a header for the 32-bit lanes of a vector whose length the instruction set leaves open.
const LANES: &str = "BS_LANES";

/// The header's stem and the lanes of a vector: `sve-256` is `sve.h` on vectors of 256 bits. 0 where nothing is left open.
fn stem(isa: &str) -> (&str, usize) {
    let bits = |bits: &str| bits.parse().ok().filter(|b| [128, 256, 512].contains(b));
    isa.split_once('-').and_then(|(stem, n)| Some((stem, bits(n)? / 32))).unwrap_or((isa, 0))
}

/// The header of an instruction set, below `native/`.
pub fn header_of(isa: &str) -> String {
    format!("isa/{}.h", stem(isa).0)
}

impl Isa {
    /// # Errors
    /// When there is no such header, or it does not say its tiles.
    pub fn load(name: &str) -> Result<Self> {
        let offers = FILES.iter().filter(|(_, text)| text.contains("#define BS_TILES_"));
        let open = |text: &str| if text.contains(LANES) { "-BITS" } else { "" };
        let known = offers.filter_map(|(p, text)| Some((p.strip_prefix("isa/")?.strip_suffix(".h")?, open(text))));
        let (file, lanes) = stem(name);
        let text = header(file).filter(|text| open(text).is_empty() == (lanes == 0));
        let text = text.with_context(|| {
            let known: Vec<_> = known.map(|(stem, bits)| format!("{stem}{bits}")).collect();
            format!(
                "no isa `{name}`; choose one of {} (BITS: the length of vectors, 128, 256 or 512)",
                known.join(", ")
            )
        })?;
        let list = format!("#define BS_TILES_{} \"", file.to_uppercase());
        let names = text.split_once(&list).and_then(|(_, rest)| rest.split_once('"'));
        let names =
            names.ok_or_else(|| anyhow!("native/isa/{file}.h does not define BS_TILES_{}", file.to_uppercase()))?.0;
        let tile = |t| tile(file, lanes, t).with_context(|| format!("native/isa/{file}.h: tile {t}"));
        Ok(Self { name: name.into(), tiles: names.split(' ').map(tile).collect::<Result<_>>()? })
    }

    /// Its header, below `native/`.
    pub fn header(&self) -> String {
        header_of(&self.name)
    }

    /// The tiles whose words begin with `kind`.
    pub fn tiles_of(&self, kind: &str) -> impl Iterator<Item = &Tile> {
        self.tiles.iter().filter(move |t| t.kind() == kind)
    }

    pub fn tile(&self, kind: &str, variant: &str) -> Option<&Tile> {
        self.tiles_of(kind).find(|t| t.variant() == variant)
    }
}

fn header(stem: &str) -> Option<&'static str> {
    let path = format!("isa/{stem}.h");
    FILES.iter().find(|(p, _)| *p == path).map(|(_, text)| *text)
}

/// `dot_zmm` of `#define dot_zmmnibble_plain dot_zmm`.
fn plain<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("#define {prefix}_plain "))?;
    rest.lines().next()
}

/// Reads `enum { dot_zmm_N = 16, ... }` out of the header or of one it includes.
fn tile(stem: &str, lanes: usize, prefix: &str) -> Option<Tile> {
    let text = header(stem)?;
    let field = |name: &str| {
        let (_, rest) = text.split_once(&format!(" {prefix}_{name} = "))?;
        let number = rest.split([',', ' ']).next()?;
        if number == LANES { Some(lanes) } else { number.parse().ok() }
    };
    match field("N") {
        Some(n) => Some(Tile {
            prefix: prefix.into(),
            m: field("M").unwrap_or(1),
            n,
            k: field("K").unwrap_or(1),
            elem: field("ELEM")?,
            per: field("PER").unwrap_or(1),
            bits: field("BITS").or_else(|| Some(8 * field("RHS")?))?,
            regs: field("REGS")?,
            lanes: field("LANES").unwrap_or(1),
            off: field("OFF").unwrap_or(0),
            run: field("RUN").or_else(|| field("K")).unwrap_or(1),
            plain: plain(text, prefix).and_then(|name| tile(stem, lanes, name)).map(Box::new),
        }),
        None => {
            let included = text.lines().filter_map(|l| l.strip_prefix("#include \"")?.strip_suffix(".h\""));
            included.filter(|i| !i.contains('/')).find_map(|i| tile(i, lanes, prefix))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_say_their_tiles() {
        let isa = Isa::load("avx512vnni").unwrap();
        let dot = isa.tile("dot", "zmm").unwrap();
        assert_eq!((dot.n, dot.k, dot.elem, dot.bits, dot.regs), (16, 4, 1, 8, 32));
        assert_eq!(Isa::load("avxvnni").unwrap().tile("f32", "fma").unwrap().n, 8);
        assert!(Isa::load("mmx").unwrap_err().to_string().contains("avx2"));
        let n = |isa: &str| Isa::load(isa).map(|isa| isa.tile("dot", "svdot").unwrap().n).ok();
        assert_eq!(
            [n("sve-128"), n("sve-512"), n("sve"), n("sve-96"), n("sve-x")],
            [Some(4), Some(16), None, None, None]
        );
        assert!(Isa::load("avx2-256").unwrap_err().to_string().contains("sve-BITS"));
    }
}
