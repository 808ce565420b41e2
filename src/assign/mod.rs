//! Which scheme should each layer have, so that a sum is least while other sums stay within limits: a multiple-choice
//! knapsack, solved exactly. It knows no layers, schemes or devices: only a table of costs.

mod front;
mod solve;

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail, ensure};

pub use front::{Front, front};
pub use solve::{Solution, solve};

/// Costs of the choices of each layer; every cost is a finite number, and they add up over the layers.
#[derive(Clone, Debug, PartialEq)]
pub struct Costs {
    /// Names of the costs.
    pub columns: Vec<String>,
    pub rows: Vec<Row>,
}

/// What a layer costs under a scheme.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub layer: String,
    /// Layers of the same non-empty tie have the same scheme.
    pub tie: String,
    pub scheme: String,
    pub costs: Vec<f64>,
}

impl Costs {
    /// Reads `layer,tie,scheme,<cost columns>`; the column `tie` may be missing.
    /// # Errors
    /// One line with the file, its line and the remedy.
    pub fn read(path: &Path) -> Result<Self> {
        let text = crate::input::read_text(path)?;
        Self::parse(&text).with_context(|| path.display().to_string())
    }

    /// # Errors
    /// As [`Costs::read`].
    pub fn parse(text: &str) -> Result<Self> {
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
        let header = reader.headers().context("has no header")?.clone();
        let at = |name: &str| header.iter().position(|h| h == name);
        let must = |name: &str| {
            at(name).ok_or_else(|| anyhow!("has no column `{name}`; its header is layer,tie,scheme,<costs>"))
        };
        let (layer, scheme, tie) = (must("layer")?, must("scheme")?, at("tie"));
        let costs: Vec<usize> =
            (0..header.len()).filter(|i| ![Some(layer), Some(scheme), tie].contains(&Some(*i))).collect();
        ensure!(!costs.is_empty(), "has no column of costs beside layer, tie and scheme");
        let columns: Vec<String> = costs.iter().map(|i| header[*i].to_string()).collect();
        if let Some(twice) = columns.iter().enumerate().find(|(i, c)| columns[..*i].contains(c)) {
            bail!("has two columns `{}`; give each cost a name of its own", twice.1);
        }
        let mut rows: Vec<Row> = Vec::new();
        for record in reader.records() {
            let record = record.map_err(|e| anyhow!("{}", e.to_string().replace("CSV error: ", "")))?;
            let line = record.position().map_or(0, csv::Position::line);
            let cost = |i: &usize| {
                let value = record[*i].parse::<f64>().ok().filter(|v| v.is_finite());
                value.ok_or_else(|| {
                    anyhow!("line {line}: field `{}`: `{}` is not a finite number", &header[*i], &record[*i])
                })
            };
            let row = Row {
                layer: record[layer].into(),
                tie: tie.map_or("", |i| &record[i]).into(),
                scheme: record[scheme].into(),
                costs: costs.iter().map(cost).collect::<Result<_>>()?,
            };
            ensure!(!row.layer.is_empty() && !row.scheme.is_empty(), "line {line}: names no layer, or no scheme");
            if rows.iter().any(|r| (&r.layer, &r.scheme) == (&row.layer, &row.scheme)) {
                bail!("line {line}: layer `{}` has scheme `{}` twice; keep one", row.layer, row.scheme);
            }
            if let Some(other) = rows.iter().find(|r| r.layer == row.layer && r.tie != row.tie) {
                bail!(
                    "line {line}: field `tie`: layer `{}` is tied to `{}` and to `{}`",
                    row.layer,
                    other.tie,
                    row.tie
                );
            }
            rows.push(row);
        }
        ensure!(!rows.is_empty(), "has no rows");
        Ok(Self { columns, rows })
    }

    /// The index of a cost.
    /// # Errors
    /// There is none of this name.
    pub fn column(&self, name: &str) -> Result<usize> {
        let found = self.columns.iter().position(|c| c == name);
        found.ok_or_else(|| anyhow!("there is no cost `{name}`; choose one of {}", self.columns.join(", ")))
    }

    /// Removes a choice, of one layer or (`*`) of all.
    /// # Errors
    /// There is no such choice.
    pub fn exclude(&mut self, layer: &str, scheme: &str) -> Result<()> {
        let before = self.rows.len();
        self.rows.retain(|r| !((layer == "*" || r.layer == layer) && r.scheme == scheme));
        ensure!(self.rows.len() < before, "no layer `{layer}` has a scheme `{scheme}`");
        Ok(())
    }

    /// Layers, in the order in which they are first named.
    pub fn layers(&self) -> Vec<&str> {
        let mut layers: Vec<&str> = Vec::new();
        self.rows.iter().for_each(|r| {
            if !layers.contains(&r.layer.as_str()) {
                layers.push(&r.layer)
            }
        });
        layers
    }

    /// The groups that choose as one, each with its choices: what a scheme costs all of its layers. `of` are the layers
    /// that there must be.
    fn groups(&self, of: &[&str]) -> Result<Vec<Group>> {
        let mut members: Vec<(String, Vec<&str>)> = Vec::new();
        for layer in of {
            let rows = || self.rows.iter().filter(|r| r.layer == *layer);
            let tie = &rows().next().with_context(|| format!("nothing is left to choose for layer `{layer}`"))?.tie;
            match members.iter_mut().find(|(t, _)| t == tie && !tie.is_empty()) {
                Some((_, layers)) => layers.push(layer),
                None => members.push((tie.clone(), vec![layer])),
            }
        }
        members.into_iter().map(|(tie, layers)| self.group(&tie, &layers)).collect()
    }

    fn group(&self, tie: &str, layers: &[&str]) -> Result<Group> {
        let mut sums: BTreeMap<&str, (usize, Vec<f64>)> = BTreeMap::new();
        let mut order: Vec<&str> = Vec::new();
        for row in self.rows.iter().filter(|r| layers.contains(&r.layer.as_str())) {
            let (count, costs) = sums.entry(&row.scheme).or_insert_with(|| (0, vec![0.0; self.columns.len()]));
            *count += 1;
            costs.iter_mut().zip(&row.costs).for_each(|(sum, c)| *sum += c);
            if !order.contains(&row.scheme.as_str()) {
                order.push(&row.scheme);
            }
        }
        let all = order.into_iter().filter(|s| sums[s].0 == layers.len());
        let choices: Vec<Choice> = all.map(|s| Choice { scheme: s.into(), costs: sums[s].1.clone() }).collect();
        ensure!(!choices.is_empty(), "the layers tied by `{tie}` ({}) have no scheme in common", layers.join(", "));
        Ok(Group { layers: layers.iter().map(ToString::to_string).collect(), choices })
    }
}

/// Layers that have the same scheme.
#[derive(Clone, Debug)]
struct Group {
    layers: Vec<String>,
    choices: Vec<Choice>,
}

#[derive(Clone, Debug)]
struct Choice {
    scheme: String,
    costs: Vec<f64>,
}

/// What is asked: the cost to minimize, and the greatest that others may come to.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    pub minimize: usize,
    /// (cost, greatest total)
    pub limits: Vec<(usize, f64)>,
}

/// One scheme for each layer, and what it all costs.
#[derive(Clone, Debug, PartialEq)]
pub struct Assignment {
    /// (layer, scheme), in the order of [`Costs::layers`].
    pub schemes: Vec<(String, String)>,
    /// Of every column.
    pub totals: Vec<f64>,
}

impl Assignment {
    /// `chosen` is the index of each group's choice. Totals are added up anew, layer by layer.
    fn of(costs: &Costs, layers: &[&str], groups: &[Group], chosen: &[usize]) -> Self {
        let scheme_of = |layer: &str| {
            let at = groups.iter().position(|g| g.layers.iter().any(|l| l == layer));
            at.map_or(String::new(), |g| groups[g].choices[chosen[g]].scheme.clone())
        };
        Self::priced(costs, layers.iter().map(|l| (l.to_string(), scheme_of(l))).collect())
    }

    /// A scheme for each layer, at the costs of a table.
    pub fn priced(costs: &Costs, schemes: Vec<(String, String)>) -> Self {
        let mut totals = vec![0.0; costs.columns.len()];
        for (layer, scheme) in &schemes {
            let row = costs.rows.iter().find(|r| (&r.layer, &r.scheme) == (layer, scheme));
            row.iter().for_each(|r| totals.iter_mut().zip(&r.costs).for_each(|(sum, c)| *sum += c));
        }
        Self { schemes, totals }
    }
}

/// How far a sum of floats may be off: limits and bounds are compared with this much room, relative to the sizes summed.
const ROOM: f64 = 1e-12;
