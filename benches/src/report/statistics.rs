//! Medians, percentiles, ratios.

/// The percentiles that the report gives of latencies; 100 is the maximum.
pub(super) const PERCENTILES: [f64; 5] = [50.0, 90.0, 99.0, 99.9, 100.0];

/// The middle one of these values, or the mean of the two in the middle; `None` for no values.
pub(super) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = *sorted.get(sorted.len() / 2)?;
    Some(if sorted.len() % 2 == 1 { upper } else { f64::midpoint(sorted[sorted.len() / 2 - 1], upper) })
}

/// The least and the greatest of these values; `None` for no values.
pub(super) fn spread(values: &[f64]) -> Option<(f64, f64)> {
    let least = values.iter().copied().min_by(f64::total_cmp)?;
    let greatest = values.iter().copied().max_by(f64::total_cmp)?;
    Some((least, greatest))
}

/// The value at this percentile of sorted values: the least one that so many percent of all do not exceed (nearest
/// rank); `None` for no values.
pub(super) fn percentile(sorted: &[u32], percent: f64) -> Option<u32> {
    debug_assert!(sorted.is_sorted(), "percentiles are read from sorted values");
    // In thousandths of a percent, as 99.9 / 100 × 1000 is a little more than 999.
    let rank = ((percent * 1000.0).round() as u128 * sorted.len() as u128).div_ceil(100_000) as usize;
    sorted.get(rank.clamp(1, sorted.len().max(1)) - 1).copied()
}

/// `value / base`, where that says something.
pub(super) fn ratio(value: f64, base: f64) -> Option<f64> {
    let ratio = value / base;
    (base > 0.0 && ratio.is_finite()).then_some(ratio)
}

/// By how much two positive numbers differ, as a share of the smaller one: 0.15 for 1.15 and 1, either way round.
pub(super) fn difference(a: f64, b: f64) -> f64 {
    if a == b { 0.0 } else { a.max(b) / a.min(b) - 1.0 }
}

/// The mean of ratios: the factor that, taken so many times, gives their product; `None` for no ratios, or ratios that
/// are not positive.
pub(super) fn geometric_mean(ratios: &[f64]) -> Option<f64> {
    let usable = !ratios.is_empty() && ratios.iter().all(|&ratio| ratio > 0.0);
    usable.then(|| (ratios.iter().map(|ratio| ratio.ln()).sum::<f64>() / ratios.len() as f64).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_of_the_sorted_values() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[7.0]), Some(7.0));
        assert_eq!(median(&[9.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 100.0]), Some(3.0));
    }

    #[test]
    fn the_spread_goes_from_the_least_to_the_greatest() {
        assert_eq!(spread(&[]), None);
        assert_eq!(spread(&[3.0, 1.0, 2.0]), Some((1.0, 3.0)));
    }

    #[test]
    fn percentiles_are_values_that_occurred() {
        let values: Vec<u32> = (1..=1000).collect();
        let of = |percent| percentile(&values, percent);
        assert_eq!((of(50.0), of(99.0), of(99.9), of(100.0)), (Some(500), Some(990), Some(999), Some(1000)));
        assert_eq!(of(0.0), Some(1));
        assert_eq!(percentile(&[5], 50.0), Some(5));
        assert_eq!(percentile(&[], 50.0), None);
    }

    #[test]
    fn a_ratio_to_nothing_is_none() {
        assert_eq!(ratio(3.0, 2.0), Some(1.5));
        assert_eq!(ratio(3.0, 0.0), None);
        assert_eq!(ratio(f64::NAN, 1.0), None);
    }

    #[test]
    fn a_difference_has_no_direction() {
        assert!((difference(1.15, 1.0) - 0.15).abs() < 1e-12);
        assert_eq!(difference(1.15, 1.0), difference(1.0, 1.15));
        assert_eq!(difference(0.0, 0.0), 0.0);
    }

    #[test]
    fn ratios_have_a_geometric_mean() {
        assert!((geometric_mean(&[0.5, 2.0]).unwrap() - 1.0).abs() < 1e-12);
        assert_eq!(geometric_mean(&[]), None);
        assert_eq!(geometric_mean(&[0.0, 1.0]), None);
    }
}
