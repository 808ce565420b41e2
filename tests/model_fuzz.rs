//! Damaged models: 20,000 mutants of each format are refused or read, without a panic and within memory: twice the file
//! and 64 MB. In a program of its own, as it counts what is allocated.

use std::alloc::{GlobalAlloc, Layout, System};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use bitsmith::model::aimet::Encodings;
use bitsmith::model::program::{Numbers, Program};
use bitsmith::model::{Given, Model};
use fastrand::Rng;

struct Counting;
static NOW: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

// SAFETY: the system's allocator, with counters beside it
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = NOW.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        MOST.fetch_max(now, Ordering::Relaxed);
        // SAFETY: as the caller promises
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as the caller promises
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const MUTANTS: usize = 20_000;
const ROOM: usize = 64 << 20;
/// Mutants that can still be run are run where that takes no time.
const MOST_MACS: u64 = 20_000;

fn mutated(rng: &mut Rng, models: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = models[rng.usize(0..models.len())].clone();
    for _ in 0..rng.usize(1..6) {
        let at = rng.usize(0..bytes.len());
        match rng.u8(0..6) {
            0 => bytes[at] ^= 1 << rng.u8(0..8),
            1 => bytes[at] = rng.u8(..),
            2 => bytes.truncate(at.max(8)),
            3 => {
                let extreme = [0u32, 1, 0x7fff_ffff, 0x8000_0000, u32::MAX, 1 << 20, 1 << 30];
                let word = extreme[rng.usize(0..extreme.len())].to_le_bytes();
                bytes.iter_mut().skip(at).zip(word).for_each(|(b, w)| *b = w);
            }
            4 => {
                let piece: Vec<u8> = bytes[at..].iter().take(rng.usize(1..32)).copied().collect();
                let to = rng.usize(0..bytes.len());
                bytes.splice(to..to, piece);
            }
            _ => drop(bytes.drain(at..(at + rng.usize(1..16)).min(bytes.len()))),
        }
        if bytes.is_empty() {
            bytes.push(0);
        }
    }
    bytes
}

fn fuzz(format: &str, names: &[&str]) -> (usize, usize) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/models");
    let models: Vec<Vec<u8>> = names.iter().map(|n| std::fs::read(folder.join(n)).unwrap()).collect();
    let mut rng = Rng::with_seed(11);
    let (mut read, mut run) = (0, 0);
    for i in 0..MUTANTS {
        let bytes = mutated(&mut rng, &models);
        let length = bytes.len();
        let before = NOW.load(Ordering::Relaxed);
        MOST.store(before, Ordering::Relaxed);
        let outcome = Model::parse(bytes, format, "mutant", &folder, &Given::default());
        let taken = MOST.load(Ordering::Relaxed).saturating_sub(before);
        assert!(taken <= 2 * length + ROOM, "mutant {i} of {format}: {length} bytes took {taken}");
        let Ok(model) = outcome else { continue };
        read += 1;
        let layers = model.layers();
        let small =
            model.graph.values.iter().all(|v| v.dims.as_ref().is_none_or(|d| d.iter().product::<usize>() < 4096));
        if !small || model.macs() > MOST_MACS || layers.is_empty() {
            continue;
        }
        for how in [Numbers::Float, Numbers::AsIs] {
            let Ok(program) = Program::new(&model, how) else { continue };
            let size = model.runnable().unwrap().iter().product();
            let _ = program.run(&vec![0.5; size]);
            run += 1;
        }
    }
    (read, run)
}

/// Encodings of tensors that float.onnx has, and of some that it has not.
const ENCODINGS: &str = r#"{"version": "0.6.1", "activation_encodings": {"y": [{"bitwidth": 8, "dtype": "int", "is_symmetric": "False",
    "max": 4.0, "min": -4.0, "offset": -128, "scale": 0.03125}], "x": [{"bitwidth": 16, "offset": -32768, "scale": 0.0001}],
    "nothing": [{"bitwidth": 8, "offset": 0, "scale": 1.0}]}, "param_encodings": {"W": [{"bitwidth": 4, "offset": -8, "scale": 0.1}]}}"#;

fn damaged_encodings() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/models");
    let model = Model::read(&folder.join("float.onnx"), &Given::default()).unwrap();
    let names = |c: bool| model.graph.values.iter().filter(move |v| v.constant.is_some() == c).map(|v| v.name.as_str());
    let text = ENCODINGS.replace("\"y\"", &format!("{:?}", names(false).next_back().unwrap()));
    let layer = model.layers()[0].node;
    let text = text.replace("\"W\"", &format!("{:?}", model.graph.values[model.graph.nodes[layer].inputs[1]].name));
    let mut rng = Rng::with_seed(12);
    let (mut read, mut run) = (0, 0);
    for i in 0..MUTANTS {
        let mut bytes = mutated(&mut rng, &[text.clone().into_bytes()]);
        if i % 2 == 0 {
            // a digit for a digit keeps it readable
            bytes = text.clone().into_bytes();
            let digits: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at].is_ascii_digit()).collect();
            (0..rng.usize(1..4)).for_each(|_| bytes[digits[rng.usize(0..digits.len())]] = rng.u8(b'0'..=b'9'));
        }
        let before = NOW.load(Ordering::Relaxed);
        MOST.store(before, Ordering::Relaxed);
        let outcome = Encodings::parse(&bytes);
        let taken = MOST.load(Ordering::Relaxed).saturating_sub(before);
        assert!(taken <= 2 * bytes.len() + ROOM, "mutant {i}: {} bytes took {taken}", bytes.len());
        let Ok(encodings) = outcome else { continue };
        read += 1;
        let Ok(encoded) = model.encoded(&encodings) else { continue };
        if i % 8 == 0 {
            let size = model.runnable().unwrap().iter().product();
            let _ = Program::new(&encoded, Numbers::AsIs).unwrap().run(&vec![0.5; size]);
            run += 1;
        }
    }
    assert!(read > 5000 && run > 500, "{read} were read, {run} run");
}

#[test]
fn damaged_models_are_refused_or_read() {
    // one after the other: what is allocated is counted for all threads together
    damaged_encodings();
    for (format, names, least) in [
        ("onnx", &["float.onnx", "qdq.onnx", "qlinear.onnx", "odd.onnx"][..], 500),
        ("tflite", &["float.tflite", "int8.tflite"][..], 500),
        ("gguf", &["tiny.gguf"][..], 0),
        ("safetensors", &["tiny.safetensors"][..], 0),
    ] {
        let (read, run) = fuzz(format, names);
        assert!(read > 1000 && run >= least, "{format}: only {read} mutants were read and {run} run");
    }
}
