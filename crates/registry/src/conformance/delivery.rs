//! Promises about deliveries.

use landfall_model::{
    CertificateId, Delivery, DeliveryAction, DeliveryAttempt, DeliveryId, DeliveryState, DeliveryStatus,
    TopicName,
};

use super::samples::{LATER, NOW, delivery, delivery_id, id, rule_name, topic_rule};
use super::{assert_pages, commit, conflict};
use crate::{Conflict, DeliveryFilter, Order, PageRequest, Registry, Transaction};

/// Lets every delivery through.
const EVERY: DeliveryFilter = DeliveryFilter { status: None, rule: None, certificate: None };

const WAITING: DeliveryState = DeliveryState::Waiting { next_at: LATER };
const DELIVERED: DeliveryState = DeliveryState::Delivered { at: LATER };
const HANDLED: DeliveryState = DeliveryState::HandledByErrorAction { at: LATER };
const DEAD: DeliveryState = DeliveryState::Dead { at: LATER };

/// A delivery with everything that it may have.
fn full(number: u32) -> Delivery {
    let attempt = |number: u64| DeliveryAttempt {
        at: LATER,
        duration_us: number,
        problem: format!("\"ü\"\n{number}").into(),
    };
    Delivery {
        action: DeliveryAction::Action(u16::MAX),
        topic: TopicName::parse("ü/\"'/b").unwrap(),
        request: r#"{"lambda":{"payload":"ü"}}"#.into(),
        error_request: Some(r#"{"republish":"'"}"#.into()),
        certificate: Some(id(number)),
        attempts_failed: u32::MAX,
        attempts: [0, 1, 1 << 60].map(attempt).to_vec(),
        state: DEAD,
        ..delivery(number, "r")
    }
}

async fn read(registry: &dyn Registry, number: u32) -> Option<Delivery> {
    registry.delivery(&delivery_id(number)).await.unwrap()
}

/// Everything is kept, of each state and action. Neither the rule nor the certificate need exist.
pub async fn a_delivery_is_read_back_as_it_was_stored(registry: &dyn Registry) {
    assert_eq!(read(registry, 1).await, None);
    let error_action = Delivery { action: DeliveryAction::ErrorAction, ..full(3) };
    let states = [WAITING, DELIVERED, HANDLED, DEAD].into_iter().zip(4..);
    let states = states.map(|(state, number)| Delivery { state, ..delivery(number, "r") });
    for stored in [delivery(1, "r"), full(2), error_action].into_iter().chain(states) {
        commit(registry, |tx| tx.store_delivery(stored.clone())).await;
        assert_eq!(registry.delivery(&stored.id).await.unwrap(), Some(stored));
    }
}

/// The one of its id is replaced whole, and keeps its place; in one transaction, too.
pub async fn a_stored_delivery_is_replaced(registry: &dyn Registry) {
    commit(registry, |tx| (1..4).for_each(|number| tx.store_delivery(delivery(number, "r")))).await;
    let other = Delivery { rule: rule_name("other"), created_at: LATER, ..full(2) };
    for replaced in [full(2), delivery(2, "r"), other] {
        commit(registry, |tx| {
            tx.store_delivery(Delivery { state: HANDLED, ..full(2) });
            tx.store_delivery(replaced.clone());
        })
        .await;
        let all = [delivery(1, "r"), replaced, delivery(3, "r")];
        assert_pages(&all, |page| registry.deliveries(&EVERY, page)).await;
    }
}

/// What is removed is gone, and what is not there can be removed. What comes back comes last.
pub async fn a_delivery_is_removed(registry: &dyn Registry) {
    commit(registry, |tx| (1..4).for_each(|number| tx.store_delivery(full(number)))).await;
    for _ in 0..2 {
        commit(registry, |tx| tx.remove_delivery(delivery_id(1))).await;
        assert_eq!(read(registry, 1).await, None);
    }
    commit(registry, |tx| {
        tx.remove_delivery(delivery_id(2));
        tx.store_delivery(full(1));
    })
    .await;
    assert_pages(&[full(3), full(1)], |page| registry.deliveries(&EVERY, page)).await;
}

/// What fails in the same transaction leaves the deliveries as they were.
pub async fn deliveries_change_with_their_transaction(registry: &dyn Registry) {
    commit(registry, |tx| {
        tx.store_delivery(Delivery { state: DELIVERED, ..full(1) });
        tx.store_delivery(full(2));
    })
    .await;
    conflict(registry, Conflict::TopicRuleNotFound(rule_name("r")), |tx| {
        tx.prune_deliveries(0, u64::MAX);
        tx.remove_delivery(delivery_id(2));
        tx.store_delivery(full(3));
        tx.delete_topic_rule(rule_name("r"));
    })
    .await;
    let all = [Delivery { state: DELIVERED, ..full(1) }, full(2)];
    assert_pages(&all, |page| registry.deliveries(&EVERY, page)).await;
}

/// Deliveries stay when their rule goes: a dead letter can still be replayed.
pub async fn deliveries_outlive_their_rule(registry: &dyn Registry) {
    commit(registry, |tx| {
        tx.create_topic_rule(topic_rule("r"));
        tx.store_delivery(full(1));
    })
    .await;
    commit(registry, |tx| tx.delete_topic_rule(rule_name("r"))).await;
    assert_eq!(read(registry, 1).await, Some(full(1)));
}

/// The listing is in the order in which they were first stored, of those for which the whole filter holds. It follows what
/// changes.
pub async fn deliveries_are_filtered_and_listed_by_page(registry: &dyn Registry) {
    let mut all = Vec::new();
    for number in 0..48 {
        let state = [WAITING, DELIVERED, HANDLED, DEAD][number as usize % 4];
        let certificate = [None, Some(id(1)), Some(id(2))][number as usize % 3];
        let rule = rule_name(["b", "a", "B", "a_1"][number as usize / 4 % 4]);
        all.push(Delivery { rule, state, certificate, ..delivery(number, "r") });
    }
    for delivery in &all {
        commit(registry, |tx| tx.store_delivery(delivery.clone())).await;
    }
    assert_filtered(registry, &all).await;

    let (others, first) = all.split_at_mut(4);
    first.iter_mut().for_each(|delivery| delivery.state = DEAD);
    others.iter_mut().for_each(|delivery| {
        delivery.rule = rule_name("a");
        delivery.certificate = Some(id(3));
    });
    let removed = all.remove(30);
    commit(registry, |tx| {
        tx.remove_delivery(removed.id);
        all.iter().rev().for_each(|delivery| tx.store_delivery(delivery.clone()));
    })
    .await;
    assert_filtered(registry, &all).await;
}

/// Asks for every combination of what a filter can have.
async fn assert_filtered(registry: &dyn Registry, all: &[Delivery]) {
    let statuses = [None].into_iter().chain(DeliveryStatus::ALL.map(Some));
    let rules = ["", "a", "b", "B", "a_1", "none"].map(|rule| (!rule.is_empty()).then(|| rule_name(rule)));
    let certificates: [Option<CertificateId>; 5] = [None, Some(id(1)), Some(id(2)), Some(id(3)), Some(id(4))];
    let mut found = 0;
    for status in statuses {
        for rule in &rules {
            for certificate in certificates {
                let filter = DeliveryFilter { status, rule: rule.clone(), certificate };
                let expected: Vec<_> = all.iter().filter(|one| filter.matches(one)).cloned().collect();
                found += usize::from(!expected.is_empty());
                assert_pages(&expected, |page| registry.deliveries(&filter, page)).await;
            }
        }
    }
    assert!(found > 40, "{found} filters let something through");
}

/// They come the oldest first, whenever they are tried again, and are read on by pages while some end.
pub async fn waiting_deliveries_are_read_the_oldest_first(registry: &dyn Registry) {
    assert_eq!(registry.waiting_deliveries(9).await.unwrap(), []);
    let waiting = |number: u32, next_at| Delivery {
        state: DeliveryState::Waiting { next_at },
        ..delivery(number, "r")
    };
    let ended = |number: u32, state| Delivery { state, ..delivery(number, "r") };
    let expected = [waiting(5, LATER), waiting(1, NOW), waiting(4, LATER), waiting(2, NOW)];
    commit(registry, |tx| {
        tx.store_delivery(ended(9, DEAD));
        tx.store_delivery(expected[0].clone());
        tx.store_delivery(ended(8, DELIVERED));
        tx.store_delivery(expected[1].clone());
        tx.store_delivery(expected[2].clone());
        tx.store_delivery(ended(7, HANDLED));
        tx.store_delivery(expected[3].clone());
    })
    .await;
    for limit in [0, 1, 3, 4, 5, u32::MAX] {
        let found = registry.waiting_deliveries(limit).await.unwrap();
        assert_eq!(found, expected[..expected.len().min(limit.try_into().unwrap())]);
    }
    let filter = DeliveryFilter { status: Some(DeliveryStatus::Waiting), ..DeliveryFilter::default() };
    let first = registry.deliveries(&filter, PageRequest::first(2)).await.unwrap();
    commit(registry, |tx| {
        tx.remove_delivery(expected[1].id);
        tx.store_delivery(ended(5, DELIVERED));
        tx.store_delivery(ended(2, DEAD));
        tx.store_delivery(ended(2, expected[3].state));
    })
    .await;
    let behind = PageRequest { after: first.next, limit: 9, order: Order::Ascending };
    assert_eq!(registry.deliveries(&filter, behind).await.unwrap().items, expected[2..]);
    assert_eq!(registry.waiting_deliveries(9).await.unwrap(), expected[2..]);
}

/// Of what ended well, and of each way alone, the last that were stored stay; so do dead letters until these are pruned, and
/// whatever waits.
pub async fn pruning_keeps_the_newest(registry: &dyn Registry) {
    let stored: Vec<_> = (0..20)
        .map(|number| {
            let state = [WAITING, DELIVERED, HANDLED, DEAD][number as usize % 4];
            Delivery { state, ..delivery(number, "r") }
        })
        .collect();
    commit(registry, |tx| stored.iter().for_each(|delivery| tx.store_delivery(delivery.clone()))).await;
    let assert_left = async |prune: &dyn Fn(&mut Transaction), of_each: [usize; 4]| {
        commit(registry, |tx| prune(tx)).await;
        for (status, expected) in DeliveryStatus::ALL.into_iter().zip(of_each) {
            let of_status = stored.iter().filter(|delivery| delivery.state.status() == status);
            let expected: Vec<_> = of_status.skip(5 - expected).cloned().collect();
            let filter = DeliveryFilter { status: Some(status), ..DeliveryFilter::default() };
            let found = registry.deliveries(&filter, PageRequest::first(99)).await.unwrap().items;
            assert_eq!(found, expected);
        }
    };
    assert_left(&|tx| tx.prune_deliveries(u32::MAX, u64::MAX), [5, 5, 5, 5]).await;
    assert_left(&|tx| tx.prune_deliveries(5, u64::MAX), [5, 5, 5, 5]).await;
    assert_left(&|tx| tx.prune_deliveries(4, u64::MAX), [5, 4, 4, 5]).await;
    assert_left(&|tx| tx.prune_deliveries(2, u64::MAX), [5, 2, 2, 5]).await;
    assert_left(&|tx| tx.prune_dead_letters(3, u64::MAX), [5, 2, 2, 3]).await;
    assert_left(&|tx| tx.prune_deliveries(0, u64::MAX), [5, 0, 0, 3]).await;
    assert_left(&|tx| tx.prune_deliveries(0, u64::MAX), [5, 0, 0, 3]).await;
    assert_left(&|tx| tx.prune_dead_letters(0, u64::MAX), [5, 0, 0, 0]).await;
    let gone = DeliveryId::from_bytes(*stored[1].id.as_bytes());
    assert_eq!(registry.delivery(&gone).await.unwrap(), None);
}

/// Of each status alone, the newest stay whose requests, with those of their error actions, have so many bytes in all; what
/// would be too much stays not, nor anything before it, however short.
pub async fn pruning_keeps_so_many_bytes(registry: &dyn Registry) {
    let sized = |number: u32, request: &str, error_request: Option<&str>, state| Delivery {
        request: request.into(),
        error_request: error_request.map(Into::into),
        state,
        ..delivery(number, "r")
    };
    // The bytes of a character count, not the characters.
    let dead = [
        sized(1, "", None, DEAD),
        sized(2, "12", None, DEAD),
        sized(3, "1234", Some("56"), DEAD),
        sized(4, "1", Some("üü"), DEAD),
        sized(5, "ü", None, DEAD),
    ];
    let others = [
        sized(6, "1234567", None, WAITING),
        sized(7, "1234567", None, DELIVERED),
        sized(8, "1234567", None, HANDLED),
    ];
    commit(registry, |tx| {
        dead.iter().chain(&others).for_each(|delivery| tx.store_delivery(delivery.clone()));
    })
    .await;
    for (kept_max, bytes_max, dead_left) in
        [(9, u64::MAX, 5), (9, 15, 5), (9, 14, 3), (9, 13, 3), (9, 12, 2), (2, 12, 2), (1, 12, 1), (9, 1, 0)]
    {
        commit(registry, |tx| tx.prune_dead_letters(kept_max, bytes_max)).await;
        let mut expected: Vec<_> = dead.iter().skip(5 - dead_left).cloned().collect();
        expected.extend(others.iter().cloned());
        assert_pages(&expected, |page| registry.deliveries(&EVERY, page)).await;
    }
    for (bytes_max, left) in [(7, &others[..]), (6, &others[..1])] {
        commit(registry, |tx| tx.prune_deliveries(9, bytes_max)).await;
        assert_pages(left, |page| registry.deliveries(&EVERY, page)).await;
    }
}
