//! [`Taken`], the set of ids that are taken, kept as runs: there are few runs even where there are many ids.

use core::ops::Range;
use std::collections::BTreeMap;

/// Maximal runs of taken ids by their first id; the value is the end. No two overlap or touch.
#[derive(Clone, Default)]
pub(super) struct Taken {
    runs: BTreeMap<usize, usize>,
}

impl Taken {
    /// The run that `id` lies in.
    fn run_with(&self, id: usize) -> Option<Range<usize>> {
        let (&start, &end) = self.runs.range(..=id).next_back()?;
        (id < end).then_some(start..end)
    }

    pub(super) fn contains(&self, id: usize) -> bool {
        self.run_with(id).is_some()
    }

    /// Whether all ids of a range that is not empty are taken.
    pub(super) fn contains_all(&self, ids: &Range<usize>) -> bool {
        self.run_with(ids.start).is_some_and(|run| ids.end <= run.end)
    }

    /// The first taken id from `id` on.
    pub(super) fn first_from(&self, id: usize) -> Option<usize> {
        if self.contains(id) { Some(id) } else { self.runs.range(id..).next().map(|(&start, _)| start) }
    }

    /// How many ids are taken side by side from `id`.
    pub(super) fn count_from(&self, id: usize) -> usize {
        self.run_with(id).map_or(0, |run| run.end - id)
    }

    /// The free ranges below `size`, in order.
    pub(super) fn gaps(&self, size: usize) -> impl Iterator<Item = Range<usize>> + '_ {
        let starts = core::iter::once(0).chain(self.runs.values().copied());
        let ends = self.runs.keys().copied().chain(core::iter::once(size));
        starts.zip(ends).map(|(start, end)| start..end)
    }

    /// Takes a range of ids that are free.
    pub(super) fn insert(&mut self, ids: Range<usize>) {
        let below = ids.start.checked_sub(1).and_then(|below| self.run_with(below));
        let end = self.runs.remove(&ids.end).unwrap_or(ids.end);
        self.runs.insert(below.map_or(ids.start, |below| below.start), end);
    }

    /// Frees a range of ids that are taken.
    pub(super) fn remove(&mut self, ids: Range<usize>) {
        let Some(run) = self.run_with(ids.start) else { return };
        self.runs.remove(&run.start);
        for rest in [run.start..ids.start, ids.end..run.end] {
            if !rest.is_empty() {
                self.runs.insert(rest.start, rest.end);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    #[test]
    fn runs_merge_and_split() {
        let mut taken = Taken::default();
        for ids in [4..6, 8..10, 6..8, 0..1] {
            taken.insert(ids);
        }
        assert_eq!(taken.gaps(12).collect::<Vec<_>>(), [0..0, 1..4, 10..12]);
        assert_eq!((taken.first_from(2), taken.first_from(5), taken.first_from(10)), (Some(4), Some(5), None));
        taken.remove(5..8);
        assert_eq!(taken.gaps(10).collect::<Vec<_>>(), [0..0, 1..4, 5..8, 10..10]);
        assert_eq!((taken.count_from(4), taken.count_from(5), taken.count_from(8)), (1, 0, 2));
        assert!(taken.contains_all(&(8..10)) && !taken.contains_all(&(4..9)) && !taken.contains_all(&(9..11)));
    }
}
