use std::fmt::Write as _;
use std::time::Duration;

use super::{
    CertificateView, ChainView, Explanation, InterceptorView, PlanView, RefusalView, SettingsView, Step,
};
use crate::text::printable;

/// An explanation for people.
pub(crate) fn as_text(explanation: &Explanation) -> String {
    let Explanation { file, verdict: _, summary, certificate, chain, registered, settings, refusal, plan } =
        explanation;
    let mut lines = Lines::default();
    lines.push(0, format!("{file}: {summary}"));
    refusal.iter().for_each(|refusal| lines.refusal(refusal));
    certificate.iter().for_each(|certificate| lines.certificate(certificate));
    lines.push(0, format!("chain: {}", chain_text(chain)));
    if let Some(registered) = registered {
        let thing = registered.thing_name.as_ref().map(|name| format!(", thing {name}")).unwrap_or_default();
        lines.push(0, format!("registered already: {}{thing}", registered.status));
    }
    settings.iter().for_each(|settings| lines.settings(settings));
    plan.iter().for_each(|plan| lines.plan(plan));
    lines.0
}

/// Lines, each made printable, as much of them is from certificates.
#[derive(Default)]
struct Lines(String);

impl Lines {
    fn push(&mut self, depth: usize, line: impl AsRef<str>) {
        let indent = depth * 2;
        // Writing to a text cannot fail.
        let _ = writeln!(self.0, "{:indent$}{}", "", printable(line.as_ref()));
    }

    fn refusal(&mut self, refusal: &RefusalView) {
        let RefusalView { code: _, message, rule, found, accepted } = refusal;
        self.push(1, message);
        self.push(1, format!("rule:      {rule}"));
        found.iter().for_each(|found| self.push(1, format!("found:     {found}")));
        accepted.iter().for_each(|accepted| self.push(1, format!("accepted:  {accepted}")));
    }

    fn certificate(&mut self, certificate: &CertificateView) {
        let CertificateView {
            certificate_id,
            x509_version,
            subject,
            issuer,
            serial_number,
            key_type,
            not_before,
            not_after,
            alternative_names,
            presented,
        } = certificate;
        self.push(0, format!("certificate {certificate_id}"));
        self.push(1, format!("subject: {subject}"));
        self.push(1, format!("issuer:  {issuer}"));
        self.push(1, format!("X.509 version {x509_version}, serial number {serial_number}, key {key_type}"));
        self.push(1, format!("valid from {not_before} to {not_after}"));
        if *alternative_names > 0 {
            self.push(1, format!("alternative names: {alternative_names}"));
        }
        if *presented > 1 {
            self.push(1, format!("presented with {} more", presented - 1));
        }
    }

    fn settings(&mut self, settings: &SettingsView) {
        let SettingsView { source, registrar, interceptors } = settings;
        self.push(0, format!("settings: {source}; registrar {registrar}"));
        if !interceptors.is_empty() {
            self.push(0, "interceptors, which were not asked now:");
        }
        for (interceptor, number) in interceptors.iter().zip(1..) {
            let InterceptorView { name, kind, target, deadline_ms, on_failure } = interceptor;
            let deadline = humantime::format_duration(Duration::from_millis(*deadline_ms));
            self.push(
                1,
                format!("{number}. {name}: {kind} {target}; within {deadline}, on failure {on_failure}"),
            );
        }
    }

    fn plan(&mut self, plan: &PlanView) {
        let PlanView { thing_name: _, device_type, serial_number, product_id, steps, tags } = plan;
        self.push(
            0,
            format!(
                "plan for {device_type} device {serial_number} of product {product_id}, in the order in which it is \
                 carried out:"
            ),
        );
        for (step, number) in steps.iter().zip(1..) {
            self.push(1, format!("{number}. {}", step_text(step)));
            self.details(step);
        }
        if !tags.is_empty() {
            let tags: Vec<String> = tags.iter().map(|tag| format!("{}={}", tag.key, tag.value)).collect();
            self.push(0, format!("tags of what is created: {}", tags.join(", ")));
        }
    }

    /// What does not fit on a step's own line.
    fn details(&mut self, step: &Step) {
        match step {
            Step::CreateThing { attributes, .. } => {
                for (name, value) in attributes {
                    let value = value.as_deref().unwrap_or("(the id of the registration)");
                    self.push(3, format!("{name} = {value}"));
                }
            }
            // What is there keeps its document.
            Step::Policy { text, exists, .. } if *exists != Some(true) => {
                for line in text.lines() {
                    self.push(3, line);
                }
            }
            Step::ThingType { .. }
            | Step::BillingGroup { .. }
            | Step::JoinThing { .. }
            | Step::ThingGroup { .. }
            | Step::AttachThing { .. }
            | Step::Policy { .. }
            | Step::AttachPolicy { .. }
            | Step::GreengrassServiceRole { .. }
            | Step::GreengrassCoreDefinition { .. }
            | Step::GreengrassLoggerDefinition { .. }
            | Step::GreengrassGroup { .. }
            | Step::Activate { .. } => {}
        }
    }
}

fn chain_text(chain: &ChainView) -> String {
    match chain {
        ChainView::Verified { ca_certificate_id, ca_subject, registered } => {
            let standing = match registered {
                true => "which is registered",
                false => "which is taken for a registered one",
            };
            format!("verified: signed by CA certificate {ca_certificate_id} ({ca_subject}), {standing}")
        }
        ChainView::Pinned => {
            "not asked for: the certificate is registered without a CA certificate".to_owned()
        }
        ChainView::Refused => "not verified".to_owned(),
        ChainView::NotChecked => {
            "not checked: no server was asked, and --ca names no CA certificate".to_owned()
        }
    }
}

fn step_text(step: &Step) -> String {
    match step {
        Step::ThingType { name, searchable_attributes, exists } => {
            let searchable = match searchable_attributes.as_slice() {
                [] => String::new(),
                names => format!("; searchable by {}", names.join(", ")),
            };
            match exists {
                Some(true) => format!("thing type {name}: is there"),
                Some(false) | None => format!("thing type {name}: {}{searchable}", created(*exists)),
            }
        }
        Step::BillingGroup { name, exists } => format!("billing group {name}: {}", created(*exists)),
        Step::CreateThing { name, thing_type, billing_group, attributes: _ } => {
            let group = billing_group.as_ref().map(|group| format!(", in billing group {group}"));
            format!("thing {name}: is created, of type {thing_type}{}", group.unwrap_or_default())
        }
        Step::JoinThing { name, certificate_ids, billing_group } => {
            let others = match certificate_ids.as_slice() {
                [] => "without a certificate".to_owned(),
                ids => format!("with certificate {}", ids.join(", ")),
            };
            let group = billing_group.as_ref().map(|group| format!(", and comes into billing group {group}"));
            format!("thing {name}: is there, {others}; keeps its attributes{}", group.unwrap_or_default())
        }
        Step::ThingGroup { name, exists } => {
            format!("thing group {name}: {}; the thing comes into it", created(*exists))
        }
        Step::AttachThing { name } => format!("the certificate is attached to thing {name}"),
        Step::Policy { name, document: _, text: _, exists } => match exists {
            Some(true) => format!("policy {name}: is there, and keeps its document"),
            Some(false) | None => format!("policy {name}: {}", created(*exists)),
        },
        Step::AttachPolicy { name } => format!("policy {name} is attached to the certificate"),
        Step::GreengrassServiceRole { role_arn } => {
            format!("Greengrass service role of the account: becomes {role_arn}")
        }
        Step::GreengrassCoreDefinition { thing_name, certificate_arn: _, sync_shadow } => {
            let shadow = if *sync_shadow { "with" } else { "without" };
            format!("Greengrass core definition: is created, thing {thing_name} {shadow} synchronised shadow")
        }
        Step::GreengrassLoggerDefinition { loggers } => {
            let loggers: Vec<String> = loggers.iter().map(|logger| format!("{logger}")).collect();
            format!("Greengrass logger definition: is created, {}", loggers.join(", "))
        }
        Step::GreengrassGroup { name } => {
            format!("Greengrass group {name}: is created with these definitions, ready to deploy")
        }
        Step::Activate { certificate_id: _ } => "the certificate becomes ACTIVE".to_owned(),
    }
}

/// Whether something is created that may be there.
fn created(exists: Option<bool>) -> &'static str {
    match exists {
        Some(true) => "is there",
        Some(false) => "is created",
        None => "is created unless it is there",
    }
}
