//! Promises about topic rule destinations.

use std::sync::Arc;

use landfall_model::{ConfirmationToken, DestinationId, DestinationStatus, TopicRuleDestination};

use super::samples::{LATER, NOW, destination, destination_id as id, destination_url as url};
use super::{assert_pages, commit, conflict};
use crate::{Conflict, Registry, Transaction};

fn token(number: u8, secret: u8) -> ConfirmationToken {
    ConfirmationToken::new(id(number), [secret; ConfirmationToken::SECRET_BYTES])
}

/// Everything is kept, and found by id and by URL. A second one of its id or URL conflicts and changes nothing.
pub async fn a_destination_is_created_once(registry: &dyn Registry) {
    assert_eq!(registry.destination(&id(1)).await.unwrap(), None);
    assert_eq!(registry.destination_of_url(&url(1)).await.unwrap(), None);
    let bare =
        TopicRuleDestination { reason: None, confirmation_token: None, modified_at: LATER, ..destination(2) };
    for created in [destination(1), bare] {
        commit(registry, |tx| tx.create_destination(created.clone())).await;
        for second in [
            TopicRuleDestination { id: id(9), ..created.clone() },
            TopicRuleDestination { url: url(9), ..created.clone() },
            TopicRuleDestination { status: DestinationStatus::Enabled, ..created.clone() },
        ] {
            let exists = Conflict::DestinationExists { url: second.url.clone() };
            conflict(registry, exists, |tx| tx.create_destination(second)).await;
        }
        assert_eq!(registry.destination(&created.id).await.unwrap().as_ref(), Some(&created));
        assert_eq!(registry.destination_of_url(&created.url).await.unwrap(), Some(created));
    }
    for other in ["https://example.com/1", "https://example.com/1?ü=%20/", ""] {
        assert_eq!(registry.destination_of_url(other).await.unwrap(), None, "{other}");
    }
}

/// A thousand destinations and no more.
pub async fn destinations_are_bounded(registry: &dyn Registry) {
    let numbered = |number: usize| TopicRuleDestination {
        id: DestinationId::from_bytes(u128::try_from(number).unwrap().to_be_bytes()),
        url: url(number.try_into().unwrap()),
        confirmation_token: None,
        ..destination(1)
    };
    let max = TopicRuleDestination::OF_SERVER_MAX;
    commit(registry, |tx| (0..max).for_each(|number| tx.create_destination(numbered(number)))).await;
    conflict(registry, Conflict::Destinations, |tx| tx.create_destination(numbered(max))).await;
    commit(registry, |tx| {
        tx.delete_destination(numbered(7).id);
        tx.create_destination(numbered(max));
    })
    .await;
}

/// Every status is kept with its reason and its token, and nothing else changes.
pub async fn the_status_of_a_destination_is_set(registry: &dyn Registry) {
    use DestinationStatus::{Deleting, Disabled, Enabled, Error, InProgress};
    let missing = Conflict::DestinationNotFound(id(1));
    conflict(registry, missing, |tx| tx.set_destination_status(id(1), Enabled, None, None, NOW)).await;
    commit(registry, |tx| {
        tx.create_destination(destination(1));
        tx.create_destination(destination(2));
    })
    .await;
    for (status, reason, confirmation_token, modified_at) in [
        (Disabled, Some("an operator"), None, LATER),
        (InProgress, None, Some(token(1, 7)), NOW),
        (Error, Some("\"ü\""), Some(token(1, 8)), LATER),
        (Enabled, None, None, LATER),
        (Deleting, None, None, NOW),
    ] {
        let reason: Option<Arc<str>> = reason.map(Arc::from);
        commit(registry, |tx| {
            tx.set_destination_status(id(1), status, reason.clone(), confirmation_token, modified_at);
        })
        .await;
        let expected =
            TopicRuleDestination { status, reason, confirmation_token, modified_at, ..destination(1) };
        assert_eq!(registry.destination(&id(1)).await.unwrap(), Some(expected));
    }
    assert_eq!(registry.destination(&id(2)).await.unwrap(), Some(destination(2)));
}

/// The token of the last confirmation message confirms, once.
pub async fn a_destination_is_confirmed_once(registry: &dyn Registry) {
    let confirm = |token| move |tx: &mut Transaction| tx.confirm_destination(token, LATER);
    conflict(registry, Conflict::DestinationNotFound(id(1)), confirm(token(1, 1))).await;
    commit(registry, |tx| {
        tx.create_destination(destination(1));
        tx.create_destination(destination(2));
    })
    .await;
    conflict(registry, Conflict::DestinationToken(id(1)), confirm(token(1, 2))).await;
    let sent_again = |tx: &mut Transaction| {
        tx.set_destination_status(id(1), DestinationStatus::InProgress, None, Some(token(1, 9)), NOW);
    };
    commit(registry, sent_again).await;
    conflict(registry, Conflict::DestinationToken(id(1)), confirm(token(1, 1))).await;
    commit(registry, confirm(token(1, 9))).await;
    let expected = TopicRuleDestination {
        status: DestinationStatus::Enabled,
        reason: None,
        confirmation_token: None,
        modified_at: LATER,
        ..destination(1)
    };
    assert_eq!(registry.destination(&id(1)).await.unwrap(), Some(expected));
    conflict(registry, Conflict::DestinationToken(id(1)), confirm(token(1, 9))).await;
    assert_eq!(registry.destination(&id(2)).await.unwrap(), Some(destination(2)));
}

/// Only a destination that still waits for the token of a confirmation message is set ERROR because of that message, and the
/// token still confirms it.
pub async fn a_confirmation_fails_only_while_it_is_awaited(registry: &dyn Registry) {
    use DestinationStatus::{Disabled, Enabled, Error, InProgress};
    let fail =
        |token| move |tx: &mut Transaction| tx.fail_destination_confirmation(token, "no".into(), LATER);
    conflict(registry, Conflict::DestinationNotFound(id(1)), fail(token(1, 1))).await;
    commit(registry, |tx| {
        tx.create_destination(destination(1));
        tx.create_destination(destination(2));
    })
    .await;
    for (status, stored, told, is_awaited) in [
        (InProgress, Some(token(1, 7)), token(1, 7), true),
        (InProgress, Some(token(1, 8)), token(1, 7), false),
        (InProgress, None, token(1, 7), false),
        (Enabled, None, token(1, 7), false),
        (Disabled, Some(token(1, 7)), token(1, 7), false),
        (Error, Some(token(1, 7)), token(1, 7), false),
    ] {
        commit(registry, |tx| tx.set_destination_status(id(1), status, None, stored, NOW)).await;
        let mut expected = TopicRuleDestination {
            status,
            reason: None,
            confirmation_token: stored,
            modified_at: NOW,
            ..destination(1)
        };
        if is_awaited {
            commit(registry, fail(told)).await;
            (expected.status, expected.reason, expected.modified_at) = (Error, Some("no".into()), LATER);
        } else {
            conflict(registry, Conflict::DestinationToken(id(1)), fail(told)).await;
        }
        assert_eq!(registry.destination(&id(1)).await.unwrap(), Some(expected));
    }
    commit(registry, |tx| tx.confirm_destination(token(1, 7), LATER)).await;
    assert_eq!(registry.destination(&id(1)).await.unwrap().unwrap().status, Enabled);
    conflict(registry, Conflict::DestinationToken(id(1)), fail(token(1, 7))).await;
    assert_eq!(registry.destination(&id(2)).await.unwrap(), Some(destination(2)));
}

/// One that was deleted is found neither by id nor by URL, and can come back with another id.
pub async fn a_destination_is_deleted(registry: &dyn Registry) {
    let missing = Conflict::DestinationNotFound(id(1));
    let delete = |tx: &mut Transaction| tx.delete_destination(id(1));
    conflict(registry, missing.clone(), delete).await;
    commit(registry, |tx| {
        tx.create_destination(destination(1));
        tx.create_destination(destination(2));
    })
    .await;
    commit(registry, delete).await;
    conflict(registry, missing, delete).await;
    assert_eq!(registry.destination(&id(1)).await.unwrap(), None);
    assert_eq!(registry.destination_of_url(&url(1)).await.unwrap(), None);
    let anew = TopicRuleDestination { url: url(1), ..destination(3) };
    commit(registry, |tx| tx.create_destination(anew.clone())).await;
    assert_pages(&[destination(2), anew], |page| registry.destinations(page)).await;
}

/// The listing is by time of creation.
pub async fn destinations_are_listed_by_page(registry: &dyn Registry) {
    assert_pages(&[], |page| registry.destinations(page)).await;
    let all = [5, 2, 4, 1, 3].map(destination);
    for destination in &all {
        commit(registry, |tx| tx.create_destination(destination.clone())).await;
    }
    assert_pages(&all, |page| registry.destinations(page)).await;
}
