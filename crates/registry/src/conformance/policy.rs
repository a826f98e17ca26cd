//! Promises about policies.

use landfall_model::{Policy, PolicyVersionId};

use super::samples::{LATER, id, pending, policy, policy_name};
use super::{assert_pages, commit};
use crate::Registry;

/// It is created once; a second document of that name is not taken.
pub async fn an_existing_policy_stays_as_it_is(registry: &dyn Registry) {
    assert_eq!(registry.policy(&policy_name("p")).await.unwrap(), None);
    let version = PolicyVersionId::new(7.try_into().unwrap());
    let first =
        Policy { default_version: version, modified_at: LATER, ..policy("p", r#"{"Version":"\u00fc"}"#) };
    commit(registry, |tx| tx.ensure_policy(first.clone())).await;
    commit(registry, |tx| tx.ensure_policy(policy("p", "{}"))).await;
    assert_eq!(registry.policy(&policy_name("p")).await.unwrap(), Some(first));
}

/// The listing is by time of creation, of those attached to the certificate alone.
pub async fn attached_policies_are_listed_by_page(registry: &dyn Registry) {
    let names = ["e", "b", "d", "a", "c"];
    commit(registry, |tx| {
        tx.insert_certificate(pending(1));
        tx.insert_certificate(pending(2));
        names.iter().for_each(|name| tx.ensure_policy(policy(name, "{}")));
        tx.attach_policy(id(2), policy_name("b"));
    })
    .await;
    for name in ["a", "e", "c", "d"] {
        commit(registry, |tx| tx.attach_policy(id(1), policy_name(name))).await;
    }
    let attached = ["e", "d", "a", "c"].map(|name| policy(name, "{}"));
    assert_pages(&attached, |page| registry.attached_policies(id(1), page)).await;
    assert_pages(&[policy("b", "{}")], |page| registry.attached_policies(id(2), page)).await;
    assert_pages(&[], |page| registry.attached_policies(id(3), page)).await;
}
