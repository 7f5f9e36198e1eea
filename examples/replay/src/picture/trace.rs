//! Readings thinned out without losing an extreme, and the gaps between them.

/// One reading.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Point {
    /// When, in milliseconds.
    pub at: i64,
    /// Thousandths of the unit.
    pub value: i32,
    /// Whether it counts; artifacts do not.
    pub good: bool,
}

/// So many points are drawn; more are thinned out.
pub const MOST_POINTS: usize = 2000;

/// So many cadences without a reading are a gap, as for a rule's hold.
pub const GAP_CADENCES: i64 = 3;

/// The good readings as unbroken runs, each thinned to its extremes, in all at most
/// [`MOST_POINTS`].
pub fn runs(points: &[Point], longest_gap: i64) -> Vec<Vec<Point>> {
    let good: Vec<Point> = points.iter().filter(|p| p.good).copied().collect();
    let (Some(first), Some(last)) = (good.first(), good.last()) else {
        return Vec::new();
    };
    let width = last.at.saturating_sub(first.at).max(1);
    if good.len() <= MOST_POINTS {
        return split(&good, longest_gap);
    }
    let mut buckets = i64::try_from(MOST_POINTS / 2).unwrap_or(1);
    loop {
        let bucket = (width / buckets).max(1);
        // A gap narrower than a bucket is narrower than a pixel.
        let runs = split(&good, longest_gap.max(bucket));
        let thin: Vec<Vec<Point>> = runs.iter().map(|run| thinned(run, first.at, bucket)).collect();
        if thin.iter().map(Vec::len).sum::<usize>() <= MOST_POINTS || buckets <= 1 {
            return thin;
        }
        buckets /= 2;
    }
}

fn split(points: &[Point], longest_gap: i64) -> Vec<Vec<Point>> {
    points
        .chunk_by(|a, b| b.at.saturating_sub(a.at) <= longest_gap)
        .map(<[Point]>::to_vec)
        .collect()
}

/// The lowest and the highest point of each bucket, in the order of time.
fn thinned(run: &[Point], start: i64, bucket: i64) -> Vec<Point> {
    let index = |p: &Point| p.at.saturating_sub(start) / bucket;
    let mut thin = Vec::new();
    for group in run.chunk_by(|a, b| index(a) == index(b)) {
        let low = group.iter().min_by_key(|p| p.value);
        let high = group.iter().max_by_key(|p| p.value);
        let (Some(low), Some(high)) = (low, high) else {
            continue;
        };
        let (first, second) = if low.at <= high.at { (low, high) } else { (high, low) };
        thin.push(*first);
        if second != first {
            thin.push(*second);
        }
    }
    thin
}

/// Stretches of `from..until` without a good reading for longer than `longest_gap`.
pub fn gaps(points: &[Point], from: i64, until: i64, longest_gap: i64) -> Vec<(i64, i64)> {
    let good = points.iter().filter(|p| p.good).map(|p| p.at);
    let mut gaps = Vec::new();
    let mut before = from;
    for at in good.chain([until]) {
        if at.saturating_sub(before) > longest_gap {
            gaps.push((before, at));
        }
        before = before.max(at);
    }
    gaps
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(at: i64, value: i32) -> Point {
        Point { at, value, good: true }
    }

    #[test]
    fn thinning_keeps_every_extreme_and_stays_within_its_bound() {
        let mut points: Vec<Point> =
            (0..100_000).map(|t| point(t * 1000, 90_000 + i32::try_from(t % 7).unwrap())).collect();
        points[54_321].value = 40_000;
        points[54_322].value = 180_000;
        let thin: Vec<Point> = runs(&points, 3000).concat();
        assert!(thin.len() <= MOST_POINTS);
        assert!(thin.contains(&points[54_321]) && thin.contains(&points[54_322]));
        assert!(thin.is_sorted_by_key(|p| p.at));
    }

    #[test]
    fn a_trace_with_gaps_everywhere_stays_within_its_bound() {
        let points: Vec<Point> = (0..50_000).map(|t| point(t * 10_000, 1)).collect();
        assert!(runs(&points, 3000).iter().map(Vec::len).sum::<usize>() <= MOST_POINTS);
    }

    #[test]
    fn few_points_stay_as_they_are_and_break_at_gaps() {
        let mut points = vec![point(0, 1), point(1000, 2), point(9000, 3)];
        assert_eq!(runs(&points, 3000).len(), 2);
        assert_eq!(gaps(&points, 0, 20_000, 3000), [(1000, 9000), (9000, 20_000)]);
        points[1].good = false;
        assert_eq!(gaps(&points, 0, 9000, 3000), [(0, 9000)]);
        assert_eq!(gaps(&[], 0, 9000, 3000), [(0, 9000)]);
    }
}
