//! The targets, in the order in which a device's data flows.

mod api_request;
mod api_signature;
mod certificate;
mod certificate_request;
mod chain;
mod http_text;
mod mqtt_client;
mod mqtt_session;
mod openssl_config;
mod page_token;
mod policy_decision;
mod policy_document;
mod possession;
mod registration_plan;
mod rule_sql;
mod rule_template;
mod subject;
mod topic;
mod topic_rule;

pub use api_request::api_request;
pub use api_signature::api_signature;
pub use certificate::certificate;
pub use certificate_request::certificate_request;
pub use chain::chain;
pub use mqtt_client::mqtt_client;
pub use mqtt_session::mqtt_session;
pub use openssl_config::openssl_config;
pub use page_token::page_token;
pub use policy_decision::policy_decision;
pub use policy_document::policy_document;
pub use possession::possession;
pub use registration_plan::registration_plan;
pub use rule_sql::rule_sql;
pub use rule_template::rule_template;
pub use subject::subject;
pub use topic::topic;
pub use topic_rule::topic_rule;

/// The inputs that a target starts from.
#[cfg(test)]
fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = crate::folder().join("corpus").join(target);
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths.map(|path| std::fs::read(path).unwrap()).collect()
}
