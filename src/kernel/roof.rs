//! Kernels that do nothing but keep one resource busy: what a roof is measured with. They are built, run and timed like
//! any other kernel.

use super::bitserial;
use crate::emit::{Function, Source, Stmt, do_, for_, let_, set};
use crate::native::{Isa, Tile};

/// Independent sums of a multiply roof.
const SUMS: usize = 12;

/// Scratch of a multiply roof: one operand of either side, and the sums.
const WORK: usize = 256 + SUMS * 64;

/// Calls the tile's own product `rounds` x 12 times on registers. Multiply-accumulates of one call come with it. It touches
/// nothing but its scratch, so that it can race along with kernels of any layer.
pub fn products(isa: &Isa, tile: &Tile, rounds: usize) -> (Source, u64) {
    let (t, symbol) = (&tile.prefix, format!("roof_{}", tile.prefix));
    let mut body = vec![
        do_("(void)thread, (void)threads"),
        do_("memset(args->work, 63, 256)"), // as floats 0.75: sums stay normal numbers
        let_(
            &format!("{t}_lhs"),
            "x",
            format!("{t}_lhs_load({})", vec!["(const void *)args->work"; tile.m].join(", ")),
        ),
        let_(&format!("{t}_rhs"), "b", format!("{t}_rhs_load((const void *)((const char *)args->work + 128))")),
    ];
    let (ty, zero) = if tile.m > 1 { ("sum", "none") } else { ("acc", "zero") };
    let row = |sums: String| if tile.m > 1 { format!("{t}_row({sums}, 0)") } else { sums };
    body.extend((0..SUMS).map(|i| let_(&format!("{t}_{ty}"), format!("c{i}"), format!("{t}_{zero}()"))));
    let opaque = |name: String| do_(format!("{t}_opaque({name})"));
    // a compiler must neither hoist the product out of the loop nor share it between the sums
    let product = |i| [set(format!("c{i}"), format!("{t}_dot(c{i}, x, b)")), opaque("x".into())];
    let mut round: Vec<Stmt> = (0..SUMS).flat_map(product).collect();
    round.extend((0..SUMS).map(|i| opaque(format!("c{i}")))); // and keeps every sum in its register
    body.push(for_("r", 0, rounds, 1, round));
    body.extend((0..SUMS).map(|i| {
        let (at, sums) = (256 + i * 64, row(format!("c{i}")));
        do_(format!("{t}_store((void *)((char *)args->work + {at}), {sums})"))
    }));
    (source(isa, symbol, WORK, body), (rounds * SUMS * tile.m * tile.n * tile.k) as u64)
}

/// The same of tiles that multiply matrices: 2 x 2 of them, from registers.
pub fn tiles(isa: &Isa, tile: &Tile, rounds: usize) -> (Source, u64) {
    let (t, bytes) = (&tile.prefix, tile.vector_bytes());
    let mut body = vec![
        do_("(void)thread, (void)threads"),
        do_(format!("memset(args->work, 63, {bytes})")),
        do_(format!("{t}_begin({}, 6)", tile.m)),
    ];
    body.extend((0..4).map(|c| do_(format!("{t}_tile_zero({c})"))));
    body.extend((4..6).map(|a| do_(format!("{t}_tile_lhs({a}, args->work, {})", tile.k * tile.elem))));
    body.extend((6..8).map(|b| do_(format!("{t}_tile_rhs({b}, args->work)"))));
    let round = (0..4).map(|c| do_(format!("{t}_tile_dot({c}, {}, {})", 4 + c / 2, 6 + c % 2))).collect();
    body.push(for_("r", 0, rounds, 1, round));
    body.push(do_(format!("{t}_end()")));
    (source(isa, format!("roof_{t}"), bytes, body), (rounds * 4 * tile.m * tile.n * tile.k) as u64)
}

/// The same of a tile whose sums are 16 bits wide for `length` steps, at most `rounds`.
pub fn chains(isa: &Isa, tile: &Tile, length: usize, rounds: usize) -> (Source, u64) {
    let t = &tile.prefix;
    let add = |s: &str| format!("{t}_add({s}, x, b)");
    narrow(isa, tile, (length, rounds), "raw", &add, &|c, s| format!("{t}_widen({c}, {s})"))
}

/// The same of products of single bits, signs with signs: of one plane with one plane.
pub fn bits(isa: &Isa, tile: &Tile, rounds: usize) -> (Source, u64) {
    let (t, length) = (&tile.prefix, bitserial::longest(tile).unwrap_or(rounds));
    let differ = |s: &str| format!("{t}_differ({s}, x, b)");
    narrow(isa, tile, (length, rounds), "lhs_load", &differ, &|c, s| format!("{t}_widen({c}, {s}, 0)"))
}

/// The same of sums looked up in tables of one part, for a pair of planes.
pub fn tables(isa: &Isa, tile: &Tile, length: usize, rounds: usize) -> (Source, u64) {
    let t = &tile.prefix;
    let add = |s: &str| format!("{t}_add({s}, x, b)");
    narrow(isa, tile, (length, rounds), "lhs_load", &add, &|c, s| format!("{t}_widen({c}, {s}, 0)"))
}

/// Narrow sums of `length` steps each, made and widened by these expressions.
fn narrow(
    isa: &Isa,
    tile: &Tile,
    (length, rounds): (usize, usize),
    load: &str,
    add: &dyn Fn(&str) -> String,
    widen: &dyn Fn(&str, &str) -> String,
) -> (Source, u64) {
    let length = length.min(rounds);
    let (t, symbol) = (&tile.prefix, format!("roof_{}_{length}", tile.prefix));
    let mut body = vec![
        do_("(void)thread, (void)threads"),
        do_("memset(args->work, 1, 256)"),
        let_(&format!("{t}_lhs"), "x", format!("{t}_{load}((const void *)args->work)")),
        let_(&format!("{t}_rhs"), "b", format!("{t}_rhs_load((const void *)((const char *)args->work + 128))")),
        let_(&format!("{t}_acc"), "c", format!("{t}_zero()")),
    ];
    let opaque = |name: String| do_(format!("{t}_opaque({name})"));
    let add = |i| [set(format!("s{i}"), add(&format!("s{i}"))), opaque("x".into())];
    let mut round: Vec<Stmt> =
        (0..SUMS).map(|i| let_(&format!("{t}_sum"), format!("s{i}"), format!("{t}_none()"))).collect();
    round.push(for_("j", 0, length, 1, (0..SUMS).flat_map(add).collect()));
    round.extend((0..SUMS).map(|i| set("c", widen("c", &format!("s{i}")))));
    body.push(for_("r", 0, rounds / length, 1, round));
    body.push(do_(format!("{t}_store((void *)((char *)args->work + 256), c)")));
    (source(isa, symbol, WORK, body), (rounds / length * length * SUMS * tile.n * tile.k) as u64)
}

/// Each thread reads `bytes` of its own of the weights, a multiple of 512, `rounds` times, in the widest vectors of the
/// instruction set's f32 tiles: compilers make single words of wider ones.
pub fn read(isa: &Isa, name: &str, bytes: usize, rounds: usize) -> Source {
    let wide = 4 * isa.tiles_of("f32").map(|tile| tile.n).max().unwrap_or(4).clamp(4, 16);
    let ty = format!("typedef uint64_t v8 __attribute__((vector_size({wide}), aligned(8), may_alias))");
    let mut body = vec![
        do_("(void)thread, (void)threads"),
        do_(ty),
        let_("const char *", "p", format!("(const char *)args->rhs + thread * {bytes}L")),
    ];
    body.extend((0..4).map(|i| let_("v8", format!("s{i}"), "{0}")));
    let line = (0..256 / wide).map(|i| do_(format!("s{} ^= *(const v8 *)(p + i + {})", i % 4, i * wide))).collect();
    let again = vec![for_("i", 0, bytes, 256, line), do_("__asm__ volatile(\"\" : \"+r\"(p))")];
    body.push(for_("r", 0, rounds, 1, again));
    body.push(do_("*(v8 *)((char *)args->out + 4096 * thread) = s0 ^ s1 ^ s2 ^ s3"));
    source(isa, format!("read_{name}"), 64, body)
}

/// A chain of `links` x 64 dependent additions, one cycle each: the core's clock.
pub fn chain(isa: &Isa, links: usize) -> (Source, u64) {
    let opaque = |name: &str| do_(format!("__asm__ volatile(\"\" : \"+r\"({name}))"));
    let link = (0..64).flat_map(|_| [do_("x += one"), opaque("x")]).collect();
    let body = vec![
        do_("(void)thread, (void)threads"),
        let_("uintptr_t", "x", "0, one = 1"),
        opaque("one"), // some cores add small constants without a cycle
        for_("i", 0, links, 1, link),
        do_("*(uintptr_t *)args->out = x"),
    ];
    (source(isa, "chain".into(), 64, body), links as u64 * 64)
}

fn source(isa: &Isa, symbol: String, work: usize, body: Vec<Stmt>) -> Source {
    let head = format!("void {symbol}(const struct bs_args *args, int32_t thread, int32_t threads)");
    let mut text = String::new();
    Function { head, body }.print(&mut text);
    Source { symbol, header: isa.header(), text, work_bytes: work as u64 }
}
