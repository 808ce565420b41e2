//! `bitsmith plan` against every assignment (small), a general solver (large), and by hand.

use std::time::Duration;

use bitsmith::assign::{Costs, Question, Row, front, solve};
use fastrand::Rng;
use good_lp::{Expression, ProblemVariables, Solution as _, SolverModel, constraint, variable};

const PATIENCE: Duration = Duration::from_secs(30);

/// Layers `l0`.. of so many schemes each; some tied, some without one of the schemes; costs of small integers or floats.
fn drawn(rng: &mut Rng, layers: usize, schemes: usize, columns: usize) -> Costs {
    let whole = rng.bool();
    let mut rows = Vec::new();
    for l in 0..layers {
        let tie = if rng.f64() < 0.3 { format!("t{}", rng.usize(0..2)) } else { String::new() };
        for s in 0..schemes {
            if s > 0 && tie.is_empty() && rng.f64() < 0.1 {
                continue;
            }
            let cost = |_| if whole { rng.i32(-3..20).into() } else { rng.f64() * 10.0 };
            rows.push(Row {
                layer: format!("l{l}"),
                tie: tie.clone(),
                scheme: format!("s{s}"),
                costs: (0..columns).map(cost).collect(),
            });
        }
    }
    Costs { columns: (0..columns).map(|c| format!("c{c}")).collect(), rows }
}

/// Totals of every assignment that keeps the ties.
fn every(costs: &Costs) -> Vec<Vec<f64>> {
    let mut found = vec![(Vec::<(String, String, String)>::new(), vec![0.0; costs.columns.len()])];
    for layer in costs.layers() {
        let mut next = Vec::new();
        for (chosen, totals) in &found {
            for row in costs.rows.iter().filter(|r| r.layer == layer) {
                let torn = chosen.iter().any(|(_, t, s)| !t.is_empty() && *t == row.tie && *s != row.scheme);
                if torn {
                    continue;
                }
                let mut chosen = chosen.clone();
                chosen.push((row.layer.clone(), row.tie.clone(), row.scheme.clone()));
                next.push((chosen, totals.iter().zip(&row.costs).map(|(a, b)| a + b).collect()));
            }
        }
        found = next;
    }
    found.into_iter().map(|(_, totals)| totals).collect()
}

fn within(totals: &[f64], limits: &[(usize, f64)]) -> bool {
    limits.iter().all(|(c, l)| totals[*c] <= l + 1e-9)
}

/// A limit somewhere between the least and the greatest total.
fn limit(rng: &mut Rng, all: &[Vec<f64>], column: usize) -> (usize, f64) {
    let of = || all.iter().map(|t| t[column]);
    let (low, high) = (of().fold(f64::INFINITY, f64::min), of().fold(f64::NEG_INFINITY, f64::max));
    (column, (low + (rng.f64() * 1.1 - 0.05) * (high - low)).round())
}

#[test]
fn every_assignment_of_small_tables_is_no_better() {
    let mut rng = Rng::with_seed(1);
    let (mut kept, mut impossible) = (0, 0);
    for _ in 0..600 {
        let (layers, schemes, columns) = (rng.usize(1..7), rng.usize(1..4), rng.usize(2..5));
        let costs = drawn(&mut rng, layers, schemes, columns);
        let all = every(&costs);
        let limits: Vec<_> = (1..rng.usize(1..=columns)).map(|c| limit(&mut rng, &all, c)).collect();
        let best = all.iter().filter(|t| within(t, &limits)).map(|t| t[0]).fold(f64::INFINITY, f64::min);
        let layers = costs.layers();
        match solve(&costs, &layers, &Question { minimize: 0, limits: limits.clone() }, PATIENCE) {
            Ok(s) => {
                kept += 1;
                assert!(s.optimal && within(&s.assignment.totals, &limits));
                assert!((s.objective - best).abs() < 1e-9, "{} is not {best}: {costs:?} {limits:?}", s.objective);
                assert!(s.relaxed <= best + 1e-9, "a bound above the optimum");
            }
            Err(e) => {
                impossible += 1;
                assert!(best.is_infinite(), "{e}: {best} {costs:?} {limits:?}");
            }
        }
    }
    assert!(kept > 300 && impossible > 30, "{kept} {impossible}");
}

#[test]
fn fronts_of_small_tables_are_whole() {
    let mut rng = Rng::with_seed(2);
    for _ in 0..120 {
        let layers = rng.usize(1..6);
        let costs = drawn(&mut rng, layers, 3, 2);
        let all = every(&costs);
        let beaten = |p: &[f64]| {
            all.iter().any(|q| q[0] <= p[0] + 1e-9 && q[1] <= p[1] + 1e-9 && (q[0] < p[0] - 1e-9 || q[1] < p[1] - 1e-9))
        };
        let mut expected: Vec<(f64, f64)> = all.iter().filter(|p| !beaten(p)).map(|p| (p[1], p[0])).collect();
        expected.sort_by(|a, b| a.0.total_cmp(&b.0));
        expected.dedup_by(|a, b| (a.0 - b.0).abs() < 1e-9);
        let layers = costs.layers();
        let found = front(&costs, &layers, &Question { minimize: 0, limits: vec![] }, 1, PATIENCE).unwrap();
        assert!(found.whole);
        let found: Vec<(f64, f64)> = found.points.iter().map(|p| (p.totals[1], p.totals[0])).collect();
        assert_eq!(found.len(), expected.len(), "{found:?} {expected:?}");
        assert!(found.iter().zip(&expected).all(|(a, b)| (a.0 - b.0).abs() < 1e-9 && (a.1 - b.1).abs() < 1e-9));
    }
}

/// The same problem as an integer program.
fn by_general_solver(costs: &Costs, limits: &[(usize, f64)]) -> Option<f64> {
    let mut variables = ProblemVariables::new();
    let chosen: Vec<_> = costs.rows.iter().map(|_| variables.add(variable().binary())).collect();
    let total =
        |column: usize| -> Expression { costs.rows.iter().zip(&chosen).map(|(r, v)| r.costs[column] * *v).sum() };
    let mut model = variables.minimise(total(0)).using(good_lp::microlp);
    for layer in costs.layers() {
        let one: Expression =
            costs.rows.iter().zip(&chosen).filter(|(r, _)| r.layer == layer).map(|(_, v)| Expression::from(*v)).sum();
        model = model.with(constraint!(one == 1));
    }
    for (i, a) in costs.rows.iter().enumerate().filter(|(_, r)| !r.tie.is_empty()) {
        for (b, v) in costs.rows.iter().zip(&chosen).skip(i + 1).filter(|(b, _)| b.tie == a.tie && b.scheme == a.scheme)
        {
            let _ = b;
            model = model.with(constraint!(chosen[i] - *v == 0));
        }
    }
    for (column, limit) in limits {
        model = model.with(constraint!(total(*column) <= *limit));
    }
    let solution = model.solve().ok()?;
    Some(costs.rows.iter().zip(&chosen).map(|(r, v)| r.costs[0] * solution.value(*v).round()).sum())
}

#[test]
fn a_general_solver_finds_nothing_better_in_larger_tables() {
    let mut rng = Rng::with_seed(3);
    let mut solved = 0;
    for _ in 0..25 {
        let layers = rng.usize(10..25);
        let mut costs = drawn(&mut rng, layers, 3, 3);
        costs.rows.iter_mut().for_each(|r| r.costs.iter_mut().for_each(|c| *c = c.abs()));
        let names = costs.layers();
        let least = |column: usize, pick: fn(f64, f64) -> f64| -> f64 {
            let of = |l: &&str| {
                costs.rows.iter().filter(move |r| r.layer == **l).map(|r| r.costs[column]).reduce(pick).unwrap()
            };
            names.iter().map(of).sum()
        };
        let limits: Vec<(usize, f64)> =
            [1, 2].map(|c| (c, 0.6 * least(c, f64::min) + 0.4 * least(c, f64::max))).to_vec();
        let ours = solve(&costs, &names, &Question { minimize: 0, limits: limits.clone() }, PATIENCE)
            .ok()
            .map(|s| s.objective);
        let theirs = by_general_solver(&costs, &limits);
        assert_eq!(ours.is_some(), theirs.is_some(), "{ours:?} {theirs:?}");
        if let (Some(ours), Some(theirs)) = (ours, theirs) {
            solved += 1;
            assert!((ours - theirs).abs() < 1e-6 * theirs.abs().max(1.0), "{ours} {theirs}");
        }
    }
    assert!(solved > 15);
}

#[test]
fn time_that_runs_out_leaves_a_gap_and_not_a_claim() {
    let mut rng = Rng::with_seed(4);
    let costs = drawn(&mut rng, 30, 6, 4);
    let names = costs.layers();
    let whole = solve(&costs, &names, &Question { minimize: 0, limits: vec![] }, PATIENCE).unwrap();
    let limits: Vec<_> = (1..4).map(|c| (c, whole.assignment.totals[c] * 0.8)).collect();
    let hurried = solve(&costs, &names, &Question { minimize: 0, limits }, Duration::ZERO);
    if let Ok(s) = hurried {
        assert!(!s.optimal && s.bound <= s.objective);
    }
}

#[test]
fn mistakes_in_tables_are_named() {
    let say = |text: &str| format!("{:#}", Costs::parse(text).unwrap_err());
    assert_eq!(say("layer,tie,error\n"), "has no column `scheme`; its header is layer,tie,scheme,<costs>");
    assert_eq!(say("layer,tie,scheme\n"), "has no column of costs beside layer, tie and scheme");
    assert_eq!(say("layer,scheme,e\na,x,1\na,x,2\n"), "line 3: layer `a` has scheme `x` twice; keep one");
    assert_eq!(say("layer,scheme,e\na,x,nan\n"), "line 2: field `e`: `nan` is not a finite number");
    assert!(say("layer,tie,scheme,e\na,t,x,1\na,u,y,1\n").contains("is tied to `t` and to `u`"));
    let costs = Costs::parse("layer,tie,scheme,e,size\na,t,x,1,5\nb,t,y,1,5\n").unwrap();
    let layers = costs.layers();
    let solved =
        |limits| format!("{}", solve(&costs, &layers, &Question { minimize: 0, limits }, PATIENCE).unwrap_err());
    assert_eq!(solved(vec![]), "the layers tied by `t` (a, b) have no scheme in common");
    let costs = Costs::parse("layer,scheme,e,size\na,x,1,5\na,y,2,3\n").unwrap();
    let layers = costs.layers();
    let e = solve(&costs, &layers, &Question { minimize: 0, limits: vec![(1, 2.5)] }, PATIENCE).unwrap_err();
    assert_eq!(e.to_string(), "no assignment keeps size within 2.5; the least is 3");
}
