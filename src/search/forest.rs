//! A forest of extremely randomized trees (Geurts, Ernst and Wehenkel, Machine Learning 63, 2006): a regression that needs a
//! few dozen rows, no scaling and no tuning, and whose trees disagree where they know little. Small and own: it is fitted
//! between two batches, in milliseconds, and its spread is what the search explores by.

/// Trees, and rows below which a node is a leaf.
const TREES: usize = 32;
const LEAF: usize = 3;

/// Cuts that a node chooses among.
const CUTS: usize = 10;

pub struct Forest {
    trees: Vec<Vec<Node>>,
}

enum Node {
    Leaf(f64),
    /// Feature, cut, and where the right side begins; the left side follows.
    Split(usize, f32, usize),
}

impl Forest {
    /// Learns `y` of `rows`, which have equally many features. No row: a forest that says 0 of everything.
    pub fn fit(rows: &[&[f32]], y: &[f64], seed: u64) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut all: Vec<u32> = (0..rows.len() as u32).collect();
        let grown = (0..TREES).map(|_| {
            let mut tree = Vec::new();
            grow(&mut tree, rows, y, &mut all, &mut rng);
            tree
        });
        Self { trees: grown.collect() }
    }

    /// Mean and standard deviation over the trees.
    pub fn predict(&self, row: &[f32]) -> (f64, f64) {
        let (mut sum, mut squares) = (0.0, 0.0);
        for tree in &self.trees {
            let value = leaf(tree, row);
            sum += value;
            squares += value * value;
        }
        let n = self.trees.len().max(1) as f64;
        let mean = sum / n;
        (mean, (squares / n - mean * mean).max(0.0).sqrt())
    }
}

fn leaf(tree: &[Node], row: &[f32]) -> f64 {
    let mut at = 0;
    loop {
        match &tree[at] {
            Node::Leaf(value) => return *value,
            Node::Split(feature, cut, right) => at = if row[*feature] < *cut { at + 1 } else { *right },
        }
    }
}

fn grow(tree: &mut Vec<Node>, rows: &[&[f32]], y: &[f64], of: &mut [u32], rng: &mut fastrand::Rng) {
    let mean = of.iter().map(|i| y[*i as usize]).sum::<f64>() / of.len().max(1) as f64;
    let best = if of.len() < LEAF { None } else { cut(rows, y, of, mean, rng) };
    let Some((feature, cut)) = best else {
        tree.push(Node::Leaf(mean));
        return;
    };
    let mut left = 0;
    for i in 0..of.len() {
        if rows[of[i] as usize][feature] < cut {
            of.swap(i, left);
            left += 1;
        }
    }
    let here = tree.len();
    tree.push(Node::Leaf(mean));
    let (low, high) = of.split_at_mut(left);
    grow(tree, rows, y, low, rng);
    tree[here] = Node::Split(feature, cut, tree.len());
    grow(tree, rows, y, high, rng);
}

/// Of some cuts by chance the one that leaves the least variance; none where nothing differs.
fn cut(rows: &[&[f32]], y: &[f64], of: &[u32], mean: f64, rng: &mut fastrand::Rng) -> Option<(usize, f32)> {
    let features = rows[of[0] as usize].len();
    let mut best: Option<(f64, usize, f32)> = None;
    let mut made = 0;
    for _ in 0..CUTS * 4 {
        let feature = rng.usize(..features.max(1));
        let ends = of.iter().map(|i| rows[*i as usize][feature]);
        let (low, high) = ends.fold((f32::INFINITY, f32::NEG_INFINITY), |(l, h), x| (l.min(x), h.max(x)));
        if low >= high {
            continue;
        }
        let cut = (low + rng.f32() * (high - low)).clamp(low.next_up(), high);
        let (mut left, mut sum) = (0usize, 0.0);
        for i in of.iter().filter(|i| rows[**i as usize][feature] < cut) {
            left += 1;
            sum += y[*i as usize] - mean;
        }
        let right = of.len() - left;
        let gain = sum * sum * (1.0 / left as f64 + 1.0 / right as f64);
        if best.is_none_or(|b| gain > b.0) {
            best = Some((gain, feature, cut));
        }
        made += 1;
        if made == CUTS {
            break;
        }
    }
    best.filter(|b| b.0 > 1e-12).map(|b| (b.1, b.2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forest_learns_steps_and_products_and_knows_where_it_is_unsure() {
        let mut rng = fastrand::Rng::with_seed(1);
        let rows: Vec<Vec<f32>> = (0..400).map(|_| (0..6).map(|_| rng.f32()).collect()).collect();
        let truth = |r: &[f32]| f64::from(r[0]) * f64::from(r[1]) + if r[2] > 0.5 { 1.0 } else { 0.0 };
        let y: Vec<f64> = rows.iter().map(|r| truth(r)).collect();
        let (known, unknown) = rows.split_at(300);
        let known: Vec<&[f32]> = known.iter().map(Vec::as_slice).collect();
        let forest = Forest::fit(&known, &y[..300], 7);
        let error = unknown.iter().map(|r| (forest.predict(r).0 - truth(r)).powi(2)).sum::<f64>() / 100.0;
        let variance = y.iter().map(|v| (v - 0.75).powi(2)).sum::<f64>() / 400.0;
        assert!(error < variance / 8.0, "{error} {variance}");
        assert!(forest.predict(known[0]).1 < 0.3);
        assert_eq!(Forest::fit(&[], &[], 1).predict(&[1.0]), (0.0, 0.0));
        assert_eq!(Forest::fit(&[&[1.0], &[1.0]], &[2.0, 4.0], 1).predict(&[0.0]).0, 3.0);
    }
}
