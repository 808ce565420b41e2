//! Every header says every word that a family may use.

use bitsmith::bench::build::Builder;
use bitsmith::candidate::Contract;
use bitsmith::emit::Source;
use bitsmith::kernel::{Task, roof};
use bitsmith::layer::{Op, Shape};
use bitsmith::native::{Isa, Tile};
use bitsmith::target::{TARGETS, Target};

use crate::common::{Lab, cache};
use crate::{bits, schedules};

/// The words that a family may use of a tile of each of these kinds, besides its types and constants.
const WORDS: [(&str, &str); 16] = [
    ("dot chain bits lut mm dw", "range stage quant plus plus_n store store_n finish finish_n requant requant_n"),
    ("dot chain lut mm dw", "requant_pair"),
    ("dot chain", "real_zero scales scaled finish_groups finish_groups_n raw raw_tail"),
    ("f32 dwf bfdot table int e4m3 e5m2 f16 bf16", "plus plus_n store store_n finish finish_n"),
    ("f32 table int e4m3 e5m2 f16 bf16", "stage stage_f16 stage_bf16 raw"),
    (
        "table int e4m3 e5m2 f16 bf16",
        "real_zero scales scales_bf16 scales_e8m0 scales_e4m3 points minus scaled settle table_load level",
    ),
    ("dot chain bits lut f32 dw dwf bfdot table int e4m3 e5m2 f16 bf16", "zero lhs_load rhs_load"),
    ("dot f32 dw dwf bfdot table int e4m3 e5m2 f16 bf16", "dot"),
    ("chain bits lut", "none widen"),
    ("chain lut", "add"),
    ("bits", "both differ widen_minus"),
    ("lut", "add_top"),
    ("dw dwf", "lhs_load_n"),
    ("dwf", "stage"),
    ("bfdot", "stage_bf16"),
    ("mm", "row begin end"),
];

fn words(kind: &str) -> Vec<&'static str> {
    let of = |kinds: &str| kinds.split(' ').any(|k| k == kind);
    let words: Vec<_> = WORDS.iter().filter(|(kinds, _)| of(kinds)).flat_map(|(_, words)| words.split(' ')).collect();
    assert!(!words.is_empty(), "say here which words a `{kind}` tile has");
    words
}

/// A unit that names every word of a tile.
fn vocabulary(isa: &Isa, tile: &Tile) -> Source {
    let t = &tile.prefix;
    let kind = t.split('_').next().unwrap();
    // an address makes a compiler translate a word
    let keep = |w: &str| format!("    word = (const void *){t}_{w};\n");
    let mut uses: String = words(kind).iter().map(|w| keep(w)).collect();
    if tile.plain.is_some() {
        uses += &keep("unpack");
    }
    if tile.scaled() {
        uses += &keep("settle");
    }
    if tile.off > 0 {
        uses += &keep("restore");
        uses += &if kind == "dw" { String::new() } else { keep("weigh") };
    }
    // tiles of rows and of weights have numbers, no types
    let types = if kind == "mm" { &["elem", "acc"][..] } else { &["elem", "lhs", "rhs", "acc"] };
    let mut types = types.to_vec();
    if tile.m > 1 && !tile.numbered() {
        uses += &["none", "row", "lhs_packed"].map(keep).concat();
        types.push("sum");
    }
    let types: String = types.iter().map(|ty| format!("    {t}_{ty} {ty}; (void){ty};\n")).collect();
    let wide = isa.name.starts_with("avx512") || isa.name == "amx";
    let opaque = if ["dot", "f32"].contains(&kind) && !tile.scaled() && !wide {
        let (ty, zero) = if tile.m > 1 { ("sum", "none") } else { ("acc", "zero") };
        format!("    {t}_{ty} sums = {t}_{zero}(); {t}_opaque(sums);\n") // what a roof kernel uses
    } else {
        String::new()
    };
    let sizes = format!(
        "    _Static_assert({t}_N == {} && {t}_ELEM == {} && sizeof(elem) == {}, \"\");\n",
        tile.n, tile.elem, tile.elem
    );
    Source {
        symbol: format!("words_{t}"),
        header: isa.header(),
        text: format!(
            "void words_{t}(const struct bs_args *args, int32_t thread, int32_t threads) {{\n{types}    const void *volatile word;\n{uses}    (void)word;\n{opaque}{sizes}}}\n"
        ),
        work_bytes: 64,
    }
}

/// Compiling needs no CPU that could run the result, so this covers every target.
#[test]
fn every_target_compiles_every_word_and_every_tile() {
    for (name, _) in TARGETS {
        let target = Target::find(name).unwrap();
        let (builder, isa) = (Builder::new(&target, &cache()).unwrap(), std::sync::Arc::new(target.isa().unwrap()));
        let integer: Vec<&str> = ["dot", "chain", "bits", "lut", "mm"]
            .iter()
            .flat_map(|kind| isa.tiles_of(kind))
            .map(Tile::variant)
            .collect();
        let distinct: std::collections::BTreeSet<&str> = integer.iter().copied().collect();
        assert_eq!(integer.len(), distinct.len(), "{name}: a schedule tells its family by its tile's variant");
        let mut sources: Vec<Source> = isa.tiles.iter().map(|t| vocabulary(&isa, t)).collect();
        // where intrinsics are emulated in C there are no such registers, and no roofs
        if !target.compiler.flags.iter().any(|flag| flag == "-include") {
            let kinds = ["dot", "f32", "bfdot"];
            let multiply = kinds.iter().flat_map(|kind| isa.tiles_of(kind)).filter(|tile| !tile.scaled());
            sources.extend(multiply.map(|tile| roof::products(&isa, tile, 10).0));
        }
        let lab = Lab::new("x86-scalar");
        for tile in &isa.tiles {
            let kind = tile.prefix.split('_').next().unwrap();
            let op = if kind.starts_with("dw") { Op::Depthwise } else { Op::Gemm };
            let shape = match op {
                Op::Gemm => Shape::gemm(5, 37, 21).unwrap(),
                _ => Shape::conv(op, [5, 5, 37], 37, [3, 3], 1, [1; 4]).unwrap(),
            };
            let scheme = match kind {
                "f32" | "dwf" => "f32",
                "bits" => "w2a2",
                "lut" => "w4a8",
                "table" => ["w1a32", "wta32", "", "nf4", "", "", "", "kmeans5"][tile.bits - 1],
                "int" => "w8a32",
                "e4m3" => "fp8e4m3",
                "e5m2" => "fp8e5m2",
                "f16" => "f16",
                "bf16" => "bf16",
                "bfdot" => "bf16abf16",
                _ => &format!("w{}a8", if kind == "chain" { 2 } else { bits(tile) }),
            };
            let task = Task { isa: isa.clone(), ..lab.task(shape, scheme, Contract::F32io, true, 1) };
            sources.push(task.emit(&schedules(&task, tile)[0]).unwrap());
        }
        let (_, blamed) = builder.build(&sources.iter().collect::<Vec<_>>()).unwrap();
        assert!(blamed.is_empty(), "{name}: {}: {}", sources[blamed[0].0].symbol, blamed[0].1);
    }
}
