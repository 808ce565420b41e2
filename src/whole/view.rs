//! Where values lie while a network runs: views of places in memory, and the plan of the memory between layers.

/// A stretch of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// What the network is given.
    Input,
    /// Numbers of the file, from this f32 on.
    Constant(usize),
    /// Between layers, by number.
    Arena(usize),
    /// What the network gives.
    Output,
}

/// f32 values of a tensor: the dimensions as the graph has them, and how many elements apart the indices of each lie, so that
/// another order, a part, or a repetition costs nothing until somebody wants it dense.
#[derive(Clone, Debug, PartialEq)]
pub struct View {
    pub place: Place,
    pub start: isize,
    pub dims: Vec<usize>,
    pub steps: Vec<isize>,
}

/// Steps of dense memory, last dimension innermost.
pub fn row_major(dims: &[usize]) -> Vec<isize> {
    let mut steps = vec![1isize; dims.len()];
    for i in (1..dims.len()).rev() {
        steps[i - 1] = steps[i] * dims[i] as isize;
    }
    steps
}

impl View {
    pub fn dense(place: Place, dims: &[usize]) -> Self {
        Self { place, start: 0, dims: dims.to_vec(), steps: row_major(dims) }
    }

    /// Dense, with its dimensions in another order in memory, outermost first.
    pub fn ordered(place: Place, dims: &[usize], order: &[usize]) -> Self {
        let turned: Vec<usize> = order.iter().map(|i| dims[*i]).collect();
        let mut steps = vec![1; dims.len()];
        order.iter().zip(row_major(&turned)).for_each(|(i, step)| steps[*i] = step);
        Self { place, start: 0, dims: dims.to_vec(), steps }
    }

    /// The dimensions as they lie in memory, outermost first.
    pub fn order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.dims.len()).collect();
        order.sort_by_key(|i| std::cmp::Reverse(if self.dims[*i] == 1 { isize::MAX } else { self.steps[*i].abs() }));
        order
    }

    pub fn len(&self) -> usize {
        self.dims.iter().product()
    }

    /// Are its elements dense and in this order of steps? Dimensions of 1 have any step.
    pub fn lies_as(&self, steps: &[isize]) -> bool {
        self.dims.iter().zip(&self.steps).zip(steps).all(|((d, a), b)| *d == 1 || a == b)
    }

    pub fn transposed(&self, perm: &[usize]) -> Self {
        let pick = |i: &usize| (self.dims[*i], self.steps[*i]);
        let (dims, steps) = perm.iter().map(pick).unzip();
        Self { dims, steps, ..self.clone() }
    }

    /// Every `step`-th from `start` on, so many, of each dimension.
    pub fn part(&self, parts: &[(isize, isize)], dims: &[usize]) -> Self {
        let start = self.start + parts.iter().zip(&self.steps).map(|((from, _), step)| from * step).sum::<isize>();
        let steps = parts.iter().zip(&self.steps).map(|((_, by), step)| by * step).collect();
        Self { place: self.place, start, dims: dims.to_vec(), steps }
    }

    /// Repeated along dimensions of 1, and along new ones in front.
    pub fn broadcast(&self, dims: &[usize]) -> Self {
        let new = dims.len() - self.dims.len();
        let own = self.dims.iter().zip(&self.steps).map(|(d, step)| if *d == 1 { 0 } else { *step });
        Self { dims: dims.to_vec(), steps: std::iter::repeat_n(0, new).chain(own).collect(), ..self.clone() }
    }
}

/// A loop over one dimension of an operation's result: how often, and what each operand moves by.
#[derive(Clone, Debug, PartialEq)]
pub struct Turn {
    pub times: usize,
    pub steps: Vec<isize>,
}

/// The loops over `dims` in an order, outermost first: those of one turn are left out, and two that every operand walks as if
/// they were one become one.
pub fn turns(dims: &[usize], order: &[usize], operands: &[&[isize]]) -> Vec<Turn> {
    let mut all: Vec<Turn> = Vec::new();
    for i in order.iter().filter(|i| dims[**i] != 1) {
        let next = Turn { times: dims[*i], steps: operands.iter().map(|steps| steps[*i]).collect() };
        let joins = |outer: &Turn| {
            outer.steps.iter().zip(&next.steps).all(|(outer, inner)| *outer == inner * next.times as isize)
        };
        match all.last_mut() {
            Some(outer) if joins(outer) => *outer = Turn { times: outer.times * next.times, steps: next.steps },
            _ => all.push(next),
        }
    }
    all
}

/// When a piece of memory is in use: from the step that writes it to the last one that reads it, and its bytes.
#[derive(Clone, Copy, Debug)]
pub struct Life {
    pub from: usize,
    pub to: usize,
    pub bytes: usize,
}

/// Offsets at which no two pieces that are in use at the same time overlap, and the size of it all. Largest first, each at the
/// lowest place that is free for its whole life.
pub fn place_all(lives: &[Life], align: usize) -> (Vec<usize>, usize) {
    let mut order: Vec<usize> = (0..lives.len()).collect();
    order.sort_by_key(|i| std::cmp::Reverse(lives[*i].bytes));
    let mut offsets = vec![0usize; lives.len()];
    let mut placed: Vec<usize> = Vec::new();
    let mut end = 0;
    for i in order {
        let life = lives[i];
        let mut busy: Vec<(usize, usize)> = placed
            .iter()
            .filter(|p| lives[**p].from <= life.to && life.from <= lives[**p].to)
            .map(|p| (offsets[*p], offsets[*p] + lives[*p].bytes))
            .collect();
        busy.sort_unstable();
        let mut at = 0usize;
        for (from, to) in busy {
            if at + life.bytes <= from {
                break;
            }
            at = at.max(to.next_multiple_of(align));
        }
        offsets[i] = at;
        end = end.max((at + life.bytes).next_multiple_of(align));
        placed.push(i);
    }
    (offsets, end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_alive_together_never_overlaps() {
        let mut rng = fastrand::Rng::with_seed(7);
        for _ in 0..500 {
            let life = |_| {
                let from = rng.usize(0..20);
                Life { from, to: from + rng.usize(0..6), bytes: rng.usize(1..500) }
            };
            let lives: Vec<Life> = (0..12).map(life).collect();
            let (offsets, end) = place_all(&lives, 64);
            for i in 0..lives.len() {
                assert!(offsets[i] % 64 == 0 && offsets[i] + lives[i].bytes <= end);
                for j in 0..i {
                    let together = lives[i].from <= lives[j].to && lives[j].from <= lives[i].to;
                    let apart = offsets[i] + lives[i].bytes <= offsets[j] || offsets[j] + lives[j].bytes <= offsets[i];
                    assert!(!together || apart, "{lives:?} {offsets:?}");
                }
            }
        }
        // a chain needs two buffers and no more
        let chain: Vec<Life> = (0..10).map(|i| Life { from: i, to: i + 1, bytes: 64 }).collect();
        assert_eq!(place_all(&chain, 64).1, 128);
    }

    #[test]
    fn loops_that_all_operands_walk_alike_are_one() {
        let dims = [2, 3, 4];
        let dense = row_major(&dims);
        assert_eq!(turns(&dims, &[0, 1, 2], &[&dense, &dense]), [Turn { times: 24, steps: vec![1, 1] }]);
        let turned = View::ordered(Place::Input, &dims, &[0, 2, 1]);
        assert_eq!(turns(&dims, &[0, 1, 2], &[&dense, &turned.steps]).len(), 2 + 1);
        assert_eq!(turned.order(), [0, 2, 1]);
    }
}
