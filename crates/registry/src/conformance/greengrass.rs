//! Promises about Greengrass groups and definitions.

use landfall_model::{
    GreengrassContent, GreengrassKind, GreengrassNewest, GreengrassResource, GreengrassServiceRole,
    GreengrassVersion, PlannedGreengrassGroup, RegistrationPlan, RoleArn,
};

use super::samples::{
    CA, LATER, NOW, ca_certificate, creation_id, greengrass, greengrass_cores, greengrass_group_of,
    greengrass_id, greengrass_loggers, greengrass_name, greengrass_version, greengrass_version_id, id,
    pending, plan, scope, tag,
};
use super::{assert_pages, commit, conflict};
use crate::{Conflict, PageRequest, Registry};

const KINDS: [GreengrassKind; 3] = GreengrassKind::ALL;

/// A group or definition comes back as it was created, with everything that it can have and with nothing, and under no other
/// kind.
pub async fn a_greengrass_resource_is_read_back_as_it_was_created(registry: &dyn Registry) {
    let full = [greengrass_group_of(2, 3), greengrass_cores(), greengrass_loggers()];
    let bare = [
        GreengrassContent::Group { core: None, logger: None },
        GreengrassContent::Cores(Vec::new()),
        GreengrassContent::Loggers(Vec::new()),
    ];
    let full = (1..).zip(full).map(|(number, content)| GreengrassResource {
        tags: vec![tag("a", "1"), tag("b", "\"")],
        modified_at: LATER,
        ..greengrass(number, content)
    });
    let bare = (4..)
        .zip(bare)
        .map(|(number, content)| GreengrassResource { name: None, ..greengrass(number, content) });
    let empty = (7..).zip(KINDS).map(|(number, kind)| GreengrassResource {
        newest: GreengrassNewest::None(kind),
        ..greengrass(number, greengrass_cores())
    });
    for resource in full.chain(bare).chain(empty) {
        commit(registry, |tx| tx.ensure_greengrass(resource.clone())).await;
        for kind in KINDS {
            let found = registry.greengrass_resource(kind, resource.id).await.unwrap();
            assert_eq!(found, (kind == resource.kind()).then(|| resource.clone()));
            let versions = registry.greengrass_versions(kind, resource.id, PageRequest::first(9)).await;
            let expected = resource.version().filter(|_| kind == resource.kind());
            assert_eq!(versions.unwrap().items, Vec::from_iter(expected.cloned()));
        }
        if let Some(version) = resource.version() {
            for kind in KINDS {
                let found = registry.greengrass_version(kind, resource.id, version.id).await.unwrap();
                assert_eq!(found.as_ref(), Some(version).filter(|_| kind == resource.kind()));
            }
        }
    }
}

/// What exists under an id stays as it is, whatever was to be created.
pub async fn an_existing_greengrass_resource_stays_as_it_is(registry: &dyn Registry) {
    let first = greengrass(1, greengrass_cores());
    commit(registry, |tx| tx.ensure_greengrass(first.clone())).await;
    let others = [
        GreengrassResource { name: None, modified_at: LATER, ..first.clone() },
        GreengrassResource { id: first.id, ..greengrass(2, greengrass_loggers()) },
    ];
    for other in others {
        commit(registry, |tx| tx.ensure_greengrass(other.clone())).await;
        let found = registry.greengrass_resource(first.kind(), first.id).await.unwrap();
        assert_eq!(found, Some(first.clone()));
    }
    let loggers = registry.greengrass_resource(GreengrassKind::LoggerDefinition, first.id).await.unwrap();
    assert_eq!(loggers, None);
}

/// A version becomes the newest; those before it stay, and are listed before it.
pub async fn greengrass_versions_are_added(registry: &dyn Registry) {
    let kind = GreengrassKind::Group;
    let resource = GreengrassResource {
        newest: GreengrassNewest::None(kind),
        ..greengrass(1, GreengrassContent::Group { core: None, logger: None })
    };
    commit(registry, |tx| {
        tx.ensure_greengrass(resource.clone());
        tx.ensure_greengrass(greengrass(2, greengrass_group_of(8, 9)));
    })
    .await;
    assert_pages(&[], |page| registry.greengrass_versions(kind, resource.id, page)).await;
    let mut all = Vec::new();
    for number in 1..=7 {
        let version = GreengrassVersion {
            created_at: LATER,
            ..greengrass_version(number, greengrass_group_of(number, 3))
        };
        commit(registry, |tx| {
            tx.add_greengrass_version(resource.id, version.clone());
            tx.add_greengrass_version(greengrass_id(2), version.clone());
        })
        .await;
        all.push(version.clone());
        let found = registry.greengrass_resource(kind, resource.id).await.unwrap();
        let newest = GreengrassNewest::Version(version);
        assert_eq!(found, Some(GreengrassResource { newest, ..resource.clone() }));
    }
    assert_pages(&all, |page| registry.greengrass_versions(kind, resource.id, page)).await;
    for version in &all {
        let found = registry.greengrass_version(kind, resource.id, version.id).await.unwrap();
        assert_eq!(found.as_ref(), Some(version));
    }
    let unknown = registry.greengrass_version(kind, resource.id, greengrass_version_id(99)).await.unwrap();
    assert_eq!(unknown, None);
    let of_other = registry.greengrass_versions(kind, greengrass_id(2), PageRequest::first(9)).await.unwrap();
    assert_eq!(of_other.items.len(), 8);
}

/// A version needs a resource of its kind.
pub async fn a_greengrass_version_needs_its_resource(registry: &dyn Registry) {
    commit(registry, |tx| tx.ensure_greengrass(greengrass(1, greengrass_cores()))).await;
    for (number, content) in
        [(1, greengrass_loggers()), (1, greengrass_group_of(1, 2)), (2, greengrass_cores())]
    {
        let not_found = Conflict::GreengrassNotFound { kind: content.kind(), id: greengrass_id(number) };
        let version = greengrass_version(5, content);
        conflict(registry, not_found, |tx| tx.add_greengrass_version(greengrass_id(number), version)).await;
    }
    let found = registry.greengrass_resource(GreengrassKind::CoreDefinition, greengrass_id(1)).await.unwrap();
    assert_eq!(found, Some(greengrass(1, greengrass_cores())));
}

/// A name is set, and nothing else.
pub async fn a_greengrass_resource_is_renamed(registry: &dyn Registry) {
    let resource = GreengrassResource { name: None, ..greengrass(1, greengrass_loggers()) };
    let kind = resource.kind();
    let name = greengrass_name("other");
    let not_found = |kind| Conflict::GreengrassNotFound { kind, id: resource.id };
    let rename = |kind| {
        let name = name.clone();
        move |tx: &mut crate::Transaction| tx.rename_greengrass(kind, greengrass_id(1), name, LATER)
    };
    conflict(registry, not_found(kind), rename(kind)).await;
    commit(registry, |tx| tx.ensure_greengrass(resource.clone())).await;
    conflict(registry, not_found(GreengrassKind::Group), rename(GreengrassKind::Group)).await;
    commit(registry, rename(kind)).await;
    let expected = GreengrassResource { name: Some(name.clone()), modified_at: LATER, ..resource.clone() };
    assert_eq!(registry.greengrass_resource(kind, resource.id).await.unwrap(), Some(expected));
}

/// A resource goes with its versions, once; another one of its id has none of them.
pub async fn a_greengrass_resource_is_deleted(registry: &dyn Registry) {
    let resource = greengrass(1, greengrass_cores());
    let (kind, other) = (resource.kind(), GreengrassKind::Group);
    let not_found = |kind| Conflict::GreengrassNotFound { kind, id: resource.id };
    conflict(registry, not_found(kind), |tx| tx.delete_greengrass(kind, resource.id)).await;
    commit(registry, |tx| {
        tx.ensure_greengrass(resource.clone());
        tx.add_greengrass_version(resource.id, greengrass_version(50, greengrass_cores()));
        tx.ensure_greengrass(greengrass(2, greengrass_cores()));
    })
    .await;
    conflict(registry, not_found(other), |tx| tx.delete_greengrass(other, resource.id)).await;
    commit(registry, |tx| tx.delete_greengrass(kind, resource.id)).await;
    assert_eq!(registry.greengrass_resource(kind, resource.id).await.unwrap(), None);
    assert_pages(&[], |page| registry.greengrass_versions(kind, resource.id, page)).await;
    conflict(registry, not_found(kind), |tx| tx.delete_greengrass(kind, resource.id)).await;

    let again = GreengrassResource { newest: GreengrassNewest::None(kind), ..resource.clone() };
    commit(registry, |tx| tx.ensure_greengrass(again.clone())).await;
    assert_pages(&[], |page| registry.greengrass_versions(kind, resource.id, page)).await;
    assert_pages(&[greengrass(2, greengrass_cores()), again], |page| {
        registry.greengrass_resources(kind, page)
    })
    .await;
}

/// The resources of a kind are listed by time of creation, though several have the same name.
pub async fn greengrass_resources_are_listed_by_page(registry: &dyn Registry) {
    for kind in KINDS {
        assert_pages(&[], |page| registry.greengrass_resources(kind, page)).await;
    }
    let mut all = Vec::new();
    for number in 0..12 {
        let content = match number % 3 {
            0 => greengrass_group_of(7, 8),
            1 => greengrass_cores(),
            _ => greengrass_loggers(),
        };
        let name = Some(greengrass_name("same"));
        let resource = GreengrassResource { name, ..greengrass(number, content) };
        commit(registry, |tx| tx.ensure_greengrass(resource.clone())).await;
        all.push(resource);
    }
    for kind in KINDS {
        let of_kind: Vec<_> = all.iter().filter(|resource| resource.kind() == kind).cloned().collect();
        assert_eq!(of_kind.len(), 4);
        assert_pages(&of_kind, |page| registry.greengrass_resources(kind, page)).await;
    }
}

/// The account has one service role. That it is associated once more changes nothing unless that is said.
pub async fn the_greengrass_service_role_is_kept(registry: &dyn Registry) {
    let role = |name: &str, associated_at| GreengrassServiceRole {
        role: RoleArn::parse(&format!("arn:aws:iam::123456789012:role/{name}")).unwrap(),
        associated_at,
    };
    let found = async || registry.greengrass_service_role().await.unwrap();
    assert_eq!(found().await, None);
    commit(registry, crate::Transaction::remove_greengrass_service_role).await;
    commit(registry, |tx| tx.ensure_greengrass_service_role(role("a", NOW))).await;
    assert_eq!(found().await, Some(role("a", NOW)));
    commit(registry, |tx| tx.ensure_greengrass_service_role(role("a", LATER))).await;
    assert_eq!(found().await, Some(role("a", NOW)));
    commit(registry, |tx| tx.set_greengrass_service_role(role("a", LATER))).await;
    assert_eq!(found().await, Some(role("a", LATER)));
    commit(registry, |tx| tx.ensure_greengrass_service_role(role("b", NOW))).await;
    assert_eq!(found().await, Some(role("b", NOW)));
    commit(registry, crate::Transaction::remove_greengrass_service_role).await;
    assert_eq!(found().await, None);
}

/// The plan of a Greengrass core, with a service role.
fn core_plan(number: u32) -> RegistrationPlan {
    let group = PlannedGreengrassGroup {
        name: greengrass_name("group"),
        service_role: Some(RoleArn::parse("arn:aws:iam::123456789012:role/greengrass").unwrap()),
    };
    RegistrationPlan { greengrass: Some(group), tags: vec![tag("k", "v")], ..plan(number) }
}

/// A plan of a core makes its group whole or not at all, and each its own, whatever its name.
pub async fn a_plan_makes_a_greengrass_group(registry: &dyn Registry) {
    commit(registry, |tx| tx.insert_ca_certificate(ca_certificate(CA))).await;
    let taken = Conflict::CertificateNotFound(id(1));
    conflict(registry, taken, |tx| tx.provision(&core_plan(1), &scope(), LATER)).await;
    assert_eq!(registry.greengrass_service_role().await.unwrap(), None);
    for kind in KINDS {
        assert_pages(&[], |page| registry.greengrass_resources(kind, page)).await;
    }
    let mut made = Vec::new();
    for number in 1..=2 {
        commit(registry, |tx| {
            tx.register(pending(number), CA);
            tx.provision(&core_plan(number), &scope(), LATER);
        })
        .await;
        let plan = core_plan(number);
        made.extend(plan.greengrass_resources(plan.greengrass.as_ref().unwrap(), LATER));
    }
    for kind in KINDS {
        let of_kind: Vec<_> = made.iter().filter(|resource| resource.kind() == kind).cloned().collect();
        assert_eq!(of_kind.len(), 2);
        assert_pages(&of_kind, |page| registry.greengrass_resources(kind, page)).await;
    }
    let role = registry.greengrass_service_role().await.unwrap().unwrap();
    assert_eq!((Some(role.role), role.associated_at), (core_plan(1).greengrass.unwrap().service_role, LATER));
    // A plan of another device has no group.
    commit(registry, |tx| {
        tx.register(pending(3), CA);
        tx.provision(&plan(3), &scope(), LATER);
    })
    .await;
    let groups = registry.greengrass_resources(GreengrassKind::Group, PageRequest::first(9)).await.unwrap();
    assert_eq!(groups.items.len(), 2);
}

/// A retry finds the group of its registration, changed or not, and makes what is missing of it.
pub async fn a_retry_finds_its_greengrass_group(registry: &dyn Registry) {
    let plan = core_plan(1);
    let planned = plan.greengrass_resources(plan.greengrass.as_ref().unwrap(), NOW);
    let (group, cores) = (creation_id(1).greengrass_id(GreengrassKind::Group), &planned[0]);
    commit(registry, |tx| {
        tx.insert_ca_certificate(ca_certificate(CA));
        tx.insert_certificate(pending(1));
        planned.iter().for_each(|resource| tx.ensure_greengrass(resource.clone()));
        tx.rename_greengrass(GreengrassKind::Group, group, greengrass_name("renamed"), LATER);
        tx.delete_greengrass(GreengrassKind::CoreDefinition, cores.id);
    })
    .await;
    commit(registry, |tx| tx.provision(&plan, &scope(), LATER)).await;
    let groups = registry.greengrass_resources(GreengrassKind::Group, PageRequest::first(9)).await.unwrap();
    let names: Vec<_> = groups.items.into_iter().filter_map(|group| group.name).collect();
    assert_eq!(names, [greengrass_name("renamed")]);
    let cores = registry.greengrass_resource(GreengrassKind::CoreDefinition, cores.id).await.unwrap();
    let [expected, ..] = plan.greengrass_resources(plan.greengrass.as_ref().unwrap(), LATER);
    assert_eq!(cores, Some(expected));
}
