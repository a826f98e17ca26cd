use crate::document::{Fields, InvalidTopicRule};

/// Checks the form of `roleArn`, which AWS IoT demands. IAM is not served, so whatever role it names is good.
pub(super) fn check_role(fields: &Fields<'_>) -> Result<(), InvalidTopicRule> {
    let text = fields.required_plain_text("roleArn")?;
    if is_arn(text) {
        return Ok(());
    }
    Err(fields.wrong("roleArn", text, "the ARN of a role, as arn:aws:iam::000000000000:role/name"))
}

/// `arn:partition:service:region:account:resource`; region and account can be empty.
fn is_arn(text: &str) -> bool {
    let mut parts = text.splitn(6, ':');
    let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
    let begins = parts.next() == Some("arn");
    let partition_and_service = parts.by_ref().take(2).filter(|part| !part.is_empty()).count() == 2;
    let resource = parts.nth(2);
    begins && partition_and_service && resource.is_some_and(|text| !text.is_empty()) && is_plain(text)
}
