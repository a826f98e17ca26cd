//! Promises about policies and what they are attached to.

use std::sync::Arc;

use landfall_model::{Policy, PolicyTarget, PolicyVersion, PolicyVersions};

use super::samples::{
    LATER, NOW, group_name, id, pending, policy, policy_name, policy_version, thing, thing_group, thing_name,
    version_id,
};
use super::{Pending, assert_conflict, assert_pages, commit, conflict, together};
use crate::{CommitError, Committed, Conflict, PageRequest, Registry, Transaction};

/// It is created once; a second document of that name is not taken.
pub async fn an_existing_policy_stays_as_it_is(registry: &dyn Registry) {
    assert_eq!(registry.policy(&policy_name("p")).await.unwrap(), None);
    let first = Policy {
        default_version: version_id(7),
        modified_at: LATER,
        ..policy("p", r#"{"Version":"\u00fc"}"#)
    };
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
    let [of_1, of_2, of_3] = [1, 2, 3].map(|number| PolicyTarget::Certificate(id(number)));
    for is_recursive in [false, true] {
        assert_pages(&attached, |page| registry.attached_policies(&of_1, is_recursive, page)).await;
        assert_pages(&[policy("b", "{}")], |page| registry.attached_policies(&of_2, is_recursive, page))
            .await;
        assert_pages(&[], |page| registry.attached_policies(&of_3, is_recursive, page)).await;
    }
}

/// Of a group, those attached to it alone, or also those attached to what it is in, each once.
pub async fn policies_of_a_group_are_listed_by_page(registry: &dyn Registry) {
    commit(registry, |tx| {
        ["e", "b", "d", "a", "c", "f"].iter().for_each(|name| tx.insert_policy(policy(name, "{}")));
        tx.insert_thing_group(thing_group("root", None));
        tx.insert_thing_group(thing_group("middle", Some("root")));
        tx.insert_thing_group(thing_group("leaf", Some("middle")));
        tx.insert_thing_group(thing_group("other", Some("root")));
        for (group, name) in
            [("root", "c"), ("root", "e"), ("middle", "a"), ("middle", "e"), ("leaf", "b"), ("other", "d")]
        {
            tx.attach_policy(group_name(group), policy_name(name));
        }
    })
    .await;
    for (group, own, all) in [
        ("root", &["e", "c"][..], &["e", "c"][..]),
        ("middle", &["e", "a"], &["e", "a", "c"]),
        ("leaf", &["b"], &["e", "b", "a", "c"]),
        ("other", &["d"], &["e", "d", "c"]),
        ("unknown", &[], &[]),
    ] {
        let target = PolicyTarget::ThingGroup(group_name(group));
        let policies = |names: &[&str]| names.iter().map(|name| policy(name, "{}")).collect::<Vec<_>>();
        assert_pages(&policies(own), |page| registry.attached_policies(&target, false, page)).await;
        assert_pages(&policies(all), |page| registry.attached_policies(&target, true, page)).await;
    }
}

/// Both must exist, the target is missed first, and a second attachment changes nothing.
pub async fn a_policy_is_attached_once(registry: &dyn Registry) {
    let name = policy_name("p");
    let targets = [PolicyTarget::from(id(1)), PolicyTarget::from(group_name("g"))];
    let missing = [Conflict::CertificateNotFound(id(1)), Conflict::ThingGroupNotFound(group_name("g"))];
    for (target, missing) in targets.iter().zip(missing) {
        conflict(registry, missing, |tx| tx.attach_policy(target.clone(), name.clone())).await;
    }
    commit(registry, |tx| {
        tx.insert_certificate(pending(1));
        tx.insert_thing_group(thing_group("g", None));
    })
    .await;
    for target in &targets {
        let missing = Conflict::PolicyNotFound(name.clone());
        conflict(registry, missing, |tx| tx.attach_policy(target.clone(), name.clone())).await;
    }
    commit(registry, |tx| tx.ensure_policy(policy("p", "{}"))).await;
    for target in &targets {
        for _ in 0..2 {
            commit(registry, |tx| tx.attach_policy(target.clone(), name.clone())).await;
            let attached = registry.attached_policies(target, false, PageRequest::first(9)).await.unwrap();
            assert_eq!(attached.items, [policy("p", "{}")]);
        }
    }
}

/// Both must exist, the target is missed first, and what is not attached can be detached.
pub async fn a_policy_is_detached(registry: &dyn Registry) {
    let targets = [PolicyTarget::from(id(1)), PolicyTarget::from(group_name("g"))];
    let missing = [Conflict::CertificateNotFound(id(1)), Conflict::ThingGroupNotFound(group_name("g"))];
    for (target, missing) in targets.iter().zip(missing) {
        conflict(registry, missing, |tx| tx.detach_policy(target.clone(), policy_name("p"))).await;
    }
    commit(registry, |tx| {
        tx.insert_certificate(pending(1));
        tx.insert_thing_group(thing_group("g", None));
    })
    .await;
    for target in &targets {
        let missing = Conflict::PolicyNotFound(policy_name("p"));
        conflict(registry, missing, |tx| tx.detach_policy(target.clone(), policy_name("p"))).await;
    }
    commit(registry, |tx| {
        ["p", "q"].iter().for_each(|name| tx.insert_policy(policy(name, "{}")));
        for target in &targets {
            ["p", "q"].iter().for_each(|name| tx.attach_policy(target.clone(), policy_name(name)));
        }
    })
    .await;
    for target in &targets {
        for _ in 0..2 {
            commit(registry, |tx| tx.detach_policy(target.clone(), policy_name("p"))).await;
            let attached = registry.attached_policies(target, false, PageRequest::first(9)).await.unwrap();
            assert_eq!(attached.items, [policy("q", "{}")]);
        }
    }
}

/// A target takes ten, and one that it has already once more.
pub async fn a_target_has_ten_policies_at_most(registry: &dyn Registry) {
    let names = (0..=Policy::OF_TARGET_MAX).map(|number| format!("p{number}")).collect::<Vec<_>>();
    commit(registry, |tx| {
        tx.insert_certificate(pending(1));
        tx.insert_thing_group(thing_group("g", None));
        names.iter().for_each(|name| tx.insert_policy(policy(name, "{}")));
    })
    .await;
    let (last, first) = names.split_last().unwrap();
    for target in [PolicyTarget::from(id(1)), PolicyTarget::from(group_name("g"))] {
        let attach = |name: &String| {
            let (target, name) = (target.clone(), policy_name(name));
            move |tx: &mut Transaction| tx.attach_policy(target, name)
        };
        for name in first {
            commit(registry, attach(name)).await;
        }
        conflict(registry, Conflict::PoliciesOfTarget(target.clone()), attach(last)).await;
        commit(registry, attach(&first[0])).await;
        commit(registry, |tx| {
            tx.detach_policy(target.clone(), policy_name(&first[0]));
            tx.attach_policy(target.clone(), policy_name(last));
        })
        .await;
        conflict(registry, Conflict::PoliciesOfTarget(target.clone()), attach(&first[0])).await;
    }
}

/// The listing is by time of creation.
pub async fn policies_are_listed_by_page(registry: &dyn Registry) {
    assert_pages(&[], |page| registry.policies(page)).await;
    let all = ["e", "b", "d", "a", "c"].map(|name| policy(name, "{}"));
    for policy in &all {
        commit(registry, |tx| tx.insert_policy(policy.clone())).await;
    }
    assert_pages(&all, |page| registry.policies(page)).await;
}

/// The listing is by time of the targets' registration or creation, certificates and groups together.
pub async fn targets_of_a_policy_are_listed_by_page(registry: &dyn Registry) {
    commit(registry, |tx| {
        ["p", "q"].iter().for_each(|name| tx.insert_policy(policy(name, "{}")));
        tx.insert_certificate(pending(3));
        tx.insert_thing_group(thing_group("z", None));
        tx.insert_certificate(pending(1));
        tx.insert_certificate(pending(2));
        tx.insert_thing_group(thing_group("a", None));
        tx.attach_policy(group_name("a"), policy_name("p"));
        [2, 3, 1].iter().for_each(|number| tx.attach_policy(id(*number), policy_name("p")));
        tx.attach_policy(group_name("z"), policy_name("p"));
        tx.attach_policy(id(1), policy_name("q"));
    })
    .await;
    let group = |name| PolicyTarget::ThingGroup(group_name(name));
    let targets = [id(3).into(), group("z"), id(1).into(), id(2).into(), group("a")];
    let [p, q, unknown] = ["p", "q", "unknown"].map(policy_name);
    assert_pages(&targets, |page| registry.policy_targets(&p, page)).await;
    assert_pages(&[3, 1, 2].map(id), |page| registry.policy_certificates(&p, page)).await;
    assert_pages(&[id(1).into()], |page| registry.policy_targets(&q, page)).await;
    assert_pages(&[id(1)], |page| registry.policy_certificates(&q, page)).await;
    assert_pages(&[], |page| registry.policy_targets(&unknown, page)).await;
    assert_pages(&[], |page| registry.policy_certificates(&unknown, page)).await;
}

/// A policy is created once; a second one of its name conflicts and changes nothing.
pub async fn a_policy_is_inserted_once(registry: &dyn Registry) {
    commit(registry, |tx| tx.insert_policy(policy("p", "{}"))).await;
    let exists = Conflict::PolicyExists(policy_name("p"));
    conflict(registry, exists.clone(), |tx| tx.insert_policy(policy("p", "[]"))).await;
    assert_eq!(registry.policy(&policy_name("p")).await.unwrap(), Some(policy("p", "{}")));
    commit(registry, |tx| tx.ensure_policy(policy("q", "{}"))).await;
    let exists = Conflict::PolicyExists(policy_name("q"));
    conflict(registry, exists, |tx| tx.insert_policy(policy("q", "{}"))).await;
    let versions = PolicyVersions {
        default: version_id(1),
        next: version_id(2),
        versions: vec![PolicyVersion { created_at: NOW, ..policy_version(1, "{}") }],
    };
    for name in ["p", "q"] {
        let found = registry.policy_versions(&policy_name(name)).await.unwrap();
        assert_eq!(found.as_ref(), Some(&versions));
    }
    assert_eq!(registry.policy_versions(&policy_name("unknown")).await.unwrap(), None);
}

/// Numbers go on from the last, whatever was deleted. A version that becomes the default changes the policy.
pub async fn versions_are_numbered_and_never_again(registry: &dyn Registry) {
    let name = policy_name("p");
    let insert = |number, is_default| {
        let version = policy_version(number, &format!("[{number}]"));
        move |tx: &mut Transaction| tx.insert_policy_version(policy_name("p"), version, is_default)
    };
    conflict(registry, Conflict::PolicyNotFound(name.clone()), insert(2, true)).await;
    commit(registry, |tx| tx.insert_policy(policy("p", "[1]"))).await;
    for wrong in [1, 3] {
        conflict(registry, Conflict::PolicyVersionNumber(name.clone()), insert(wrong, false)).await;
    }
    commit(registry, insert(2, false)).await;
    assert_eq!(registry.policy(&name).await.unwrap(), Some(policy("p", "[1]")));
    commit(registry, insert(3, true)).await;
    let changed = Policy {
        default_version: version_id(3),
        document: Arc::from("[3]"),
        modified_at: LATER,
        ..policy("p", "")
    };
    assert_eq!(registry.policy(&name).await.unwrap().as_ref(), Some(&changed));

    commit(registry, |tx| {
        tx.set_default_policy_version(name.clone(), version_id(2), NOW);
        tx.delete_policy_version(name.clone(), version_id(3));
    })
    .await;
    conflict(registry, Conflict::PolicyVersionNumber(name.clone()), insert(3, false)).await;
    commit(registry, insert(4, false)).await;
    let first = PolicyVersion { created_at: NOW, ..policy_version(1, "[1]") };
    let expected = [first, policy_version(2, "[2]"), policy_version(4, "[4]")];
    let versions =
        PolicyVersions { default: version_id(2), next: version_id(5), versions: expected.to_vec() };
    assert_eq!(registry.policy_versions(&name).await.unwrap(), Some(versions));
    for (number, expected) in [(1, Some(&expected[0])), (3, None), (4, Some(&expected[2])), (5, None)] {
        let found = registry.policy_version(&name, version_id(number)).await.unwrap();
        assert_eq!(found.as_ref(), expected, "{number}");
    }
    assert_eq!(registry.policy_version(&policy_name("unknown"), version_id(1)).await.unwrap(), None);
}

/// Five versions at most, the default one among them.
pub async fn a_policy_has_five_versions_at_most(registry: &dyn Registry) {
    let name = policy_name("p");
    let insert = |number| {
        move |tx: &mut Transaction| {
            tx.insert_policy_version(policy_name("p"), policy_version(number, "[]"), false)
        }
    };
    commit(registry, |tx| tx.insert_policy(policy("p", "{}"))).await;
    for number in 2..=5 {
        commit(registry, insert(number)).await;
    }
    conflict(registry, Conflict::PolicyVersions(name.clone()), insert(6)).await;
    commit(registry, |tx| tx.delete_policy_version(name.clone(), version_id(3))).await;
    commit(registry, insert(6)).await;
    conflict(registry, Conflict::PolicyVersions(name.clone()), insert(7)).await;
}

/// The default version stays, and one that is not there cannot be deleted or made the default.
pub async fn the_default_version_is_not_deleted(registry: &dyn Registry) {
    let name = policy_name("p");
    let delete =
        |number| move |tx: &mut Transaction| tx.delete_policy_version(policy_name("p"), version_id(number));
    let set = |number| {
        move |tx: &mut Transaction| tx.set_default_policy_version(policy_name("p"), version_id(number), LATER)
    };
    conflict(registry, Conflict::PolicyNotFound(name.clone()), delete(1)).await;
    conflict(registry, Conflict::PolicyNotFound(name.clone()), set(1)).await;
    commit(registry, |tx| {
        tx.insert_policy(policy("p", "{}"));
        tx.insert_policy_version(name.clone(), policy_version(2, "[]"), false);
    })
    .await;
    let not_found = Conflict::PolicyVersionNotFound { name: name.clone(), version: version_id(3) };
    conflict(registry, not_found.clone(), delete(3)).await;
    conflict(registry, not_found, set(3)).await;
    let default = |version| Conflict::PolicyVersionDefault { name: name.clone(), version };
    conflict(registry, default(version_id(1)), delete(1)).await;
    commit(registry, set(2)).await;
    conflict(registry, default(version_id(2)), delete(2)).await;
    commit(registry, delete(1)).await;
    let found = registry.policy(&name).await.unwrap();
    let expected = Policy {
        default_version: version_id(2),
        document: "[]".into(),
        modified_at: LATER,
        ..policy("p", "")
    };
    assert_eq!(found, Some(expected));
}

/// A policy that is attached, or that has other versions, stays. One that was deleted comes back as a new one.
pub async fn a_policy_in_use_is_not_deleted(registry: &dyn Registry) {
    let name = policy_name("p");
    let delete = |tx: &mut Transaction| tx.delete_policy(policy_name("p"));
    conflict(registry, Conflict::PolicyNotFound(name.clone()), delete).await;
    commit(registry, |tx| {
        tx.insert_policy(policy("p", "{}"));
        tx.insert_policy_version(name.clone(), policy_version(2, "[]"), false);
        tx.insert_certificate(pending(1));
        tx.insert_thing_group(thing_group("g", None));
        tx.attach_policy(id(1), name.clone());
        tx.attach_policy(group_name("g"), name.clone());
    })
    .await;
    conflict(registry, Conflict::PolicyAttached(name.clone()), delete).await;
    commit(registry, |tx| tx.detach_policy(id(1), name.clone())).await;
    conflict(registry, Conflict::PolicyAttached(name.clone()), delete).await;
    commit(registry, |tx| tx.detach_policy(group_name("g"), name.clone())).await;
    conflict(registry, Conflict::PolicyHasVersions(name.clone()), delete).await;
    commit(registry, |tx| tx.delete_policy_version(name.clone(), version_id(2))).await;
    commit(registry, delete).await;
    assert_eq!(registry.policy(&name).await.unwrap(), None);
    assert_eq!(registry.policy_versions(&name).await.unwrap(), None);
    assert_eq!(registry.policy_version(&name, version_id(1)).await.unwrap(), None);

    commit(registry, |tx| tx.insert_policy(policy("p", "[3]"))).await;
    let versions = registry.policy_versions(&name).await.unwrap().unwrap();
    assert_eq!((versions.next, versions.versions.len()), (version_id(2), 1));
    assert_eq!(registry.policy_targets(&name, PageRequest::first(9)).await.unwrap().items, []);
}

/// Those of the certificate and those of the thing's groups with all that these are in, by name, each once.
pub async fn effective_policies_are_of_certificate_and_thing(registry: &dyn Registry) {
    let thing_1 = thing_name("t");
    commit(registry, |tx| {
        ["e", "b", "d", "a", "c", "f"].iter().for_each(|name| tx.insert_policy(policy(name, "{}")));
        tx.insert_thing_group(thing_group("root", None));
        tx.insert_thing_group(thing_group("leaf", Some("root")));
        tx.insert_thing_group(thing_group("other", None));
        tx.insert_thing_group(thing_group("elsewhere", Some("root")));
        for (group, name) in
            [("root", "e"), ("leaf", "b"), ("other", "e"), ("other", "d"), ("elsewhere", "f")]
        {
            tx.attach_policy(group_name(group), policy_name(name));
        }
        tx.insert_thing(thing("t"));
        tx.insert_thing(thing("u"));
        ["leaf", "other"].iter().for_each(|group| tx.add_thing_to_group(group_name(group), thing_1.clone()));
        tx.insert_certificate(pending(1));
        ["e", "c", "a"].iter().for_each(|name| tx.attach_policy(id(1), policy_name(name)));
    })
    .await;
    let [u, unknown] = ["u", "unknown"].map(thing_name);
    for (certificate, thing, expected) in [
        (None, None, &[][..]),
        (Some(id(1)), None, &["a", "c", "e"]),
        (None, Some(&thing_1), &["b", "d", "e"]),
        (Some(id(1)), Some(&thing_1), &["a", "b", "c", "d", "e"]),
        (Some(id(1)), Some(&u), &["a", "c", "e"]),
        (Some(id(9)), Some(&unknown), &[]),
    ] {
        let expected: Vec<_> = expected.iter().map(|name| policy(name, "{}")).collect();
        assert_eq!(registry.effective_policies(certificate, thing).await.unwrap(), expected);
    }
}

/// Of versions that are added with the same number at the same time, one is.
pub async fn one_of_many_adds_a_version(registry: &dyn Registry) {
    commit(registry, |tx| tx.insert_policy(policy("p", "{}"))).await;
    let commits = (0..20).map(|number| {
        let mut transaction = Transaction::new();
        let version = policy_version(2, &format!("[{number}]"));
        transaction.insert_policy_version(policy_name("p"), version, number % 2 == 0);
        registry.commit(transaction) as Pending<'_, Result<Committed, CommitError>>
    });
    let results = together(commits.collect()).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1, "exactly one must win");
    let winner = (0..).zip(&results).find(|(_, result)| result.is_ok()).unwrap().0;
    for result in results.iter().filter(|result| result.is_err()) {
        assert_conflict(result, &Conflict::PolicyVersionNumber(policy_name("p")));
    }
    let found = registry.policy_version(&policy_name("p"), version_id(2)).await.unwrap();
    assert_eq!(found, Some(policy_version(2, &format!("[{winner}]"))));
}
