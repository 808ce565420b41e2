//! One optimum: bounds by Lagrangian relaxation, choices fixed by their reduced costs, then states that no other
//! dominates, group by group (Nemhauser and Ullmann, Management Science 15, 1969; Pisinger, EJOR 83, 1995).

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::{Assignment, Costs, Group, Question, ROOM};

/// The best assignment found, and what proves it.
#[derive(Clone, Debug)]
pub struct Solution {
    pub assignment: Assignment,
    /// Its total of the minimized cost.
    pub objective: f64,
    /// No assignment within the limits has a smaller total.
    pub bound: f64,
    /// The bound by Lagrangian relaxation alone.
    pub relaxed: f64,
    /// Is the assignment proven to be the best? Else the search ended early.
    pub optimal: bool,
    /// Partial assignments that were looked at.
    pub states: usize,
    pub seconds: f64,
}

/// States kept at once; more, and the search ends with a gap.
const MOST_STATES: usize = 2_000_000;
/// Steps of the subgradient method.
const STEPS: usize = 400;

/// The problem in the terms of the search: the objective, and a weight for every limit.
struct Problem {
    /// [group][choice]: index of the choice, objective, weights.
    groups: Vec<Vec<(usize, f64, Vec<f64>)>>,
    limits: Vec<f64>,
}

/// The assignment with the least total that keeps all limits. Ends early, with a gap, after `patience`.
/// # Errors
/// No assignment keeps the limits: names one that cannot be kept, and the least that could.
pub fn solve(costs: &Costs, layers: &[&str], question: &Question, patience: Duration) -> Result<Solution> {
    let begun = Instant::now();
    let groups = costs.groups(layers)?;
    let mut problem = Problem::of(&groups, question);
    for (j, (column, limit)) in question.limits.iter().enumerate() {
        let least: f64 = problem.groups.iter().map(|g| least(g.iter().map(|o| o.2[j]))).sum();
        if least > problem.limits[j] {
            bail!("no assignment keeps {} within {limit}; the least is {least}", costs.columns[*column]);
        }
    }
    let (multipliers, relaxed, mut incumbent) = problem.relax();
    if let Some((value, chosen)) = &incumbent {
        problem.fix(&multipliers, relaxed, *value, chosen);
    }
    let search = problem.search(&multipliers, &mut incumbent, begun + patience);
    let Some((value, chosen)) = incumbent else {
        if !search.whole {
            bail!("found no assignment within all limits in {:.1} s; loosen one", begun.elapsed().as_secs_f64());
        }
        bail!("every limit can be kept alone but no assignment keeps all; loosen one");
    };
    let assignment = Assignment::of(costs, layers, &groups, &chosen);
    Ok(Solution {
        bound: if search.whole { assignment.totals[question.minimize] } else { relaxed.min(value) },
        objective: assignment.totals[question.minimize],
        relaxed: relaxed.min(value),
        assignment,
        optimal: search.whole,
        states: search.states,
        seconds: begun.elapsed().as_secs_f64(),
    })
}

fn least(values: impl Iterator<Item = f64>) -> f64 {
    values.fold(f64::INFINITY, f64::min)
}

/// Of an assignment: its total, and the choice of every group.
type Incumbent = Option<(f64, Vec<usize>)>;

struct Search {
    whole: bool,
    states: usize,
}

#[derive(Clone)]
struct State {
    value: f64,
    weights: Vec<f64>,
    bound: f64,
    /// The state before, and the choice that led here.
    from: (usize, usize),
}

impl Problem {
    fn of(groups: &[Group], question: &Question) -> Self {
        let option = |(i, c): (usize, &super::Choice)| {
            (i, c.costs[question.minimize], question.limits.iter().map(|(column, _)| c.costs[*column]).collect())
        };
        let groups: Vec<Vec<(usize, f64, Vec<f64>)>> =
            groups.iter().map(|g| undominated(g.choices.iter().enumerate().map(option).collect())).collect();
        let limits = question.limits.iter().enumerate().map(|(j, (_, limit))| {
            let sizes: f64 = groups.iter().map(|g| g.iter().map(|o| o.2[j].abs()).fold(0.0, f64::max)).sum();
            limit + ROOM * sizes.max(limit.abs())
        });
        Self { limits: limits.collect(), groups }
    }

    /// Total and weights of some choices, given by their places in the groups.
    fn totals(&self, places: &[usize]) -> (f64, Vec<f64>) {
        let mut weights = vec![0.0; self.limits.len()];
        let mut value = 0.0;
        for (group, place) in self.groups.iter().zip(places) {
            value += group[*place].1;
            weights.iter_mut().zip(&group[*place].2).for_each(|(sum, w)| *sum += w);
        }
        (value, weights)
    }

    fn keeps(&self, weights: &[f64]) -> bool {
        weights.iter().zip(&self.limits).all(|(w, l)| w <= l)
    }

    /// Multipliers whose Lagrangian bound is the best found, that bound, and the best assignment met on the way.
    fn relax(&self) -> (Vec<f64>, f64, Incumbent) {
        let count = self.limits.len();
        let (mut at, mut best, mut bound) = (vec![0.0; count], vec![0.0; count], f64::NEG_INFINITY);
        let mut incumbent: Incumbent = None;
        let (mut share, mut idle) = (1.0, 0);
        for _ in 0..STEPS {
            let places: Vec<usize> = self.groups.iter().map(|g| place(g, &at)).collect();
            let (value, weights) = self.totals(&places);
            let excess: Vec<f64> = weights.iter().zip(&self.limits).map(|(w, l)| w - l).collect();
            let lagrangian = value + at.iter().zip(&excess).map(|(m, e)| m * e).sum::<f64>();
            if lagrangian > bound {
                (bound, best, idle) = (lagrangian, at.clone(), 0);
            } else {
                idle += 1;
                if idle > 12 {
                    (share, idle, at) = (share / 2.0, 0, best.clone());
                }
            }
            self.offer(&mut incumbent, self.repaired(places, &at));
            let norm: f64 = excess.iter().zip(&at).filter(|(e, m)| **e > 0.0 || **m > 0.0).map(|(e, _)| e * e).sum();
            if norm == 0.0 || share < 1e-9 {
                break;
            }
            let goal = incumbent.as_ref().map_or(bound + bound.abs().max(1e-9), |i| i.0);
            let step = share * (goal - lagrangian).max(1e-12 * goal.abs()) / norm;
            at.iter_mut().zip(&excess).for_each(|(m, e)| *m = (*m + step * e).max(0.0));
        }
        (best, bound, incumbent)
    }

    /// Choices brought within the limits, where that can be done by cheap exchanges; then improved while that keeps them.
    fn repaired(&self, mut places: Vec<usize>, multipliers: &[f64]) -> Option<Vec<usize>> {
        let (mut value, mut weights) = self.totals(&places);
        let over = |weights: &[f64]| -> f64 {
            weights.iter().zip(&self.limits).map(|(w, l)| ((w - l) / l.abs().max(1e-30)).max(0.0)).sum()
        };
        for _ in 0..4 * self.groups.len() {
            let excess = over(&weights);
            let mut chosen: Option<(f64, usize, usize)> = None;
            for (g, group) in self.groups.iter().enumerate() {
                let now = &group[places[g]];
                for (p, option) in group.iter().enumerate().filter(|(p, _)| *p != places[g]) {
                    let next: Vec<f64> = (0..weights.len()).map(|j| weights[j] - now.2[j] + option.2[j]).collect();
                    let (after, dearer) = (over(&next), option.1 - now.1);
                    let merit = match excess > 0.0 {
                        true if after < excess => {
                            (reduced(option, multipliers) - reduced(now, multipliers)) / (excess - after)
                        }
                        false if after == 0.0 && dearer < 0.0 => dearer,
                        _ => continue,
                    };
                    if chosen.is_none_or(|c| merit < c.0) {
                        chosen = Some((merit, g, p));
                    }
                }
            }
            let Some((_, g, p)) = chosen else { break };
            places[g] = p;
            (value, weights) = self.totals(&places);
        }
        let _ = value;
        self.keeps(&weights).then_some(places)
    }

    /// Keeps an assignment that is better.
    fn offer(&self, incumbent: &mut Incumbent, places: Option<Vec<usize>>) {
        let Some(places) = places else { return };
        let value = self.totals(&places).0;
        if incumbent.as_ref().is_none_or(|i| value < i.0) {
            *incumbent = Some((value, places.iter().zip(&self.groups).map(|(p, g)| g[*p].0).collect()));
        }
    }

    /// Removes choices that no better assignment can have: with them the bound is no less than what is known.
    fn fix(&mut self, multipliers: &[f64], bound: f64, known: f64, chosen: &[usize]) {
        for (group, chosen) in self.groups.iter_mut().zip(chosen) {
            let least = least(group.iter().map(|o| reduced(o, multipliers)));
            let room = ROOM * known.abs();
            group.retain(|o| o.0 == *chosen || bound + reduced(o, multipliers) - least < known - room);
        }
    }

    /// Looks at every partial assignment that could still become the best.
    fn search(&self, multipliers: &[f64], incumbent: &mut Incumbent, until: Instant) -> Search {
        let spread = |g: &usize| {
            let costs = || self.groups[*g].iter().map(|o| reduced(o, multipliers));
            costs().fold(0.0f64, f64::max) - least(costs())
        };
        let mut order: Vec<usize> = (0..self.groups.len()).collect();
        order.sort_by(|a, b| spread(b).total_cmp(&spread(a)));
        let count = self.limits.len();
        // what the groups from here on cost at least: reduced, and of every limit
        let mut rest = vec![(0.0, vec![0.0; count]); order.len() + 1];
        for (i, g) in order.iter().enumerate().rev() {
            let group = &self.groups[*g];
            let weights = (0..count).map(|j| rest[i + 1].1[j] + least(group.iter().map(|o| o.2[j]))).collect();
            rest[i] = (rest[i + 1].0 + least(group.iter().map(|o| reduced(o, multipliers))), weights);
        }
        let fixed: f64 = multipliers.iter().zip(&self.limits).map(|(m, l)| m * l).sum();
        let known = |incumbent: &Incumbent| incumbent.as_ref().map_or(f64::INFINITY, |i| i.0);
        let start = State { value: 0.0, weights: vec![0.0; count], bound: f64::NEG_INFINITY, from: (0, 0) };
        let mut levels: Vec<Vec<State>> = vec![vec![start]];
        let mut states = 1;
        for (i, g) in order.iter().enumerate() {
            let mut next: Vec<State> = Vec::new();
            let top = known(incumbent) - ROOM * known(incumbent).abs().min(1e300);
            for (s, state) in levels[i].iter().enumerate() {
                for (p, option) in self.groups[*g].iter().enumerate() {
                    let weights: Vec<f64> = state.weights.iter().zip(&option.2).map(|(a, b)| a + b).collect();
                    let value = state.value + option.1;
                    let priced: f64 = multipliers.iter().zip(&weights).map(|(m, w)| m * w).sum();
                    let bound = value + priced + rest[i + 1].0 - fixed;
                    let fits = (0..count).all(|j| weights[j] + rest[i + 1].1[j] <= self.limits[j]);
                    if fits && bound < top {
                        next.push(State { value, weights, bound, from: (s, p) });
                    }
                }
            }
            states += next.len();
            thin(&mut next);
            if next.len() > MOST_STATES || Instant::now() > until {
                return Search { whole: false, states };
            }
            levels.push(next);
            self.dive(&levels, &order, multipliers, incumbent);
        }
        let last = levels.last().map_or(&[][..], Vec::as_slice);
        let best = (0..last.len()).min_by(|a, b| last[*a].value.total_cmp(&last[*b].value));
        if let Some(best) = best {
            self.offer(incumbent, Some(self.path(&levels, &order, best)));
        }
        Search { whole: true, states }
    }

    /// Completes the most promising state, which may better what is known.
    fn dive(&self, levels: &[Vec<State>], order: &[usize], multipliers: &[f64], incumbent: &mut Incumbent) {
        let last = &levels[levels.len() - 1];
        let Some(best) = (0..last.len()).min_by(|a, b| last[*a].bound.total_cmp(&last[*b].bound)) else { return };
        let places = self.path(levels, order, best);
        let whole = self.groups.iter().enumerate().map(|(g, group)| {
            if order[..levels.len() - 1].contains(&g) { places[g] } else { place(group, multipliers) }
        });
        self.offer(incumbent, self.repaired(whole.collect(), multipliers));
    }

    /// The places of the choices that led to a state of the last level; 0 where none was made yet.
    fn path(&self, levels: &[Vec<State>], order: &[usize], state: usize) -> Vec<usize> {
        let mut places = vec![0; self.groups.len()];
        let mut at = state;
        for (i, level) in levels.iter().enumerate().skip(1).rev() {
            let (before, place) = level[at].from;
            places[order[i - 1]] = place;
            at = before;
        }
        places
    }
}

/// An option's objective with its weights at their prices.
fn reduced(option: &(usize, f64, Vec<f64>), multipliers: &[f64]) -> f64 {
    option.1 + multipliers.iter().zip(&option.2).map(|(m, w)| m * w).sum::<f64>()
}

/// The place of the option that costs least at these prices.
fn place(group: &[(usize, f64, Vec<f64>)], multipliers: &[f64]) -> usize {
    let cost = |p: &usize| reduced(&group[*p], multipliers);
    (0..group.len()).min_by(|a, b| cost(a).total_cmp(&cost(b))).unwrap_or(0)
}

/// Options without those that another beats or equals in everything.
fn undominated(options: Vec<(usize, f64, Vec<f64>)>) -> Vec<(usize, f64, Vec<f64>)> {
    let beats = |a: &(usize, f64, Vec<f64>), b: &(usize, f64, Vec<f64>)| {
        let no_worse = a.1 <= b.1 && a.2.iter().zip(&b.2).all(|(a, b)| a <= b);
        no_worse && ((a.1, &a.2) != (b.1, &b.2) || a.0 < b.0)
    };
    options.iter().filter(|b| !options.iter().any(|a| beats(a, b))).cloned().collect()
}

/// States without those that another beats in everything. With one limit or none in one pass over the sorted states; with
/// more each is compared with the best few hundred only, as all pairs would take longer than they save.
fn thin(states: &mut Vec<State>) {
    const COMPARED: usize = 256;
    let key = |s: &State| (s.value, s.weights.first().copied().unwrap_or(0.0));
    states.sort_by(|a, b| {
        let (a, b) = (key(a), key(b));
        a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1))
    });
    let mut kept: Vec<State> = Vec::with_capacity(states.len());
    for state in states.drain(..) {
        let beaten = |k: &State| k.weights.iter().zip(&state.weights).all(|(a, b)| a <= b);
        let one = state.weights.len() < 2;
        let dominated =
            if one { kept.last().is_some_and(beaten) } else { kept.iter().rev().take(COMPARED).any(beaten) };
        if !dominated {
            kept.push(state);
        }
    }
    *states = kept;
}
