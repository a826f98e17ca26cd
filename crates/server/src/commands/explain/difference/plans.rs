use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

use landfall_model::{
    CaCertificateId, CertificateId, PlannedThing, RegistrationPlan, Thing, ThingName, ThingView, UnixTime,
};
use landfall_registration::{CREATION_ID_ATTRIBUTE, CaSettings, Refusal, Registrar, SettingsSet, plan};
use serde::Serialize;

use crate::commands::explain::certificates::{Candidate, cores, on_threads};
use crate::commands::explain::server::UNKNOWN_CREATION_ID;

/// Something that is different for a certificate.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Change {
    pub(super) kind: Kind,
    /// Which one, of those of which there are several: an attribute, a tag.
    pub(super) name: Option<String>,
    /// How it was; none if it was not there.
    pub(super) before: Option<String>,
    /// How it is then; none if it is not there.
    pub(super) after: Option<String>,
}

/// What is different.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Kind {
    /// It was registered, and is refused then.
    Refused,
    /// It was refused, and is registered then.
    Admitted,
    /// It is refused for another reason.
    RefusedOtherwise,
    /// Somebody else registers it.
    Registrar,
    Thing,
    ThingType,
    SearchableAttributes,
    Attribute,
    BillingGroup,
    ThingGroups,
    Policy,
    PolicyDocument,
    GreengrassGroup,
    GreengrassServiceRole,
    Tag,
    Interceptors,
}

/// What would be of a device under some settings.
struct Planned<'s> {
    settings: &'s CaSettings,
    outcome: Outcome,
}

enum Outcome {
    /// Topic rules register it.
    ByRules,
    /// It would be registered so. No thing is there but those of the devices before it.
    Registered(Box<RegistrationPlan>),
    Refused(Refusal),
}

/// What a device gets, each under its kind and name.
type Facets = BTreeMap<(Kind, Option<String>), String>;

/// What new settings change for certificates whose devices come for the first time, in this order: the number of each that they
/// change something for.
pub(super) fn changes(
    candidates: &[Candidate],
    old: &SettingsSet,
    new: &SettingsSet,
) -> Vec<(usize, Vec<Change>)> {
    let [old, new] = [plans(candidates, old), plans(candidates, new)];
    let pairs: Vec<(&Planned<'_>, &Planned<'_>)> = old.iter().zip(&new).collect();
    let changes = on_threads(&pairs, cores(), |(old, new)| changes_between(old, new));
    changes.into_iter().enumerate().filter(|(_, changes)| !changes.is_empty()).collect()
}

/// What the registrar plans for each certificate.
fn plans<'s>(candidates: &[Candidate], settings: &'s SettingsSet) -> Vec<Planned<'s>> {
    let mut planned = on_threads(candidates, cores(), |candidate| Planned::of(candidate, settings, None));
    // A thing of one device is there when the next one comes that has its name.
    let mut things: HashMap<ThingName, ThingView> = HashMap::with_capacity(planned.len());
    for (candidate, planned) in candidates.iter().zip(&mut planned) {
        let Outcome::Registered(plan) = &planned.outcome else { continue };
        let view = things.get(plan.thing_name());
        if view.is_some() {
            *planned = Planned::of(candidate, settings, view);
        }
        let Outcome::Registered(plan) = &planned.outcome else { continue };
        let principal = (candidate.applicant.certificate, Some(candidate.applicant.ca));
        let thing = things.entry(plan.thing_name().clone());
        thing.or_insert_with(|| view_of(plan, candidate.applicant.ca)).principals.push(principal);
    }
    planned
}

/// The thing that a plan makes.
fn view_of(plan: &RegistrationPlan, ca: CaCertificateId) -> ThingView {
    let attributes = match &plan.thing {
        PlannedThing::Create { name: _, attributes } => attributes.clone(),
        PlannedThing::Join { .. } => landfall_model::Attributes::default(),
    };
    let thing = Thing {
        name: plan.thing_name().clone(),
        id: plan.creation_id.thing_id(),
        thing_type: Some(plan.thing_type.name.clone()),
        billing_group: plan.billing_group.clone(),
        attributes,
        version: 1,
        made_by: Some(ca),
        created_at: UnixTime::from_secs(0),
    };
    ThingView { thing, principals: Vec::<(CertificateId, Option<CaCertificateId>)>::new() }
}

impl<'s> Planned<'s> {
    fn of(candidate: &Candidate, settings: &'s SettingsSet, thing: Option<&ThingView>) -> Self {
        let settings = &**settings.of(candidate.applicant.ca);
        let outcome = match settings.registrar {
            Registrar::Rules => Outcome::ByRules,
            Registrar::Builtin => {
                match plan(&candidate.applicant, &settings.settings, thing, UNKNOWN_CREATION_ID) {
                    Ok(plan) => Outcome::Registered(Box::new(plan)),
                    Err(refusal) => Outcome::Refused(refusal),
                }
            }
        };
        Self { settings, outcome }
    }

    /// How it ends, in words that are the same when it ends alike.
    fn ending(&self) -> String {
        match &self.outcome {
            Outcome::ByRules => "registered by topic rules".to_owned(),
            Outcome::Registered(plan) => format!("registered as {}", plan.thing_name()),
            Outcome::Refused(refusal) => format!("refused, {}: {refusal}", refusal.code()),
        }
    }
}

fn changes_between(old: &Planned<'_>, new: &Planned<'_>) -> Vec<Change> {
    match (&old.outcome, &new.outcome) {
        (Outcome::Registered(before), Outcome::Registered(after)) => {
            let [before, after] = [(before, old), (after, new)].map(|(plan, of)| facets(plan, of.settings));
            let mut keys: Vec<_> = before.keys().chain(after.keys()).collect();
            keys.sort();
            keys.dedup();
            keys.into_iter().filter_map(|key| change(key, before.get(key), after.get(key))).collect()
        }
        (Outcome::Refused(_), Outcome::Refused(_)) => changed_ending(Kind::RefusedOtherwise, old, new),
        (Outcome::Refused(_), Outcome::Registered(_) | Outcome::ByRules) => {
            changed_ending(Kind::Admitted, old, new)
        }
        (Outcome::Registered(_) | Outcome::ByRules, Outcome::Refused(_)) => {
            changed_ending(Kind::Refused, old, new)
        }
        (Outcome::Registered(_) | Outcome::ByRules, Outcome::ByRules)
        | (Outcome::ByRules, Outcome::Registered(_)) => changed_ending(Kind::Registrar, old, new),
    }
}

fn changed_ending(kind: Kind, old: &Planned<'_>, new: &Planned<'_>) -> Vec<Change> {
    let [before, after] = [old, new].map(Planned::ending);
    change(&(kind, None), Some(&before), Some(&after)).into_iter().collect()
}

fn change(
    (kind, name): &(Kind, Option<String>),
    before: Option<&String>,
    after: Option<&String>,
) -> Option<Change> {
    if before == after {
        return None;
    }
    let (before, after) = match (kind, before, after) {
        (Kind::PolicyDocument, Some(before), Some(after)) => {
            (Some(lines_without(before, after)), Some(lines_without(after, before)))
        }
        _ => (before.cloned(), after.cloned()),
    };
    Some(Change { kind: *kind, name: name.clone(), before, after })
}

/// The lines of a text that another one has not, or not as often.
fn lines_without(text: &str, other: &str) -> String {
    let mut others: HashMap<&str, usize> = HashMap::new();
    for line in other.lines() {
        *others.entry(line.trim()).or_default() += 1;
    }
    let own: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| match others.get_mut(line) {
            Some(left) if *left > 0 => {
                *left -= 1;
                false
            }
            Some(_) | None => true,
        })
        .collect();
    own.join("\n")
}

/// All that a plan gives a device.
fn facets(plan: &RegistrationPlan, settings: &CaSettings) -> Facets {
    let RegistrationPlan {
        certificate: _,
        ca: _,
        creation_id: _,
        device_type: _,
        serial_number: _,
        product_id: _,
        thing_type,
        thing,
        thing_groups,
        billing_group,
        policy,
        greengrass,
        tags,
    } = plan;
    let mut facets = Facets::new();
    let mut add = |kind: Kind, name: Option<&str>, value: String| {
        facets.insert((kind, name.map(str::to_owned)), value);
    };
    match thing {
        PlannedThing::Create { name, attributes } => {
            add(Kind::Thing, None, name.to_string());
            let own = attributes.iter().filter(|(name, _)| name.as_str() != CREATION_ID_ATTRIBUTE);
            own.for_each(|(name, value)| add(Kind::Attribute, Some(name.as_str()), value.to_string()));
        }
        PlannedThing::Join { name, principals } => {
            add(Kind::Thing, None, format!("{name}, shared with {}", listed(principals)));
        }
    }
    add(Kind::ThingType, None, thing_type.name.to_string());
    if !thing_type.searchable_attributes.is_empty() {
        add(Kind::SearchableAttributes, None, listed(&thing_type.searchable_attributes));
    }
    billing_group.iter().for_each(|group| add(Kind::BillingGroup, None, group.to_string()));
    if !thing_groups.is_empty() {
        add(Kind::ThingGroups, None, listed(thing_groups));
    }
    add(Kind::Policy, None, policy.name.to_string());
    add(Kind::PolicyDocument, None, Arc::clone(&policy.document).to_string());
    if let Some(group) = greengrass {
        add(Kind::GreengrassGroup, None, group.name.to_string());
        group.service_role.iter().for_each(|role| add(Kind::GreengrassServiceRole, None, role.to_string()));
    }
    tags.iter().for_each(|tag| add(Kind::Tag, Some(tag.key.as_str()), tag.value.as_str().to_owned()));
    if !settings.interceptors.is_empty() {
        let names: Vec<&str> = settings.interceptors.iter().map(|interceptor| &*interceptor.name).collect();
        add(Kind::Interceptors, None, names.join(", "));
    }
    facets
}

fn listed(items: &[impl fmt::Display]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

impl Kind {
    /// The kind for people.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Admitted => "no longer refused",
            Self::RefusedOtherwise => "refused otherwise",
            Self::Registrar => "registrar",
            Self::Thing => "thing",
            Self::ThingType => "thing type",
            Self::SearchableAttributes => "searchable attributes",
            Self::Attribute => "attribute",
            Self::BillingGroup => "billing group",
            Self::ThingGroups => "thing groups",
            Self::Policy => "policy",
            Self::PolicyDocument => "policy document",
            Self::GreengrassGroup => "Greengrass group",
            Self::GreengrassServiceRole => "Greengrass service role",
            Self::Tag => "tag",
            Self::Interceptors => "interceptors",
        }
    }
}
