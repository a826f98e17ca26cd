//! What every adapter of the registry must do: one function for each promise, one file for each noun.
//!
//! An adapter runs all of them by [`conformance_suite`](crate::conformance_suite). Each function takes an empty registry
//! and panics when the promise is broken, which fails the adapter's test.
#![expect(clippy::unwrap_used, reason = "a broken promise fails the test that calls this")]

pub mod billing_group;
pub mod ca_certificate;
pub mod certificate;
pub mod delivery;
pub mod destination;
pub mod event;
pub mod event_source_mapping;
pub mod function;
pub mod greengrass;
pub mod grouping;
pub mod layer;
pub mod log_sink;
pub mod logging;
pub mod observer;
pub mod policy;
pub mod registration;
pub mod registration_code;
pub mod registration_job;
pub mod samples;
pub mod tag;
pub mod thing;
pub mod thing_group;
pub mod thing_type;
pub mod topic_rule;
pub mod transaction;

use std::fmt::Debug;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use crate::{
    CommitError, Committed, Conflict, Order, Page, PageRequest, Registry, StorageError, Transaction,
};

/// Expands to one `#[tokio::test]` for each promise.
///
/// The argument is an async function or closure without arguments that gives `(Arc<dyn Registry>, guard)`: an empty
/// registry, and whatever must outlive it.
#[macro_export]
macro_rules! conformance_suite {
    ($make:expr) => {
        $crate::conformance_suite! { @promises $make;
            billing_group {
                a_billing_group_is_inserted_once
                billing_groups_are_listed_by_page
                a_billing_group_is_updated_and_deleted_in_its_version
                a_thing_is_in_one_billing_group
                things_of_a_billing_group_are_listed_by_page
            }
            ca_certificate {
                a_ca_certificate_is_read_back_as_it_was_inserted
                a_ca_certificate_is_inserted_once
                an_update_sets_only_what_is_given
                an_unknown_ca_certificate_is_not_updated
                only_an_inactive_ca_certificate_is_deleted
                a_deleted_ca_certificate_leaves_its_devices_and_can_come_back
                ca_certificates_are_listed_by_page
            }
            certificate {
                a_certificate_is_read_back_as_it_was_inserted
                a_certificate_is_inserted_once
                certificates_without_a_ca_are_listed
                ids_of_certificates_are_read_in_their_order
                a_twin_of_a_certificate_is_not_inserted
                only_a_pending_certificate_is_activated
                every_status_can_follow_but_none_follows_revoked
                a_thing_is_attached_once
                an_exclusive_certificate_has_one_thing
                a_thing_is_detached
                things_of_a_certificate_are_listed_by_page
                a_certificate_in_use_is_not_deleted
                a_deleted_certificate_can_come_back
                certificates_are_listed_by_page
                a_cursor_stays_in_place_while_rows_come_and_change
            }
            delivery {
                a_delivery_is_read_back_as_it_was_stored
                a_stored_delivery_is_replaced
                a_delivery_is_removed
                deliveries_change_with_their_transaction
                deliveries_outlive_their_rule
                deliveries_are_filtered_and_listed_by_page
                waiting_deliveries_are_read_the_oldest_first
                pruning_keeps_the_newest
                pruning_keeps_so_many_bytes
            }
            destination {
                a_destination_is_created_once
                destinations_are_bounded
                the_status_of_a_destination_is_set
                a_destination_is_confirmed_once
                a_confirmation_fails_only_while_it_is_awaited
                a_destination_is_deleted
                destinations_are_listed_by_page
            }
            event {
                events_wait_in_the_order_of_their_commits
                delivered_events_do_not_come_back
                an_event_id_is_never_given_twice
                event_types_are_switched_on_and_off
                only_events_that_are_switched_on_wait
                a_registration_tells_what_it_creates
                a_conflict_switches_nothing_on
            }
            event_source_mapping {
                a_mapping_is_read_back_as_it_was_created
                a_queue_is_mapped_to_a_function_once
                a_mapping_is_updated
                one_of_many_updates_a_mapping
                the_result_of_a_batch_is_kept
                mappings_are_listed_by_page
                a_mapping_outlives_its_function
                mappings_are_bounded
            }
            function {
                a_function_is_read_back_as_it_was_created
                a_function_is_created_once
                a_function_is_updated_in_its_revision
                one_of_many_updates_a_function
                a_function_keeps_its_layers
                functions_are_listed_by_page
                a_conflict_leaves_functions_as_they_were
            }
            greengrass {
                a_greengrass_resource_is_read_back_as_it_was_created
                an_existing_greengrass_resource_stays_as_it_is
                greengrass_versions_are_added
                a_greengrass_version_needs_its_resource
                a_greengrass_resource_is_renamed
                a_greengrass_resource_is_deleted
                greengrass_resources_are_listed_by_page
                the_greengrass_service_role_is_kept
                a_plan_makes_a_greengrass_group
                a_retry_finds_its_greengrass_group
            }
            grouping {
                registrations_create_a_group_once
                registrations_come_into_groups_that_exist
                what_a_registration_creates_has_its_tags
                groups_of_registrations_are_told
                a_thing_that_is_joined_gets_what_is_missing
                a_thing_keeps_the_groups_that_exclude_others
                a_deleted_group_is_made_anew
                a_registration_gives_fifty_tags_at_most
            }
            layer {
                a_layer_version_is_read_back_as_it_was_published
                layer_versions_are_numbered_and_never_again
                one_of_many_publishes_a_layer_version
                a_layer_version_is_deleted_once
                layer_versions_are_listed_by_page
                layers_are_listed_by_page
            }
            log_sink {
                a_position_is_kept_for_each_sink
                records_are_read_behind_a_position
            }
            logging {
                logging_options_are_kept
                log_levels_are_set_and_deleted
                log_levels_are_bounded
            }
            observer {
                an_observer_hears_before_the_committer_and_in_order
                an_observer_hears_of_no_conflict
                every_observer_hears_of_what_comes_after_it
                events_are_told_as_they_are_stored
            }
            policy {
                an_existing_policy_stays_as_it_is
                attached_policies_are_listed_by_page
                policies_of_a_group_are_listed_by_page
                a_policy_is_attached_once
                a_policy_is_detached
                a_target_has_ten_policies_at_most
                policies_are_listed_by_page
                targets_of_a_policy_are_listed_by_page
                a_policy_is_inserted_once
                versions_are_numbered_and_never_again
                a_policy_has_five_versions_at_most
                the_default_version_is_not_deleted
                a_policy_in_use_is_not_deleted
                effective_policies_are_of_certificate_and_thing
                one_of_many_adds_a_version
            }
            registration {
                a_view_of_nothing_is_empty
                the_commit_that_activates_returns_the_principal
                a_view_has_the_certificate_with_what_is_attached
                a_thing_of_a_principal_has_the_policies_of_its_groups
                a_view_is_as_of_one_moment
                a_ca_certificate_must_register_devices
                a_ca_certificate_can_be_expected_to_be_active
                a_plan_creates_and_activates
                a_plan_joins_a_thing
                a_stale_plan_changes_nothing
                a_plan_breaks_no_rule
                a_plan_is_carried_out_once
                equal_failures_count_up
                a_log_goes_on_when_its_certificate_is_registered
                records_are_listed_by_page
                records_are_filtered
            }
            registration_code {
                a_registration_code_stays_as_it_is
            }
            registration_job {
                a_job_is_read_back_as_it_was_stored
                a_job_needs_its_certificate
                a_job_is_begun_once
                a_job_ends
                a_job_goes_with_its_certificate
                jobs_are_filtered_and_listed_by_page
                a_sweep_removes_what_need_not_be_kept
            }
            tag {
                a_tag_needs_its_resource
                tags_are_set_and_removed
                a_resource_has_fifty_tags_at_most
                tags_go_with_their_resource
            }
            thing {
                a_thing_is_read_back_as_it_was_inserted
                a_thing_is_inserted_once
                a_thing_needs_its_billing_group_and_no_deprecated_type
                a_thing_is_updated
                listings_follow_an_update
                a_stale_update_changes_nothing
                one_of_many_updates_a_version
                a_thing_in_use_is_not_deleted
                a_thing_can_be_expected
                a_thing_needs_its_type
                a_thing_view_has_the_principals_with_their_issuers
                things_are_listed_by_page
                things_are_filtered_by_type_and_searchable_attribute
                things_are_filtered_by_the_beginning_of_a_value
                principals_are_listed_by_page
                the_principals_of_a_thing_can_be_expected
            }
            thing_group {
                a_thing_group_is_inserted_once
                a_thing_group_needs_its_parent
                a_view_has_every_ancestor
                a_hierarchy_has_seven_levels_at_most
                a_group_has_a_hundred_children_at_most
                a_thing_group_is_updated_in_its_version
                a_group_with_children_is_not_deleted
                thing_groups_are_listed_by_page
                a_thing_is_added_once_and_removed_once
                a_thing_is_in_one_group_of_a_hierarchy
                a_thing_is_in_ten_groups_at_most
                a_deleted_group_has_no_members
                groups_of_a_thing_are_listed_by_page
                things_of_a_group_are_listed_by_page
                a_thing_group_can_be_expected
                groups_stay_consistent_when_many_change_them
            }
            thing_type {
                an_existing_thing_type_stays_as_it_is
                a_thing_type_is_inserted_once
                a_created_thing_type_is_told
                thing_types_are_listed_by_page
                a_thing_type_is_updated_and_deprecated
                a_stale_change_of_a_thing_type_conflicts
                a_thing_type_in_use_is_not_deleted
            }
            topic_rule {
                a_topic_rule_is_created_once
                one_of_many_creates_a_topic_rule
                topic_rules_are_bounded
                a_topic_rule_is_replaced
                a_topic_rule_is_disabled_and_enabled
                a_topic_rule_is_deleted
                topic_rules_are_listed_by_page
            }
            transaction {
                a_transaction_without_changes_succeeds
                a_change_sees_those_before_it
                a_conflict_at_the_end_leaves_nothing
                a_conflict_fails_alone
                one_of_many_creates_a_thing
                one_of_many_registers_a_certificate
                what_was_handed_over_is_carried_out
            }
        }
    };
    (@promises $make:expr; $($noun:ident { $($promise:ident)+ })+) => {
        $(mod $noun {
            use super::*;

            $(#[tokio::test]
            async fn $promise() {
                let (registry, _guard) = ($make)().await;
                $crate::conformance::$noun::$promise(registry.as_ref()).await;
                drop(registry);
            })+
        })+
    };
}

/// Commits what must succeed.
async fn commit(registry: &dyn Registry, build: impl FnOnce(&mut Transaction)) {
    let mut transaction = Transaction::new();
    build(&mut transaction);
    registry.commit(transaction).await.unwrap();
}

/// Commits what must fail by this conflict.
async fn conflict(registry: &dyn Registry, expected: Conflict, build: impl FnOnce(&mut Transaction)) {
    let mut transaction = Transaction::new();
    build(&mut transaction);
    assert_conflict(&registry.commit(transaction).await, &expected);
}

fn assert_conflict(result: &Result<Committed, CommitError>, expected: &Conflict) {
    let is_expected = matches!(result, Err(CommitError::Conflict(found)) if found == expected);
    assert!(is_expected, "expected {expected:?}, found {result:?}");
}

/// Reads a listing in both directions with pages of several sizes; its items must be these, in ascending order.
async fn assert_pages<T, R>(expected: &[T], read: impl Fn(PageRequest) -> R)
where
    T: Clone + Debug + PartialEq,
    R: Future<Output = Result<Page<T>, StorageError>>,
{
    let mut reversed = expected.to_vec();
    reversed.reverse();
    let total = u32::try_from(expected.len()).unwrap();
    for (order, expected) in [(Order::Ascending, expected), (Order::Descending, &reversed)] {
        for limit in [1, 2, total.saturating_sub(1).max(1), total.max(1), total + 1, u32::MAX] {
            let mut after = None;
            let mut left = expected;
            loop {
                let page = read(PageRequest { after, limit, order }).await.unwrap();
                let size = left.len().min(usize::try_from(limit).unwrap());
                assert_eq!(page.items, left[..size], "{order:?}, {limit} a page");
                left = &left[size..];
                after = page.next;
                assert_eq!(after.is_some(), !left.is_empty(), "the last page, and only that, has no next");
                if after.is_none() {
                    break;
                }
            }
        }
    }
}

/// A future that borrows a registry.
type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// Drives futures together until all are done: each is polled once before any of them is polled again.
async fn together<T>(mut futures: Vec<Pending<'_, T>>) -> Vec<T> {
    let mut outputs: Vec<Option<T>> = futures.iter().map(|_| None).collect();
    poll_fn(|context| {
        for (future, output) in futures.iter_mut().zip(&mut outputs).filter(|(_, output)| output.is_none()) {
            if let Poll::Ready(value) = future.as_mut().poll(context) {
                *output = Some(value);
            }
        }
        if outputs.iter().all(Option::is_some) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    outputs.into_iter().flatten().collect()
}

/// Polls a future once and then drops it.
async fn poll_once<T>(mut future: Pending<'_, T>) {
    poll_fn(|context| {
        let _ = future.as_mut().poll(context);
        Poll::Ready(())
    })
    .await;
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_suite_runs_every_promise() {
        let suite = include_str!("conformance.rs");
        let nouns = [
            include_str!("conformance/billing_group.rs"),
            include_str!("conformance/ca_certificate.rs"),
            include_str!("conformance/certificate.rs"),
            include_str!("conformance/delivery.rs"),
            include_str!("conformance/destination.rs"),
            include_str!("conformance/event.rs"),
            include_str!("conformance/event_source_mapping.rs"),
            include_str!("conformance/function.rs"),
            include_str!("conformance/greengrass.rs"),
            include_str!("conformance/grouping.rs"),
            include_str!("conformance/layer.rs"),
            include_str!("conformance/log_sink.rs"),
            include_str!("conformance/logging.rs"),
            include_str!("conformance/observer.rs"),
            include_str!("conformance/policy.rs"),
            include_str!("conformance/registration.rs"),
            include_str!("conformance/registration_code.rs"),
            include_str!("conformance/registration_job.rs"),
            include_str!("conformance/tag.rs"),
            include_str!("conformance/thing.rs"),
            include_str!("conformance/thing_group.rs"),
            include_str!("conformance/thing_type.rs"),
            include_str!("conformance/topic_rule.rs"),
            include_str!("conformance/transaction.rs"),
        ];
        let promises = nouns.iter().flat_map(|noun| noun.split("pub async fn ").skip(1));
        for promise in promises.filter_map(|text| text.split('(').next()) {
            assert!(suite.lines().any(|line| line.trim() == promise), "{promise} is missing in the suite");
        }
    }
}
