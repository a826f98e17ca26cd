use std::sync::Arc;

use landfall_model::{CertificateId, Delivery, DeliveryAction, DeliveryState, RuleName, TopicName, UnixTime};
use landfall_rules::{
    ActionFailure, ActionProblem, BasicIngest, CompiledRule, Context, ErrorRequest, Message, PayloadTooLong,
};
use landfall_services::{PublishedMessage, Publisher};

use crate::worker::new_id;

/// A message, ready for rules to be evaluated.
pub(crate) struct Evaluation<'m> {
    message: Message<'m>,
    topic: &'m TopicName,
    context: &'m dyn Context,
    certificate: Option<CertificateId>,
    now: UnixTime,
}

/// What a rule gave for a message.
#[derive(Debug, Default)]
pub(crate) struct Evaluated {
    /// Whether it matched: whether its statement gave something.
    pub(crate) is_match: bool,
    pub(crate) deliveries: Vec<Delivery>,
    /// What cannot be done for this message, and that its error action was told of if it has one.
    pub(crate) problems: Vec<String>,
}

impl<'m> Evaluation<'m> {
    /// A message that was published, at this moment.
    ///
    /// # Errors
    /// The payload is too long for rules.
    pub(crate) fn new(
        published: &PublishedMessage<'m>,
        context: &'m dyn Context,
    ) -> Result<Self, PayloadTooLong> {
        let PublishedMessage { message: landfall_mqtt::Message { topic, payload, .. }, publisher } =
            *published;
        let message = match BasicIngest::parse(topic) {
            Some(Ok(ingest)) => Message::of_basic_ingest(&ingest, payload)?,
            Some(Err(_)) | None => Message::new(topic, payload)?,
        };
        let certificate = match publisher {
            Publisher::Event(_) => registered_certificate(topic, payload),
            Publisher::Client { .. } | Publisher::Api | Publisher::Rule { .. } => None,
        };
        Ok(Self { message, topic, context, certificate, now: context.now() })
    }

    /// Evaluates a rule, and makes a delivery of each of its actions.
    pub(crate) fn evaluate(&self, name: &RuleName, rule: &CompiledRule) -> Evaluated {
        let mut evaluated = Evaluated::default();
        let requests = match rule.evaluate(&self.message, self.context) {
            Ok(None) => return evaluated,
            Ok(Some(requests)) => requests,
            Err(error) => {
                evaluated.problems.push(error.to_string());
                let failure = ActionFailure::of_rule(name, error.to_string());
                self.tell_error_action(name, rule, &[failure], &mut evaluated);
                return evaluated;
            }
        };
        evaluated.is_match = true;
        let error_request = self.error_request(name, rule, &mut evaluated);
        let error_text: Option<Arc<str>> = error_request.map(|request| request.to_json().into());
        let mut failures = Vec::new();
        for (index, request) in (0..).zip(requests) {
            match request {
                Ok(request) => {
                    let action = DeliveryAction::Action(index);
                    let delivery = self.delivery(name, action, request.to_json(), error_text.clone());
                    evaluated.deliveries.push(delivery);
                }
                Err(problem) => {
                    evaluated.problems.push(problem.to_string());
                    failures.push(ActionFailure::from(&problem));
                }
            }
        }
        if !failures.is_empty() {
            self.tell_error_action(name, rule, &failures, &mut evaluated);
        }
        evaluated
    }

    /// Has the error action carried out for what cannot be done at all.
    fn tell_error_action(
        &self,
        name: &RuleName,
        rule: &CompiledRule,
        failures: &[ActionFailure],
        evaluated: &mut Evaluated,
    ) {
        let request = self.error_request(name, rule, evaluated);
        let Some(request) = request.map(|request| request.with_failures(failures)) else { return };
        if let Some(request) = note(request, evaluated) {
            let delivery = self.delivery(name, DeliveryAction::ErrorAction, request.to_json(), None);
            evaluated.deliveries.push(delivery);
        }
    }

    /// What the error action is to do when something fails; none if the rule has none, or if that cannot be said either.
    fn error_request(
        &self,
        name: &RuleName,
        rule: &CompiledRule,
        evaluated: &mut Evaluated,
    ) -> Option<ErrorRequest> {
        note(rule.error_request(name, &self.message, self.context)?, evaluated)
    }

    fn delivery(
        &self,
        rule: &RuleName,
        action: DeliveryAction,
        request: String,
        error_request: Option<Arc<str>>,
    ) -> Delivery {
        Delivery {
            id: new_id(),
            rule: rule.clone(),
            action,
            topic: self.topic.clone(),
            request: request.into(),
            error_request,
            certificate: self.certificate,
            created_at: self.now,
            attempts_failed: 0,
            attempts: Vec::new(),
            state: DeliveryState::Waiting { next_at: self.now },
        }
    }
}

fn note<T>(result: Result<T, ActionProblem>, evaluated: &mut Evaluated) -> Option<T> {
    result.map_err(|problem| evaluated.problems.push(problem.to_string())).ok()
}

/// The certificate that a registration event is about.
fn registered_certificate(topic: &TopicName, payload: &[u8]) -> Option<CertificateId> {
    if !topic.as_str().starts_with(CERTIFICATE_REGISTERED_PREFIX) {
        return None;
    }
    let payload: serde_json::Value = serde_json::from_slice(payload).ok()?;
    payload.get("certificateId")?.as_str()?.parse().ok()
}

/// What the topics of registration events begin with.
const CERTIFICATE_REGISTERED_PREFIX: &str = "$aws/events/certificates/registered/";
