//! Which of many candidates are worth a tool's time, where several things matter and none of them is exact: non-dominated
//! sorting and crowding distance (Deb et al., NSGA-II, 2002). All figures are the less the better.

use std::cmp::Ordering;

/// Is `a` at least as good in everything, and better in something?
pub fn dominates(a: &[f64], b: &[f64]) -> bool {
    a.iter().zip(b).all(|(x, y)| x <= y) && a.iter().zip(b).any(|(x, y)| x < y)
}

/// Indices of what nothing dominates. Of equal ones all are there.
pub fn front<const N: usize>(points: &[[f64; N]]) -> Vec<usize> {
    (0..points.len()).filter(|i| !points.iter().any(|p| dominates(p, &points[*i]))).collect()
}

/// At most `most` of them, the most promising first: front after front, and within each the loneliest first, whose ends are the
/// best of each figure in the order of the figures.
pub fn order<const N: usize>(points: &[[f64; N]], most: usize) -> Vec<usize> {
    let mut left: Vec<usize> = (0..points.len()).collect();
    let mut all = Vec::new();
    while !left.is_empty() && all.len() < most {
        let own: Vec<[f64; N]> = left.iter().map(|i| points[*i]).collect();
        let first: Vec<usize> = front(&own).into_iter().map(|i| left[i]).collect();
        left.retain(|i| !first.contains(i));
        all.extend(by_distance(points, first));
    }
    all.truncate(most);
    all
}

fn by_distance<const N: usize>(points: &[[f64; N]], front: Vec<usize>) -> Vec<usize> {
    let mut distance = vec![0.0f64; front.len()];
    let mut ends: Vec<usize> = Vec::new();
    let column = |n: usize| front.iter().map(|i| points[*i][n]).collect::<Vec<f64>>();
    for values in (0..N).map(column) {
        let value = |place: usize| values[place];
        let mut sorted: Vec<usize> = (0..front.len()).collect();
        sorted.sort_by(|a, b| value(*a).total_cmp(&value(*b)));
        let (Some(first), Some(last)) = (sorted.first(), sorted.last()) else { return front };
        let range = value(*last) - value(*first);
        if range.is_nan() || range <= 0.0 {
            continue;
        }
        if !ends.contains(first) {
            ends.push(*first);
        }
        for three in sorted.windows(3) {
            distance[three[1]] += (value(three[2]) - value(three[0])) / range;
        }
    }
    let mut rest: Vec<usize> = (0..front.len()).filter(|p| !ends.contains(p)).collect();
    rest.sort_by(|a, b| distance[*b].total_cmp(&distance[*a]).then(Ordering::Equal));
    ends.into_iter().chain(rest).map(|p| front[p]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_come_first_and_the_dominated_last() {
        let points = [[5.0, 1.0], [1.0, 5.0], [3.0, 3.0], [2.9, 3.2], [4.0, 4.0], [9.0, 9.0]];
        assert_eq!(front(&points), [0, 1, 2, 3]);
        let order = order(&points, 6);
        assert_eq!(order[..2], [1, 0], "the best of the first figure, then that of the second");
        assert_eq!(order[4..], [4, 5]);
        assert_eq!(super::order::<2>(&[], 9), [0usize; 0]);
        assert_eq!(super::order(&[[1.0, 1.0], [1.0, 1.0]], 9), [0, 1], "equal ones are both there");
    }
}
