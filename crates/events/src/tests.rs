//! Topics and payloads of the registry's events, as others read them.

use std::fmt::Write;

use landfall_model::{
    AccountId, AttributeName, AttributeValue, ConnectionAttribute, Description, PropagatingAttribute,
    PropagationSource, Region, Scope, Thing, ThingGroup, ThingGroupId, ThingGroupName, ThingGroupView,
    ThingId, ThingName, ThingType, ThingTypeId, ThingTypeName, UnixTime, UserPropertyKey,
};

use super::*;

const AT: UnixTime = UnixTime::from_millis(1_234_567_890_123);

fn scope() -> Scope {
    Scope { account: AccountId::parse("123456789012").unwrap(), region: Region::parse("eu-west-1").unwrap() }
}

fn thing() -> Thing {
    let attribute =
        |(name, value)| (AttributeName::parse(name).unwrap(), AttributeValue::parse(value).unwrap());
    Thing {
        name: ThingName::parse("MyThing").unwrap(),
        id: ThingId::from_bytes([0x11; 16]),
        thing_type: None,
        billing_group: None,
        attributes: [("b", "2"), ("a", "1")].map(attribute).into_iter().collect(),
        version: 3,
        made_by: None,
        created_at: AT,
    }
}

fn thing_type() -> ThingType {
    let key = |text| UserPropertyKey::parse(text).unwrap();
    let model = PropagationSource::Thing(AttributeName::parse("model").unwrap());
    let client = PropagationSource::Connection(ConnectionAttribute::ClientId);
    ThingType {
        name: ThingTypeName::parse("MyThingType").unwrap(),
        id: ThingTypeId::from_bytes([0x22; 16]),
        description: Some(Description::parse("My thing type").unwrap()),
        searchable_attributes: ["b", "a"].map(|name| AttributeName::parse(name).unwrap()).into(),
        propagating_attributes: vec![
            PropagatingAttribute { key: key("model"), source: model },
            PropagatingAttribute { key: key("iot:ClientId"), source: client },
        ],
        deprecated_at: None,
        created_at: AT,
    }
}

fn group(name: &str, id: u8) -> (ThingGroupName, ThingGroupId) {
    (ThingGroupName::parse(name).unwrap(), ThingGroupId::from_bytes([id; 16]))
}

fn view(ancestors: Vec<(ThingGroupName, ThingGroupId)>) -> ThingGroupView {
    let (name, id) = group("MyGroup", 0x33);
    let group = ThingGroup {
        name,
        id,
        parent: ancestors.last().map(|(name, _)| name.clone()),
        description: None,
        attributes: thing().attributes,
        version: 2,
        created_at: AT,
    };
    ThingGroupView { group, ancestors }
}

/// The topic and the payload of each event, a line each.
fn told(events: &[Event]) -> String {
    let mut told = String::new();
    for event in events {
        let payload = String::from_utf8(event.payload(EventId::new(0x1_2345))).unwrap();
        writeln!(told, "{}\n{payload}", event.topic().as_str()).unwrap();
    }
    told
}

#[test]
fn things() {
    let typed = Thing { thing_type: Some(thing_type().name), attributes: Default::default(), ..thing() };
    let event =
        |operation, thing| Event::Thing(ThingEvent { operation, thing, account: scope().account, at: AT });
    insta::assert_snapshot!(told(&[
        event(Operation::Created, thing()),
        event(Operation::Updated, typed.clone()),
        event(Operation::Deleted, typed),
    ]));
}

#[test]
fn thing_types() {
    let deprecated = ThingType {
        deprecated_at: Some(UnixTime::from_millis(1_234_567_890_000)),
        description: None,
        searchable_attributes: Vec::new(),
        propagating_attributes: Vec::new(),
        ..thing_type()
    };
    let event = |operation, thing_type| {
        Event::ThingType(ThingTypeEvent { operation, thing_type, account: scope().account, at: AT })
    };
    let association = |operation| {
        let (thing, thing_id) = (thing().name, thing().id);
        let thing_type = thing_type().name;
        Event::ThingTypeAssociation(ThingTypeAssociation { operation, thing, thing_id, thing_type, at: AT })
    };
    insta::assert_snapshot!(told(&[
        event(Operation::Created, thing_type()),
        event(Operation::Updated, deprecated.clone()),
        event(Operation::Deleted, deprecated),
        association(Relation::Added),
        association(Relation::Removed),
    ]));
}

#[test]
fn thing_groups() {
    let event =
        |operation, group| Event::ThingGroup(ThingGroupEvent { operation, group, scope: scope(), at: AT });
    let (parent, child) = (group("Parent", 0x44), group("MyGroup", 0x33));
    let hierarchy = |operation| {
        Event::ThingGroupHierarchy(ThingGroupHierarchy {
            operation,
            parent: parent.0.clone(),
            parent_id: parent.1,
            child: child.0.clone(),
            child_id: child.1,
            account: scope().account,
            at: AT,
        })
    };
    let membership = |operation| {
        Event::ThingGroupMembership(ThingGroupMembership {
            operation,
            group: child.0.clone(),
            group_id: child.1,
            thing: thing().name,
            thing_id: thing().id,
            scope: scope(),
            at: AT,
        })
    };
    insta::assert_snapshot!(told(&[
        event(Operation::Created, view(Vec::new())),
        event(Operation::Updated, view(vec![group("Root", 0x55), parent.clone()])),
        event(Operation::Deleted, view(vec![parent.clone()])),
        hierarchy(Relation::Added),
        hierarchy(Relation::Removed),
        membership(Relation::Added),
        membership(Relation::Removed),
    ]));
}

#[test]
fn each_kind_has_its_switch() {
    let account = scope().account;
    let thing = ThingEvent { operation: Operation::Created, thing: thing(), account, at: AT };
    assert_eq!(Event::Thing(thing).kind(), Some(EventType::Thing));
}
