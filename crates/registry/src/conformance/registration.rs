//! Promises about registrations: the view, the plan, the log.

use std::cell::Cell;
use std::future::poll_fn;
use std::task::Poll;

use landfall_model::{
    AttachedThing, AutoRegistration, CaStatus, CertificateStatus, OutcomeKind, PlannedThing, PolicyVersionId,
    Principal, RegistrationPlan, RegistryView, Thing, ThingPrincipalType, ThingType, UnixTime,
};

use super::samples::{
    CA, LATER, NOW, activated, attributes, ca_certificate, ca_id, certificate, event, failure, group_name,
    id, pending, plan, policy, policy_name, policy_version, scope, success, thing, thing_group, thing_name,
    thing_type, type_name, version_id,
};
use super::{assert_pages, commit, conflict, together};
use crate::{Committed, Conflict, Expectation, PageRequest, RecordFilter, Registry, Transaction};

/// What is not registered is not in the view, each part for itself.
pub async fn a_view_of_nothing_is_empty(registry: &dyn Registry) {
    let nothing = RegistryView { ca_certificate: None, certificate: None, principal: None };
    assert_eq!(registry.view(id(1), CA).await.unwrap(), nothing);
    commit(registry, |tx| {
        tx.insert_ca_certificate(ca_certificate(CA));
        tx.insert_certificate(pending(2));
    })
    .await;
    let with_ca = RegistryView { ca_certificate: Some(ca_certificate(CA)), ..nothing.clone() };
    assert_eq!(registry.view(id(1), CA).await.unwrap(), with_ca);
    let bare = Principal { certificate: id(2), things: Vec::new(), policies: Vec::new() };
    let without_ca = RegistryView { certificate: Some(pending(2)), principal: Some(bare), ..nothing };
    assert_eq!(registry.view(id(2), ca_id(9)).await.unwrap(), without_ca);
}

/// The commit that activates gives back what a view then has; any other gives nothing.
pub async fn the_commit_that_activates_returns_the_principal(registry: &dyn Registry) {
    let mut register = Transaction::new();
    register.insert_ca_certificate(ca_certificate(CA));
    register.register(pending(1), CA);
    assert_eq!(registry.commit(register).await.unwrap(), Committed::default());
    let mut provision = Transaction::new();
    provision.provision(&plan(1), &scope(), NOW);
    let activated = registry.commit(provision).await.unwrap().activated;
    assert!(activated.as_ref().is_some_and(|principal| principal.things.len() == 1));
    assert_eq!(activated, registry.view(id(1), CA).await.unwrap().principal);
}

/// Things and policies are in the order of their names.
pub async fn a_view_has_the_certificate_with_what_is_attached(registry: &dyn Registry) {
    let typed = Thing {
        thing_type: Some(type_name("type")),
        attributes: attributes(&[("a", "1"), ("b", "")]),
        ..thing("t2")
    };
    commit(registry, |tx| {
        tx.insert_ca_certificate(ca_certificate(CA));
        tx.insert_certificate(pending(1));
        tx.insert_certificate(pending(2));
        tx.ensure_thing_type(thing_type("type", &[]));
        tx.insert_thing(typed.clone());
        ["t3", "t1", "t4"].into_iter().for_each(|name| tx.insert_thing(thing(name)));
        ["p2", "p1", "p3"].into_iter().for_each(|name| tx.ensure_policy(policy(name, "{}")));
        ["t3", "t1", "t2"].into_iter().for_each(|name| tx.attach_thing(id(1), thing_name(name)));
        ["p2", "p1"].into_iter().for_each(|name| tx.attach_policy(id(1), policy_name(name)));
        tx.attach_thing(id(2), thing_name("t4"));
        tx.attach_policy(id(2), policy_name("p3"));
    })
    .await;
    let attached = |thing: Thing| AttachedThing {
        name: thing.name,
        thing_type: thing.thing_type,
        principal_type: ThingPrincipalType::NonExclusive,
        policies: Vec::new(),
    };
    let principal = Principal {
        certificate: id(1),
        things: [thing("t1"), typed, thing("t3")].map(attached).into(),
        policies: ["p1", "p2"].map(|name| (policy_name(name), PolicyVersionId::FIRST)).into(),
    };
    let expected = RegistryView {
        ca_certificate: Some(ca_certificate(CA)),
        certificate: Some(pending(1)),
        principal: Some(principal),
    };
    assert_eq!(registry.view(id(1), CA).await.unwrap(), expected);
}

/// Each thing has the policies of its groups and of all that these are in; those of the certificate are apart. What is read
/// of the certificate alone is the same.
pub async fn a_thing_of_a_principal_has_the_policies_of_its_groups(registry: &dyn Registry) {
    commit(registry, |tx| {
        ["p4", "p2", "p1", "p3"].iter().for_each(|name| tx.insert_policy(policy(name, "{}")));
        tx.insert_policy_version(policy_name("p2"), policy_version(2, "[]"), true);
        tx.insert_thing_group(thing_group("root", None));
        tx.insert_thing_group(thing_group("leaf", Some("root")));
        tx.insert_thing_group(thing_group("other", None));
        for (group, name) in [("root", "p4"), ("root", "p2"), ("leaf", "p2"), ("leaf", "p1"), ("other", "p4")]
        {
            tx.attach_policy(group_name(group), policy_name(name));
        }
        tx.insert_certificate(pending(1));
        ["t1", "t2", "t3"].iter().for_each(|name| tx.insert_thing(thing(name)));
        ["t1", "t2", "t3"].iter().for_each(|name| tx.attach_thing(id(1), thing_name(name)));
        ["leaf", "other"].iter().for_each(|group| tx.add_thing_to_group(group_name(group), thing_name("t1")));
        tx.add_thing_to_group(group_name("root"), thing_name("t3"));
        ["p3", "p2"].iter().for_each(|name| tx.attach_policy(id(1), policy_name(name)));
    })
    .await;
    let policies = |names: &[(&str, u32)]| -> Vec<_> {
        names.iter().map(|(name, version)| (policy_name(name), version_id(*version))).collect()
    };
    let attached = |name, names: &[(&str, u32)]| AttachedThing {
        name: thing_name(name),
        thing_type: None,
        principal_type: ThingPrincipalType::NonExclusive,
        policies: policies(names),
    };
    let mut expected = Principal {
        certificate: id(1),
        things: vec![
            attached("t1", &[("p1", 1), ("p2", 2), ("p4", 1)]),
            attached("t2", &[]),
            attached("t3", &[("p2", 2), ("p4", 1)]),
        ],
        policies: policies(&[("p2", 2), ("p3", 1)]),
    };
    assert_eq!(registry.view(id(1), CA).await.unwrap().principal.as_ref(), Some(&expected));
    assert_eq!(registry.principal(id(1)).await.unwrap().as_ref(), Some(&expected));
    assert_eq!(registry.principal(id(2)).await.unwrap(), None);

    let mut activate = Transaction::new();
    for name in ["t2", "t3"] {
        activate.detach_thing(id(1), thing_name(name));
    }
    activate.remove_thing_from_group(group_name("leaf"), thing_name("t1"));
    activate.set_default_policy_version(policy_name("p2"), version_id(1), LATER);
    activate.attach_thing_as(ThingPrincipalType::Exclusive, id(1), thing_name("t1"));
    activate.activate_certificate(id(1), LATER);
    expected.things = vec![attached("t1", &[("p4", 1)])];
    expected.things[0].principal_type = ThingPrincipalType::Exclusive;
    expected.policies = policies(&[("p2", 1), ("p3", 1)]);
    assert_eq!(registry.commit(activate).await.unwrap().activated.as_ref(), Some(&expected));
    assert_eq!(registry.principal(id(1)).await.unwrap(), Some(expected));
}

/// Whoever reads while a transaction changes several parts sees all of them changed or none.
pub async fn a_view_is_as_of_one_moment(registry: &dyn Registry) {
    const CHANGES: u32 = 200;
    let statuses = |is_ca_active| {
        if is_ca_active {
            (CaStatus::Active, CertificateStatus::Inactive)
        } else {
            (CaStatus::Inactive, CertificateStatus::Active)
        }
    };
    commit(registry, |tx| {
        tx.insert_ca_certificate(ca_certificate(CA));
        tx.insert_certificate(certificate(1, Some(CA), CertificateStatus::Inactive));
    })
    .await;
    let is_done = Cell::new(false);
    let writer = async {
        for change in 0..CHANGES {
            let (ca, certificate) = statuses(change % 2 == 1);
            commit(registry, |tx| {
                tx.update_ca_certificate(CA, Some(ca), None, LATER);
                tx.set_certificate_status(id(1), certificate, LATER);
            })
            .await;
        }
        is_done.set(true);
    };
    let reader = async {
        while !is_done.get() {
            let view = registry.view(id(1), CA).await.unwrap();
            let ca = view.ca_certificate.unwrap().status;
            let certificate = view.certificate.unwrap().status;
            assert_eq!((ca, certificate), statuses(ca == CaStatus::Active));
            yield_now().await;
        }
    };
    together::<()>(vec![Box::pin(writer), Box::pin(reader)]).await;
}

/// Only an ACTIVE CA certificate with auto-registration on registers, and it can be turned on and off.
pub async fn a_ca_certificate_must_register_devices(registry: &dyn Registry) {
    let refused = Conflict::CaNotRegistering(CA);
    conflict(registry, refused.clone(), |tx| tx.register(pending(1), CA)).await;
    commit(registry, |tx| tx.insert_ca_certificate(ca_certificate(CA))).await;
    let (active, inactive) = (CaStatus::Active, CaStatus::Inactive);
    let (enable, disable) = (AutoRegistration::Enable, AutoRegistration::Disable);
    for (status, auto_registration) in [(active, disable), (inactive, enable), (inactive, disable)] {
        commit(registry, |tx| {
            tx.update_ca_certificate(CA, Some(status), Some(auto_registration), LATER);
        })
        .await;
        conflict(registry, refused.clone(), |tx| tx.register(pending(1), CA)).await;
        assert_eq!(registry.certificate(id(1)).await.unwrap(), None);
    }
    commit(registry, |tx| tx.update_ca_certificate(CA, Some(active), Some(enable), LATER)).await;
    commit(registry, |tx| tx.register(pending(1), CA)).await;
    assert_eq!(registry.certificate(id(1)).await.unwrap(), Some(pending(1)));

    commit(registry, |tx| {
        tx.update_ca_certificate(CA, Some(inactive), None, LATER);
        tx.delete_ca_certificate(CA);
    })
    .await;
    conflict(registry, refused, |tx| tx.register(pending(2), CA)).await;
}

/// An ACTIVE CA certificate is what is expected, whether it registers devices or not.
pub async fn a_ca_certificate_can_be_expected_to_be_active(registry: &dyn Registry) {
    let refused = Conflict::CaInactive(CA);
    let expect = |tx: &mut Transaction| tx.expect(Expectation::CaActive(CA));
    conflict(registry, refused.clone(), expect).await;
    commit(registry, |tx| tx.insert_ca_certificate(ca_certificate(CA))).await;
    for auto_registration in [AutoRegistration::Enable, AutoRegistration::Disable] {
        for _ in 0..2 {
            commit(registry, |tx| {
                let active = Some(CaStatus::Active);
                tx.update_ca_certificate(CA, active, Some(auto_registration), LATER);
            })
            .await;
            commit(registry, expect).await;
            let inactive = Some(CaStatus::Inactive);
            // A change before it counts, and is rolled back with it.
            conflict(registry, refused.clone(), |tx| {
                tx.update_ca_certificate(CA, inactive, None, LATER);
                expect(tx);
            })
            .await;
            commit(registry, expect).await;
            commit(registry, |tx| tx.update_ca_certificate(CA, inactive, None, LATER)).await;
            conflict(registry, refused.clone(), expect).await;
        }
    }
    commit(registry, |tx| tx.delete_ca_certificate(CA)).await;
    conflict(registry, refused, expect).await;
}

/// A plan makes type, thing, policy and attachments, and the certificate ACTIVE; what exists of type and policy stays.
pub async fn a_plan_creates_and_activates(registry: &dyn Registry) {
    commit(registry, |tx| tx.insert_ca_certificate(ca_certificate(CA))).await;
    for number in 1..=2 {
        commit(registry, |tx| {
            tx.register(pending(number), CA);
            tx.provision(&plan(number), &scope(), UnixTime::from_millis(NOW.as_millis() + i64::from(number)));
            tx.append(event(number));
            tx.record(success(number));
        })
        .await;
    }
    let made_at = |number| UnixTime::from_millis(NOW.as_millis() + number);
    for number in 1..=2 {
        let certificate = registry.certificate(id(number)).await.unwrap().unwrap();
        assert_eq!(certificate.status, CertificateStatus::Active);
        assert_eq!(certificate.modified_at, made_at(i64::from(number)));
        assert_eq!(certificate.version, 2, "registered, then activated");
        let view = registry.thing_view(plan(number).thing_name()).await.unwrap().unwrap();
        assert_eq!(view.principals, [(id(number), Some(CA))]);
        let expected = Thing {
            id: plan(number).creation_id.thing_id(),
            thing_type: Some(type_name("sensor-device")),
            attributes: attributes(&[("serial_number", &number.to_string()), ("organization", "Acme")]),
            made_by: Some(CA),
            created_at: made_at(i64::from(number)),
            ..thing(&format!("thing-{number}"))
        };
        assert_eq!(view.thing, expected);
        assert_eq!(registry.certificate_records(id(number)).await.unwrap(), [success(number)]);
        let attached =
            registry.attached_policies(&id(number).into(), false, PageRequest::first(9)).await.unwrap();
        assert_eq!(attached.items.len(), 1);
        assert_eq!(attached.items[0].created_at, made_at(1), "the policy is that of the first device");
    }
    let thing_type = registry.thing_type(&type_name("sensor-device")).await.unwrap();
    let made = thing_type.map(|thing_type| (thing_type.created_at, thing_type.id));
    assert_eq!(made, Some((made_at(1), plan(1).creation_id.thing_type_id())));
    assert_eq!(registry.pending_events(None, 9).await.unwrap().len(), 2);
}

/// The plan of device `number`, whose certificate is attached to a thing that is there.
fn plan_to_join(number: u32, name: &str, principals: &[u32]) -> RegistrationPlan {
    let principals = principals.iter().copied().map(id).collect();
    RegistrationPlan { thing: PlannedThing::Join { name: thing_name(name), principals }, ..plan(number) }
}

/// A thing that has the expected principals gets one more and stays as it is otherwise.
pub async fn a_plan_joins_a_thing(registry: &dyn Registry) {
    commit(registry, |tx| {
        tx.insert_thing(thing("t"));
        (1..=2).for_each(|number| tx.insert_certificate(pending(number)));
    })
    .await;
    commit(registry, |tx| tx.provision(&plan_to_join(1, "t", &[]), &scope(), LATER)).await;
    commit(registry, |tx| tx.provision(&plan_to_join(2, "t", &[1]), &scope(), LATER)).await;
    let view = registry.thing_view(&thing_name("t")).await.unwrap().unwrap();
    assert_eq!(view.principals, [(id(2), Some(CA)), (id(1), Some(CA))], "by id: they descend");
    assert_eq!(view.thing, thing("t"));
    for number in 1..=2 {
        let status = registry.certificate(id(number)).await.unwrap().unwrap().status;
        assert_eq!(status, CertificateStatus::Active);
    }

    // A device that comes back with its thing attached already finishes what is missing.
    commit(registry, |tx| {
        tx.insert_thing(thing("u"));
        tx.insert_certificate(pending(3));
        tx.attach_thing(id(3), thing_name("u"));
    })
    .await;
    commit(registry, |tx| tx.provision(&plan_to_join(3, "u", &[3]), &scope(), LATER)).await;
    let principal = registry.view(id(3), CA).await.unwrap().principal.unwrap();
    assert_eq!((principal.things.len(), principal.policies.len()), (1, 1));
}

/// A plan whose thing came, went or changed its principals is refused whole.
pub async fn a_stale_plan_changes_nothing(registry: &dyn Registry) {
    commit(registry, |tx| {
        tx.insert_thing(thing("thing-1"));
        (1..=2).for_each(|number| tx.insert_certificate(pending(number)));
        tx.attach_thing(id(2), thing_name("thing-1"));
    })
    .await;
    let name = thing_name("thing-1");
    for (plan, expected) in [
        (plan(1), Conflict::ThingExists(name.clone())),
        (plan_to_join(1, "thing-1", &[]), Conflict::ThingPrincipalsChanged(name.clone())),
        (plan_to_join(1, "thing-1", &[1, 2]), Conflict::ThingPrincipalsChanged(name.clone())),
        (plan_to_join(1, "gone", &[]), Conflict::ThingNotFound(thing_name("gone"))),
        (plan(3), Conflict::CertificateNotFound(id(3))),
    ] {
        conflict(registry, expected, |tx| tx.provision(&plan, &scope(), LATER)).await;
        assert_eq!(registry.certificate(id(1)).await.unwrap(), Some(pending(1)));
        assert_eq!(registry.thing_type(&type_name("sensor-device")).await.unwrap(), None);
        assert_eq!(registry.policy(&policy_name("iot-access-policy")).await.unwrap(), None);
        assert_eq!(registry.thing(&thing_name("thing-3")).await.unwrap(), None);
    }
}

/// A thing gets no deprecated type, and a certificate that is another thing's alone gets no other.
pub async fn a_plan_breaks_no_rule(registry: &dyn Registry) {
    let kind = thing_type("sensor-device", &[]);
    commit(registry, |tx| {
        (1..=2).for_each(|number| tx.insert_certificate(pending(number)));
        tx.insert_thing(thing("t"));
        tx.insert_thing_type(kind.clone());
        tx.set_deprecated(kind.clone(), Some(LATER));
    })
    .await;
    let deprecated = Conflict::ThingTypeDeprecated(kind.name.clone());
    conflict(registry, deprecated, |tx| tx.provision(&plan(1), &scope(), LATER)).await;
    assert_eq!(registry.certificate(id(1)).await.unwrap(), Some(pending(1)));
    let deprecated = ThingType { deprecated_at: Some(LATER), ..kind };
    commit(registry, |tx| {
        tx.set_deprecated(deprecated, None);
        tx.attach_thing_as(ThingPrincipalType::Exclusive, id(2), thing_name("t"));
    })
    .await;
    commit(registry, |tx| tx.provision(&plan(1), &scope(), LATER)).await;
    let exclusive = Conflict::CertificateExclusive { certificate: id(2), thing: thing_name("t") };
    conflict(registry, exclusive, |tx| tx.provision(&plan(2), &scope(), LATER)).await;
    assert_eq!(registry.thing(plan(2).thing_name()).await.unwrap(), None);
}

/// A certificate that is not pending any more is not provisioned, whatever its status.
pub async fn a_plan_is_carried_out_once(registry: &dyn Registry) {
    for (number, status) in
        (1..).zip([CertificateStatus::Active, CertificateStatus::Inactive, CertificateStatus::Revoked])
    {
        commit(registry, |tx| tx.insert_certificate(certificate(number, Some(CA), status))).await;
        let expected = Conflict::CertificateNotPending(id(number));
        conflict(registry, expected, |tx| tx.provision(&plan(number), &scope(), LATER)).await;
        assert_eq!(registry.thing(plan(number).thing_name()).await.unwrap(), None);
    }
}

/// A failure that equals the certificate's last entry counts that up; any other entry is added.
pub async fn equal_failures_count_up(registry: &dyn Registry) {
    let at = UnixTime::from_millis;
    let mut again = failure(1, "a");
    again.first_at = at(LATER.as_millis() + 5);
    again.last_at = at(LATER.as_millis() + 9);
    again.duration_us = 77;
    commit(registry, |tx| tx.record(failure(1, "a"))).await;
    commit(registry, |tx| tx.record(failure(2, "a"))).await;
    commit(registry, |tx| tx.record(again.clone())).await;
    let mut counted = failure(1, "a");
    (counted.attempts, counted.last_at, counted.duration_us) = (2, again.last_at, 77);
    assert_eq!(registry.certificate_records(id(1)).await.unwrap(), [counted.clone()]);

    // The same reason in other words is another failure, and what was counted is added as it is.
    let mut other_words = failure(1, "a");
    if let landfall_model::Outcome::Failure(rejection) = &mut other_words.outcome {
        "other words".clone_into(&mut rejection.message);
    }
    let mut many = other_words.clone();
    many.attempts = 3;
    for record in
        [other_words.clone(), many.clone(), failure(1, "b"), failure(1, "a"), success(1), success(1)]
    {
        commit(registry, |tx| tx.record(record)).await;
    }
    commit(registry, |tx| tx.record(failure(1, "a"))).await;
    let mut other_words_counted = other_words;
    other_words_counted.attempts = 4;
    let expected = [
        counted,
        other_words_counted,
        failure(1, "b"),
        failure(1, "a"),
        success(1),
        success(1),
        failure(1, "a"),
    ];
    assert_eq!(registry.certificate_records(id(1)).await.unwrap(), expected);
    assert_eq!(registry.certificate_records(id(2)).await.unwrap(), [failure(2, "a")]);
    assert_eq!(registry.certificate_records(id(3)).await.unwrap(), []);
}

/// Records of before and after the registration of a certificate are one log.
pub async fn a_log_goes_on_when_its_certificate_is_registered(registry: &dyn Registry) {
    commit(registry, |tx| tx.record(failure(1, "a"))).await;
    commit(registry, |tx| {
        tx.insert_certificate(pending(1));
        tx.record(failure(1, "a"));
    })
    .await;
    commit(registry, |tx| tx.record(failure(1, "a"))).await;
    let mut counted = failure(1, "a");
    counted.attempts = 3;
    assert_eq!(registry.certificate_records(id(1)).await.unwrap(), [counted.clone()]);

    let mut twice = failure(1, "b");
    twice.attempts = 2;
    for record in [failure(1, "b"), failure(1, "b"), failure(1, "a"), success(1)] {
        commit(registry, |tx| tx.record(record)).await;
    }
    let expected = [counted, twice, failure(1, "a"), success(1)];
    assert_eq!(registry.certificate_records(id(1)).await.unwrap(), expected);
    assert_eq!(
        registry.records(&RecordFilter::default(), PageRequest::first(9)).await.unwrap().items,
        expected
    );
}

/// The listing has every certificate's records, registered or not, in the order in which they were added.
pub async fn records_are_listed_by_page(registry: &dyn Registry) {
    let all = [
        failure(3, "a"),
        success(1),
        failure(2, "a"),
        success(4),
        failure(3, "b"),
        activated(1),
        activated(6),
    ];
    commit(registry, |tx| tx.insert_certificate(pending(1))).await;
    for record in &all {
        commit(registry, |tx| tx.record(record.clone())).await;
    }
    let every = RecordFilter::default();
    assert_pages(&all, |page| registry.records(&every, page)).await;
}

/// The listing has the records for which the whole filter holds. A record is of the time from its first attempt to its last.
pub async fn records_are_filtered(registry: &dyn Registry) {
    let mut all = Vec::new();
    for number in 0..60_u32 {
        let position = number as usize;
        let mut record = match number % 4 {
            0 => success(number),
            1 => activated(number),
            2 => failure(number, "a"),
            _ => failure(number, "b"),
        };
        record.ca = [CA, ca_id(2)][position / 4 % 2];
        record.first_at = UnixTime::from_secs((number / 8).into());
        record.last_at = UnixTime::from_secs((number / 8 + number % 3).into());
        all.push(record);
    }
    for record in &all {
        commit(registry, |tx| tx.record(record.clone())).await;
    }
    let outcomes = [None].into_iter().chain(OutcomeKind::ALL.map(Some));
    let codes = [None, Some("a"), Some("b"), Some("c"), Some("")].map(|code| code.map(str::to_owned));
    let mut found = 0;
    for outcome in outcomes {
        for ca in [None, Some(CA), Some(ca_id(2)), Some(ca_id(3))] {
            for code in &codes {
                for (since, until) in
                    [(None, None), (Some(3), None), (None, Some(3)), (Some(3), Some(4)), (Some(9), Some(1))]
                {
                    let [since, until] = [since, until].map(|at| at.map(UnixTime::from_secs));
                    let filter = RecordFilter { outcome, ca, code: code.clone(), since, until };
                    let expected: Vec<_> =
                        all.iter().filter(|record| filter.matches(record)).cloned().collect();
                    found += usize::from(!expected.is_empty());
                    assert_pages(&expected, |page| registry.records(&filter, page)).await;
                }
            }
        }
    }
    assert!(found > 60, "{found} filters let something through");
}

/// Lets the other futures of the same task have their turn.
async fn yield_now() {
    let mut yielded = false;
    poll_fn(|context| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
