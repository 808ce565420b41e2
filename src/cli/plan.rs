//! `bitsmith plan`

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::json;

use super::print;
use crate::assign::{Assignment, Costs, Front, Question, Solution, front, solve};

#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// CSV: layer,tie,scheme, then costs that add up over the layers
    #[arg(value_name = "COSTS.csv")]
    costs: PathBuf,
    /// The cost whose total should be least
    #[arg(long, value_name = "COST")]
    minimize: String,
    /// The most that another cost may come to; again for more
    #[arg(long = "limit", value_name = "COST=N")]
    limits: Vec<Pair>,
    /// A choice that is not to be had, of one layer or of all (`*=w4a4`); again for more
    #[arg(long = "exclude", value_name = "LAYER=SCHEME")]
    excludes: Vec<Pair>,
    /// Every assignment that no other beats in both the minimized cost and this one
    #[arg(long, value_name = "COST")]
    front: Option<String>,
    /// Seconds after which the best so far is given, with its gap
    #[arg(long, value_name = "SECONDS", default_value_t = 60.0)]
    patience: f64,
    /// One JSON document on stdout
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Layers with the same non-empty `tie` have the same scheme.

Examples:
  bitsmith plan costs.csv --minimize error --limit latency=4.25
  bitsmith plan costs.csv --minimize error --limit latency=4.25 --limit size=9.5 --exclude 'x0=w4a4'
  bitsmith plan costs.csv --minimize error --front size --json";

/// `NAME=VALUE`.
#[derive(Clone, Debug)]
struct Pair(String, String);

impl FromStr for Pair {
    type Err = String;
    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let (name, value) = text.rsplit_once('=').ok_or("expected NAME=VALUE")?;
        Ok(Self(name.trim().into(), value.trim().into()))
    }
}

pub fn run(args: &Args) -> Result<()> {
    let mut costs = Costs::read(&args.costs)?;
    let all = costs.clone();
    let layers = all.layers();
    args.excludes.iter().try_for_each(|Pair(layer, scheme)| costs.exclude(layer, scheme))?;
    let limit = |Pair(name, value): &Pair| {
        let number = value.parse::<f64>().ok().filter(|v| v.is_finite());
        ensure!(number.is_some(), "--limit {name}={value}: `{value}` is not a number");
        Ok((costs.column(name)?, number.unwrap_or_default()))
    };
    let limits = args.limits.iter().map(limit).collect::<Result<_>>()?;
    ensure!(args.patience > 0.0 && args.patience < 1e9, "--patience must be more than 0 seconds");
    let patience = Duration::from_secs_f64(args.patience);
    let question = Question { minimize: costs.column(&args.minimize)?, limits };
    if let Some(against) = &args.front {
        let against = costs.column(against)?;
        let front = front(&costs, &layers, &question, against, patience)?;
        return print(&if args.json {
            front_document(&costs, &front)?
        } else {
            front_table(&costs, &front, question.minimize, against)
        });
    }
    let solution = solve(&costs, &layers, &question, patience)?;
    print(&if args.json { document(&costs, &question, &solution)? } else { table(&costs, &question, &solution) })
}

/// The scheme of each layer, totals and limits, and how sure it is that there is nothing better.
pub fn table(costs: &Costs, question: &Question, solution: &Solution) -> String {
    let names = |i: usize| costs.columns[i].as_str();
    let wide = solution.assignment.schemes.iter().map(|(l, _)| l.len()).max().unwrap_or(0).max(7) + 2;
    let header: String = costs.columns.iter().map(|c| format!("{c:>14}")).collect();
    let mut text = format!("{:<wide$}{:<18}{header}\n", "layer", "scheme");
    let numbers = |values: &[f64]| values.iter().map(|v| format!("{:>14}", figure(*v))).collect::<String>();
    for (layer, scheme) in &solution.assignment.schemes {
        let row = costs.rows.iter().find(|r| (&r.layer, &r.scheme) == (layer, scheme));
        let values = row.map(|r| numbers(&r.costs)).unwrap_or_default();
        text += &format!("{layer:<wide$}{scheme:<18}{values}\n");
    }
    text += &format!("{:<wide$}{:<18}{}\n\n", "total", "", numbers(&solution.assignment.totals));
    for (column, limit) in &question.limits {
        let total = solution.assignment.totals[*column];
        text += &format!(
            "{} {} of {limit}: {} to spare\n",
            names(*column),
            figure(total),
            figure((limit - total).max(0.0))
        );
    }
    text + &proof(names(question.minimize), solution)
}

/// One line: proven, or how far off it may be.
pub fn proof(minimized: &str, s: &Solution) -> String {
    let (states, ms) = (s.states, s.seconds * 1e3);
    if s.optimal {
        return format!(
            "optimal: no assignment within the limits has less {minimized} (bound by relaxation {}; the rest ruled out by {states} partial assignments in {ms:.2} ms)\n",
            figure(s.relaxed)
        );
    }
    let gap = gap(s);
    format!(
        "not proven: no assignment has less {minimized} than {}, a gap of {:.3} % ({states} partial assignments in {ms:.0} ms; give more --patience)\n",
        figure(s.bound),
        gap * 100.0
    )
}

/// How much better an assignment could be at most, as a share of the best known.
fn gap(s: &Solution) -> f64 {
    (s.objective - s.bound).max(0.0) / s.objective.abs().max(f64::MIN_POSITIVE)
}

/// Six significant digits.
pub fn figure(v: f64) -> String {
    if v == 0.0 {
        return "0".into();
    }
    let digits = (5 - v.abs().log10().floor() as i32).clamp(0, 12) as usize;
    let text = format!("{v:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').into() } else { text }
}

fn chosen(costs: &Costs, a: &Assignment) -> (serde_json::Value, serde_json::Value) {
    let schemes: serde_json::Map<_, _> = a.schemes.iter().map(|(l, s)| (l.clone(), json!(s))).collect();
    let totals: serde_json::Map<_, _> = costs.columns.iter().cloned().zip(a.totals.iter().map(|t| json!(t))).collect();
    (schemes.into(), totals.into())
}

fn document(costs: &Costs, question: &Question, s: &Solution) -> Result<String> {
    let (schemes, totals) = chosen(costs, &s.assignment);
    let limits: serde_json::Map<_, _> =
        question.limits.iter().map(|(c, l)| (costs.columns[*c].clone(), json!(l))).collect();
    let document = json!({
        "minimize": costs.columns[question.minimize], "limits": limits, "schemes": schemes, "totals": totals,
        "optimal": s.optimal, "bound": s.bound, "relaxed_bound": s.relaxed, "gap": gap(s), "states": s.states,
        "seconds": s.seconds,
    });
    Ok(format!("{}\n", serde_json::to_string_pretty(&document)?))
}

fn front_document(costs: &Costs, front: &Front) -> Result<String> {
    let points: Vec<_> = front
        .points
        .iter()
        .map(|p| {
            let (schemes, totals) = chosen(costs, p);
            json!({ "schemes": schemes, "totals": totals })
        })
        .collect();
    let document = json!({ "front": points, "whole": front.whole, "seconds": front.seconds });
    Ok(format!("{}\n", serde_json::to_string_pretty(&document)?))
}

fn front_table(costs: &Costs, front: &Front, minimized: usize, against: usize) -> String {
    let mut text = format!("{:>14}{:>14}  schemes (layers)\n", costs.columns[against], costs.columns[minimized]);
    for point in &front.points {
        let mut counts: Vec<(&str, usize)> = Vec::new();
        for (_, scheme) in &point.schemes {
            match counts.iter_mut().find(|(s, _)| s == scheme) {
                Some((_, n)) => *n += 1,
                None => counts.push((scheme, 1)),
            }
        }
        let mix: Vec<String> = counts.iter().map(|(s, n)| format!("{s} ({n})")).collect();
        let (a, b) = (figure(point.totals[against]), figure(point.totals[minimized]));
        text += &format!("{a:>14}{b:>14}  {}\n", mix.join(", "));
    }
    let end = if front.whole {
        "the whole front: no other assignment is on it"
    } else {
        "the front as far as the time went, from its dear end"
    };
    text + &format!("{} points, {end} ({:.0} ms)\n", front.points.len(), front.seconds * 1e3)
}
