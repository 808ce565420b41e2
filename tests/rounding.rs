//! Roundings that look at more than one weight: against naive code written a second time, and against what they promise.

use bitsmith::layer::Shape;
use bitsmith::scheme::format::{self, Fit, Granularity};
use bitsmith::scheme::lattice::{Lattice, Matrix, Origin, Quantized};
use bitsmith::scheme::observed::Observed;
use bitsmith::scheme::{find, round};

/// A layer [n, k] and m rows of inputs that are few hidden numbers mixed, so that columns are correlated.
fn correlated(m: usize, n: usize, k: usize, seed: u64) -> (Vec<f32>, Observed) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut normal = || (0..12).map(|_| rng.f32()).sum::<f32>() - 6.0;
    let hidden = (k / 4).max(1);
    let mix: Vec<f32> = (0..hidden * k).map(|_| normal()).collect();
    let mut x = vec![];
    for _ in 0..m {
        let z: Vec<f32> = (0..hidden).map(|_| normal()).collect();
        x.extend((0..k).map(|j| z.iter().enumerate().map(|(i, z)| z * mix[i * k + j]).sum::<f32>() + 0.3 * normal()));
    }
    let weights = (0..n * k).map(|_| normal()).collect();
    (weights, Observed::of(&Shape::gemm(m, n, k).unwrap(), &[&x]))
}

fn quantize(rounding: &str, format: &str, how: &Fit, w: &[f32], observed: &Observed) -> Quantized {
    let format = format::parse(format).unwrap().0;
    round::find(rounding).unwrap().round(&Matrix::new(w, observed.k), &*format, how, Some(observed))
}

/// tr(dW H dW'), row by row of the inputs.
fn loss(w: &[f32], q: &Quantized, observed: &Observed) -> f64 {
    let (k, rows) = (observed.k, observed.rows(0));
    let mut sum = 0.0;
    for (w, v) in w.chunks_exact(k).zip(q.values.chunks_exact(k)) {
        for x in rows.chunks_exact(k) {
            let y: f64 = (0..k).map(|j| f64::from(x[j]) * (f64::from(w[j]) - f64::from(v[j]))).sum();
            sum += y * y;
        }
    }
    sum / (rows.len() / k) as f64
}

// ---- GPTQ --------------------------------------------------------------------------

type Square = Vec<Vec<f64>>;

fn inverse(a: &Square) -> Square {
    let n = a.len();
    let mut rows: Square = (0..n).map(|i| [&a[i][..], &vec![0.0; n]].concat()).collect();
    (0..n).for_each(|i| rows[i][n + i] = 1.0);
    for i in 0..n {
        let pivot = rows[i][i];
        rows[i].iter_mut().for_each(|v| *v /= pivot);
        for j in (0..n).filter(|j| *j != i) {
            let factor = rows[j][i];
            (0..2 * n).for_each(|c| rows[j][c] -= factor * rows[i][c]);
        }
    }
    rows.into_iter().map(|r| r[n..].to_vec()).collect()
}

/// U, upper triangular, with U'U = a.
fn upper_cholesky(a: &Square) -> Square {
    let n = a.len();
    let mut u = vec![vec![0.0; n]; n];
    for i in 0..n {
        for j in i..n {
            let sum: f64 = (0..i).map(|p| u[p][i] * u[p][j]).sum();
            u[i][j] = if i == j { (a[i][i] - sum).sqrt() } else { (a[i][j] - sum) / u[i][i] };
        }
    }
    u
}

/// The paper's algorithm without blocks: Cholesky of the inverse, each error pushed to all columns that are left.
fn textbook(w: &[f32], lattice: &Lattice, observed: &Observed) -> Vec<u16> {
    let (k, rows) = (observed.k, observed.rows(0));
    let product = |i: usize, j: usize| rows.chunks_exact(k).map(|x| f64::from(x[i]) * f64::from(x[j])).sum::<f64>();
    let mut h: Square = (0..k).map(|i| (0..k).map(|j| product(i, j)).collect()).collect();
    let damping = 0.01 * (0..k).map(|i| h[i][i]).sum::<f64>() / k as f64;
    let mut order: Vec<usize> = (0..k).collect();
    order.sort_by(|a, b| h[*b][*b].total_cmp(&h[*a][*a]));
    (0..k).for_each(|i| h[i][i] += damping);
    let permuted = order.iter().map(|i| order.iter().map(|j| h[*i][*j]).collect()).collect();
    let u = upper_cholesky(&inverse(&permuted));
    let mut codes = vec![0; w.len()];
    for row in 0..w.len() / k {
        let mut left: Vec<f64> = order.iter().map(|j| f64::from(w[row * k + j])).collect();
        for t in 0..k {
            let step = lattice.step(row, order[t]);
            let code = step.nearest(left[t] as f32);
            codes[row * k + order[t]] = code;
            let error = (left[t] - f64::from(step.value(code))) / u[t][t];
            (t..k).for_each(|j| left[j] -= error * u[t][j]);
        }
    }
    codes
}

#[test]
fn gptq_is_the_textbook_algorithm() {
    let group = Fit { granularity: Granularity::Group { columns: 16, sub: None }, affine: true, ..Fit::default() };
    let cases =
        [(70, 5, 40, "w4"), (30, 3, 150, "w3"), (200, 70, 33, "w2"), (64, 4, 24, "nf4"), (9, 2, 300, "fp4e2m1")];
    for (seed, (m, n, k, format)) in cases.into_iter().enumerate() {
        let (w, observed) = correlated(m, n, k, seed as u64);
        for how in [Fit::default(), group.clone()] {
            let how = Fit { affine: how.affine && format.starts_with('w'), ..how };
            let got = quantize("gptq", format, &how, &w, &observed);
            assert_eq!(got.codes, textbook(&w, &got.lattice, &observed), "{format} {m}x{n}x{k}");
        }
    }
}

#[test]
fn gptq_is_hardly_ever_worse_than_nearest_and_mostly_much_better() {
    let mut ratios = vec![];
    for seed in 0..40 {
        let (w, observed) = correlated(150, 12, 48, seed);
        for format in ["w4", "w3", "w2", "nf4"] {
            let cost = |r: &str| loss(&w, &quantize(r, format, &Fit::default(), &w, &observed), &observed);
            ratios.push(cost("gptq") / cost("nearest"));
        }
    }
    let mean = ratios.iter().sum::<f64>() / ratios.len() as f64;
    let worst = ratios.iter().copied().fold(0.0, f64::max);
    println!("gptq over nearest: mean {mean:.3}, worst {worst:.3}");
    assert!(mean < 0.5 && worst < 1.02, "{mean} {worst}");
}

/// Rows with one input each: the Gram matrix is diagonal.
fn independent(k: usize) -> Observed {
    let x: Vec<f32> = (0..k * k).map(|i| if i % (k + 1) == 0 { 1.0 + (i % 7) as f32 } else { 0.0 }).collect();
    Observed::of(&Shape::gemm(k, 1, k).unwrap(), &[&x])
}

#[test]
fn gptq_of_independent_inputs_is_nearest() {
    let (w, _) = correlated(1, 9, 40, 5);
    for format in ["w8", "w4", "w2", "nf4", "fp6e2m3", "f16"] {
        let of = |r: &str| quantize(r, format, &Fit::default(), &w, &independent(40));
        assert_eq!(of("gptq"), of("nearest"), "{format}");
    }
}

#[test]
fn gptq_of_a_wide_layer_does_not_depend_on_threads() {
    let (w, observed) = correlated(50, 3, 1100, 9);
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let fresh = observed.map(|_| ()); // without a Gram matrix yet
        pool.install(|| quantize("gptq", "w4", &Fit::default(), &w, &fresh))
    };
    assert!(on(1) == on(4) && on(2) == on(3));
    assert!(on(1) == on(3));
}

// ---- AdaRound ----------------------------------------------------------------------

#[test]
fn adaround_goes_up_or_down_and_is_not_worse_than_nearest() {
    let mut ratios = vec![];
    for seed in 0..6 {
        let (w, observed) = correlated(100, 8, 32, seed);
        for format in ["w4", "w3", "w2", "nf4"] {
            let of = |r: &str| quantize(r, format, &Fit::default(), &w, &observed);
            let (learned, nearest) = (of("adaround"), of("nearest"));
            for (i, code) in learned.codes.iter().enumerate() {
                let (a, b) = learned.lattice.step(i / 32, i % 32).neighbours(w[i]);
                assert!(*code == a || *code == b);
            }
            ratios.push(loss(&w, &learned, &observed) / loss(&w, &nearest, &observed));
        }
    }
    let mean = ratios.iter().sum::<f64>() / ratios.len() as f64;
    println!("adaround over nearest: mean {mean:.3}");
    assert!(ratios.iter().all(|r| *r < 1.01) && mean < 0.4, "{ratios:?}");
}

#[test]
fn adaround_learns_from_few_rows_at_a_time_where_inputs_are_many() {
    let (w, observed) = correlated(40, 2, 2050, 1);
    let cost = |r: &str| loss(&w, &quantize(r, "w3", &Fit::default(), &w, &observed), &observed);
    let ratio = cost("adaround") / cost("nearest");
    println!("adaround over nearest, by rows: {ratio:.3}");
    assert!(ratio < 0.6);
}

// ---- HQQ ---------------------------------------------------------------------------

#[test]
fn hqq_lowers_the_norm_that_it_minimizes() {
    let (w, observed) = correlated(4, 16, 256, 3);
    let group = Granularity::Group { columns: 32, sub: None };
    for (format, granularity) in [("w4", group), ("w2", group), ("w3", Granularity::Row), ("w4", Granularity::Tensor)] {
        let how = Fit { affine: true, granularity, ..Fit::default() };
        let norm = |q: &Quantized| w.iter().zip(&q.values).map(|(a, b)| f64::from(a - b).abs().powf(0.7)).sum::<f64>();
        let (got, plain) =
            (quantize("hqq", format, &how, &w, &observed), quantize("nearest", format, &how, &w, &observed));
        println!("hqq {format} {granularity:?}: {:.4} of the norm", norm(&got) / norm(&plain));
        assert!(norm(&got) < norm(&plain));
        assert!(matches!(got.lattice.origin, Origin::Offsets(_)));
        assert_eq!((&got.lattice.scales, &got.lattice.levels), (&plain.lattice.scales, &plain.lattice.levels));
        assert!(got.lattice.stored_bits > plain.lattice.stored_bits);
    }
    assert!(find("w4a32g32-hqq").unwrap_err().to_string().contains("only -affine weights have"));
}
