//! Whether every run ends once its faults are over: a question about the graph that the search has walked, without a look
//! into its states.

/// The steps that come by themselves, from every state, in the order of the states' numbers.
#[derive(Debug, Default)]
pub(super) struct Graph {
    /// Where the steps of each state end in `targets`.
    ends: Vec<usize>,
    targets: Vec<u32>,
    is_end: Vec<bool>,
}

impl Graph {
    /// The next state: its steps, and whether it is an end.
    pub(super) fn push(&mut self, steps: impl IntoIterator<Item = u32>, is_end: bool) {
        self.targets.extend(steps);
        self.ends.push(self.targets.len());
        self.is_end.push(is_end);
    }

    fn steps(&self, state: u32) -> &[u32] {
        let at = state as usize;
        let from = at
            .checked_sub(1)
            .and_then(|before| self.ends.get(before))
            .copied()
            .unwrap_or(0);
        let to = self.ends.get(at).copied().unwrap_or(from);
        self.targets.get(from..to).unwrap_or_default()
    }

    /// Every state from which some run never ends, whatever the reason. In an empty list lies the proof.
    ///
    /// A state is good when it is an end, or when it can go on and all that can happen next leads to good states. Found
    /// backwards: each state waits for as many good steps as it has.
    pub(super) fn endless(&self) -> Vec<u32> {
        let count = self.is_end.len();
        // By state: where those that lead to it are listed.
        let mut first = vec![0usize; count + 1];
        for target in &self.targets {
            if let Some(slot) = first.get_mut(*target as usize + 1) {
                *slot += 1;
            }
        }
        let mut sum = 0;
        for slot in &mut first {
            sum += *slot;
            *slot = sum;
        }
        let mut sources = vec![0u32; self.targets.len()];
        let mut next = first.clone();
        let states = || 0..u32::try_from(count).unwrap_or(u32::MAX);
        for state in states() {
            for target in self.steps(state) {
                if let Some(slot) = next.get_mut(*target as usize) {
                    if let Some(source) = sources.get_mut(*slot) {
                        *source = state;
                    }
                    *slot += 1;
                }
            }
        }
        let mut waiting: Vec<usize> = states().map(|state| self.steps(state).len()).collect();
        let mut good = self.is_end.clone();
        let is_good = |good: &[bool], state: u32| good.get(state as usize).copied() == Some(true);
        let mut queue: Vec<u32> = states().filter(|state| is_good(&good, *state)).collect();
        while let Some(state) = queue.pop() {
            let at = state as usize;
            let range =
                first.get(at).copied().unwrap_or(0)..first.get(at + 1).copied().unwrap_or(0);
            for source in sources.get(range).unwrap_or_default() {
                let Some(left) = waiting.get_mut(*source as usize) else {
                    continue;
                };
                *left = left.saturating_sub(1);
                if let (0, Some(slot)) = (*left, good.get_mut(*source as usize))
                    && !*slot
                {
                    *slot = true;
                    queue.push(*source);
                }
            }
        }
        states().filter(|state| !is_good(&good, *state)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(states: &[(&[u32], bool)]) -> Graph {
        let mut graph = Graph::default();
        for (steps, is_end) in states {
            graph.push(steps.iter().copied(), *is_end);
        }
        graph
    }

    #[test]
    fn runs_that_join_are_no_cycle() {
        let joined = graph(&[
            (&[1, 2], false),
            (&[3], false),
            (&[3, 3], false),
            (&[], true),
        ]);
        assert!(joined.endless().is_empty());
    }

    #[test]
    fn a_cycle_and_what_can_enter_it_never_ends() {
        // 0 can go to the end, or around 1 and 2.
        let cycle = graph(&[
            (&[1, 3], false),
            (&[2], false),
            (&[1], false),
            (&[], true),
            (&[3], false),
        ]);
        assert_eq!(cycle.endless(), [0, 1, 2]);
    }

    #[test]
    fn a_dead_end_is_no_end() {
        assert_eq!(graph(&[(&[1], false), (&[], false)]).endless(), [0, 1]);
    }

    #[test]
    fn an_end_from_which_more_can_happen_stays_one() {
        assert!(graph(&[(&[0], true)]).endless().is_empty());
    }
}
