use std::collections::{HashMap, VecDeque};

use landfall_model::{DeliveryId, RuleName};

/// Deliveries that can begin: of each rule in their order, the rules in turn, so that none waits for another's.
pub(crate) struct Queue {
    of_rule: HashMap<RuleName, OfRule>,
    /// The rules that have something waiting and may run one more.
    turns: VecDeque<RuleName>,
    running: usize,
    running_max: usize,
    running_per_rule_max: usize,
}

#[derive(Default)]
struct OfRule {
    waiting: VecDeque<DeliveryId>,
    running: usize,
}

impl Queue {
    /// At most so many run at once, and of one rule.
    pub(crate) fn new(running_max: usize, running_per_rule_max: usize) -> Self {
        let (running_max, running_per_rule_max) = (running_max.max(1), running_per_rule_max.max(1));
        Self {
            of_rule: HashMap::new(),
            turns: VecDeque::new(),
            running: 0,
            running_max,
            running_per_rule_max,
        }
    }

    /// How many run.
    pub(crate) fn running(&self) -> usize {
        self.running
    }

    /// A delivery can begin.
    pub(crate) fn push(&mut self, rule: &RuleName, id: DeliveryId) {
        if !self.of_rule.contains_key(rule) {
            self.of_rule.insert(rule.clone(), OfRule::default());
        }
        let Some(of_rule) = self.of_rule.get_mut(rule) else { return };
        of_rule.waiting.push_back(id);
        if of_rule.waiting.len() == 1 && of_rule.running < self.running_per_rule_max {
            self.turns.push_back(rule.clone());
        }
    }

    /// Takes the next one, which runs from now on.
    pub(crate) fn pop(&mut self) -> Option<(RuleName, DeliveryId)> {
        if self.running >= self.running_max {
            return None;
        }
        let rule = self.turns.pop_front()?;
        let of_rule = self.of_rule.get_mut(&rule)?;
        let id = of_rule.waiting.pop_front()?;
        of_rule.running += 1;
        self.running += 1;
        if !of_rule.waiting.is_empty() && of_rule.running < self.running_per_rule_max {
            self.turns.push_back(rule.clone());
        }
        Some((rule, id))
    }

    /// One that was taken has ended.
    pub(crate) fn ended(&mut self, rule: &RuleName) {
        let Some(of_rule) = self.of_rule.get_mut(rule) else { return };
        let was_full = of_rule.running >= self.running_per_rule_max;
        of_rule.running = of_rule.running.saturating_sub(1);
        self.running = self.running.saturating_sub(1);
        if !of_rule.waiting.is_empty() {
            if was_full {
                self.turns.push_back(rule.clone());
            }
        } else if of_rule.running == 0 {
            self.of_rule.remove(rule);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rule(number: u8) -> RuleName {
        RuleName::parse(&format!("r{number}")).unwrap()
    }

    fn id(number: u8) -> DeliveryId {
        DeliveryId::from_bytes([number; 16])
    }

    #[test]
    fn rules_take_turns_and_no_rule_takes_everything() {
        let mut queue = Queue::new(4, 2);
        for number in 0..10 {
            queue.push(&rule(0), id(number));
        }
        queue.push(&rule(1), id(100));
        let next = |queue: &mut Queue| queue.pop().map(|(_, id)| id);
        let taken: Vec<_> = std::iter::from_fn(|| next(&mut queue)).collect();
        assert_eq!(taken, [id(0), id(100), id(1)]);
        queue.ended(&rule(0));
        assert_eq!((next(&mut queue), next(&mut queue)), (Some(id(2)), None));
        queue.push(&rule(2), id(200));
        queue.push(&rule(2), id(201));
        assert_eq!((next(&mut queue), next(&mut queue), queue.running()), (Some(id(200)), None, 4));
        queue.ended(&rule(1));
        assert_eq!((next(&mut queue), next(&mut queue)), (Some(id(201)), None));
    }

    proptest! {
        #[test]
        fn everything_is_taken_once_within_the_limits_and_in_the_order_of_its_rule(
            steps in prop::collection::vec((0_u8..4, 0_u8..3), 1..120),
            (running_max, of_rule_max) in (1_usize..5, 1_usize..4),
        ) {
            let mut queue = Queue::new(running_max, of_rule_max);
            let mut pushed: HashMap<u8, Vec<u8>> = HashMap::new();
            let mut taken: HashMap<u8, Vec<u8>> = HashMap::new();
            let mut running: Vec<u8> = Vec::new();
            let mut owner = HashMap::new();
            for (number, (step, of)) in (0_u8..).zip(steps) {
                match step {
                    0 | 1 => {
                        queue.push(&rule(of), id(number));
                        pushed.entry(of).or_default().push(number);
                        owner.insert(id(number), (of, number));
                    }
                    2 => if let Some((_, id)) = queue.pop() {
                        let (of, number) = owner[&id];
                        taken.entry(of).or_default().push(number);
                        running.push(of);
                    },
                    _ => if let Some(of) = running.pop() {
                        queue.ended(&rule(of));
                    },
                }
                prop_assert_eq!(queue.running(), running.len());
                prop_assert!(running.len() <= running_max);
                for of in 0..3 {
                    prop_assert!(running.iter().filter(|other| **other == of).count() <= of_rule_max);
                }
            }
            loop {
                while let Some((_, id)) = queue.pop() {
                    let (of, number) = owner[&id];
                    taken.entry(of).or_default().push(number);
                    running.push(of);
                }
                let Some(of) = running.pop() else { break };
                queue.ended(&rule(of));
            }
            prop_assert_eq!(taken, pushed);
            prop_assert!(queue.of_rule.is_empty() && queue.turns.is_empty());
        }
    }
}
