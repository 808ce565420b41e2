//! The legal schedules of a task as a decision diagram: what may be chosen at each axis, given the choices before it. What
//! is the same after different choices is there once, so a space is counted, drawn from and walked without a list of its
//! points.

use std::collections::HashMap;

use super::{Knob, Schedule};

/// One axis: its name, and its choices given those already made.
pub type Axis<'a> = (&'static str, Box<dyn Fn(&Schedule) -> Vec<Knob> + 'a>);

/// The legal schedules of a task. A point's index is its place in the order of the choices; every point has one knob per
/// axis of its family.
#[derive(Clone, Debug)]
pub struct Space {
    /// The first is the end of every schedule.
    nodes: Vec<Node>,
    root: usize,
}

/// One choice to make.
#[derive(Clone, Debug, Default)]
struct Node {
    options: Vec<Option_>,
    /// Schedules from here on.
    count: usize,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Option_ {
    knob: Knob,
    next: usize,
    /// Schedules from here on by way of the options before this one.
    before: usize,
}

/// Nodes under construction; equal ones are one.
struct Builder {
    nodes: Vec<Node>,
    known: HashMap<Vec<(Knob, usize)>, usize>,
}

const END: usize = 0;

impl Builder {
    fn new() -> Self {
        Self { nodes: vec![Node { options: vec![], count: 1 }], known: HashMap::new() }
    }

    /// The node with these options; none of a choice without any.
    fn node(&mut self, options: Vec<(Knob, usize)>) -> Option<usize> {
        if options.is_empty() {
            return None;
        }
        if let Some(node) = self.known.get(&options) {
            return Some(*node);
        }
        let mut count = 0;
        let mut option = |(knob, next): &(Knob, usize)| {
            let before = count;
            count += self.nodes[*next].count;
            Option_ { knob: knob.clone(), next: *next, before }
        };
        let all = options.iter().map(&mut option).collect();
        self.nodes.push(Node { options: all, count });
        self.known.insert(options, self.nodes.len() - 1);
        Some(self.nodes.len() - 1)
    }

    fn product(&mut self, axes: &[Axis], chosen: &mut Schedule) -> Option<usize> {
        let Some(((_, choices), rest)) = axes.split_first() else { return Some(END) };
        let mut options = Vec::new();
        for knob in choices(chosen) {
            chosen.0.push(knob.clone());
            options.extend(self.product(rest, chosen).map(|next| (knob, next)));
            chosen.0.pop();
        }
        self.node(options)
    }

    /// Of schedules that agree in their first `depth` knobs.
    fn listed(&mut self, points: &[&Schedule], depth: usize) -> Option<usize> {
        let mut groups: Vec<(&Knob, Vec<&Schedule>)> = Vec::new();
        let mut places: HashMap<&Knob, usize> = HashMap::new();
        for point in points {
            let Some(knob) = point.0.get(depth) else { return Some(END) };
            let place = *places.entry(knob).or_insert(groups.len());
            if place == groups.len() {
                groups.push((knob, vec![]));
            }
            groups[place].1.push(point);
        }
        let each = groups.into_iter().filter_map(|(k, of)| Some((k.clone(), self.listed(&of, depth + 1)?)));
        let options = each.collect();
        self.node(options)
    }

    fn finish(self, root: Option<usize>) -> Space {
        let mut nodes = self.nodes;
        let root = root.unwrap_or_else(|| {
            nodes.push(Node::default()); // no schedule at all
            nodes.len() - 1
        });
        Space { nodes, root }
    }
}

impl Space {
    /// All combinations; only legal ones are ever built, because each axis sees the choices before it.
    pub fn product(axes: &[Axis]) -> Self {
        Self::families([axes])
    }

    /// The spaces of several families, which differ in their first knob.
    pub fn families<'a, 'b: 'a>(families: impl IntoIterator<Item = &'a [Axis<'b>]>) -> Self {
        let mut builder = Builder::new();
        let mut roots = Vec::new();
        for axes in families {
            if let Some(root) = builder.product(axes, &mut Schedule::default()) {
                roots.extend(builder.nodes[root].options.iter().map(|o| (o.knob.clone(), o.next)));
            }
        }
        let root = builder.node(roots);
        builder.finish(root)
    }

    /// Just these schedules.
    pub fn of<'a>(points: impl IntoIterator<Item = &'a Schedule>) -> Self {
        let mut builder = Builder::new();
        let points: Vec<&Schedule> = points.into_iter().collect();
        let root = builder.listed(&points, 0).filter(|_| !points.is_empty());
        builder.finish(root)
    }

    /// How many points there are.
    pub fn len(&self) -> usize {
        self.nodes[self.root].count
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The point at an index below [`Space::len`].
    pub fn at(&self, index: usize) -> Schedule {
        let (mut node, mut left, mut knobs) = (self.root, index, Vec::new());
        while let Some(option) = self.nodes[node].options.iter().rfind(|o| o.before <= left) {
            left -= option.before;
            knobs.push(option.knob.clone());
            node = option.next;
        }
        Schedule(knobs)
    }

    /// The index of a schedule; none if it is not legal here.
    pub fn index(&self, schedule: &Schedule) -> Option<usize> {
        let (mut node, mut index) = (self.root, 0);
        for knob in &schedule.0 {
            let option = self.nodes[node].options.iter().find(|o| o.knob == *knob)?;
            index += option.before;
            node = option.next;
        }
        (node == END).then_some(index)
    }

    /// Every point, one by one.
    pub fn iter(&self) -> impl Iterator<Item = Schedule> + '_ {
        (0..self.len()).map(|i| self.at(i))
    }

    /// Every point at once: for spaces that are known to be small.
    pub fn points(&self) -> Vec<Schedule> {
        self.iter().collect()
    }

    /// The first choices, each with the indices of its points: those of the tiles.
    pub fn tiles(&self) -> Vec<(&Knob, std::ops::Range<usize>)> {
        let root = &self.nodes[self.root].options;
        root.iter().map(|o| (&o.knob, o.before..o.before + self.nodes[o.next].count)).collect()
    }

    /// The legal point that is most like these knobs: of each axis the same choice where there is one, else the one that is
    /// nearest in size.
    /// # Panics
    /// On an empty space.
    pub fn nearest(&self, knobs: &[Knob]) -> usize {
        let (mut node, mut index) = (self.root, 0);
        while node != END {
            let options = &self.nodes[node].options;
            let far = |o: &&Option_| knobs.iter().map(|k| distance(k, &o.knob)).fold(f64::INFINITY, f64::min);
            let option = options.iter().min_by(|a, b| far(a).total_cmp(&far(b))).expect("an axis has a choice");
            index += option.before;
            node = option.next;
        }
        index
    }

    /// Points that differ from this one in one choice, and in what that choice makes impossible.
    pub fn neighbours(&self, index: usize) -> Vec<usize> {
        let point = self.at(index);
        let (mut node, mut all) = (self.root, Vec::new());
        for (axis, chosen) in point.0.iter().enumerate() {
            for option in self.nodes[node].options.iter().filter(|o| o.knob != *chosen) {
                let mut knobs = point.0.clone();
                knobs[axis] = option.knob.clone();
                all.push(self.nearest(&knobs));
            }
            let same = self.nodes[node].options.iter().find(|o| o.knob == *chosen);
            node = same.map_or(END, |o| o.next);
        }
        all.sort_unstable();
        all.dedup();
        all.retain(|i| *i != index);
        all
    }
}

/// How unlike two choices are: 0 of the same, infinite of different words.
fn distance(a: &Knob, b: &Knob) -> f64 {
    if a.word != b.word {
        return f64::INFINITY;
    }
    let far = |(a, b): (&usize, &usize)| match (a, b) {
        _ if a == b => 0.0,
        (0, _) | (_, 0) => 8.0, // all of something, or none of it
        (a, b) => (*a as f64 / *b as f64).ln().abs(),
    };
    a.sizes.iter().zip(&b.sizes).map(far).sum::<f64>() + (a.sizes.len().abs_diff(b.sizes.len())) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two() -> Space {
        Space::product(&[
            ("a", Box::new(|_| vec![Knob::word("x"), Knob::word("y")])),
            ("b", Box::new(|s| (1..=if s.has("x") { 1 } else { 3 }).map(|i| Knob::sizes("b", &[i])).collect())),
            (
                "c",
                Box::new(|s| {
                    if s.has("x") { vec![Knob::word("raw")] } else { vec![Knob::word("raw"), Knob::word("staged")] }
                }),
            ),
        ])
    }

    #[test]
    fn spaces_are_counted_walked_and_looked_up() {
        let space = two();
        let names: Vec<String> = space.iter().map(|s| s.to_string()).collect();
        assert_eq!(
            names,
            ["x.b1.raw", "y.b1.raw", "y.b1.staged", "y.b2.raw", "y.b2.staged", "y.b3.raw", "y.b3.staged"]
        );
        assert_eq!(space.len(), 7);
        (0..7).for_each(|i| assert_eq!(space.index(&space.at(i)), Some(i)));
        assert_eq!(space.index(&"x.b2.raw".parse().unwrap()), None);
        assert_eq!(space.index(&"x.b1".parse().unwrap()), None);
        assert_eq!(space.tiles().iter().map(|t| t.1.clone()).collect::<Vec<_>>(), [0..1, 1..7]);
        let listed = Space::of(&space.points());
        assert_eq!(listed.points(), space.points());
        assert!(Space::of(&[]).is_empty());
        assert!(Space::product(&[("none", Box::new(|_| vec![]))]).is_empty());
    }

    #[test]
    fn what_is_the_same_is_there_once() {
        let axis = |name: &'static str| -> Axis {
            (name, Box::new(move |_| (0..10).map(|i| Knob::sizes(name, &[i])).collect()))
        };
        let space = Space::product(&["a", "b", "c", "d"].map(axis));
        assert_eq!((space.len(), space.nodes.len()), (10_000, 5));
    }

    #[test]
    fn neighbours_are_mended_where_one_choice_forbids_another() {
        let space = two();
        let near = |name: &str| -> Vec<String> {
            let at = space.index(&name.parse().unwrap()).unwrap();
            space.neighbours(at).into_iter().map(|i| space.at(i).to_string()).collect()
        };
        assert_eq!(near("x.b1.raw"), ["y.b1.raw"]);
        assert_eq!(near("y.b3.staged"), ["x.b1.raw", "y.b1.staged", "y.b2.staged", "y.b3.raw"]);
    }
}
