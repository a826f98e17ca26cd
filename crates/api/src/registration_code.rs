//! The registration code: what a verification certificate has to name.

use serde::{Deserialize, Serialize};

use crate::operation::api_operation;

/// Gets the registration code.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct GetRegistrationCodeRequest {}

/// The answer to [`GetRegistrationCodeRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GetRegistrationCodeResponse {
    /// 64 hexadecimal digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registration_code: Option<String>,
}

api_operation!(GetRegistrationCodeRequest, Iot, "GetRegistrationCode", GetRegistrationCodeResponse);

/// Deletes the registration code; the next one that is asked for is another.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DeleteRegistrationCodeRequest {}

/// The answer to [`DeleteRegistrationCodeRequest`]: nothing but its success.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DeleteRegistrationCodeResponse {}

api_operation!(DeleteRegistrationCodeRequest, Iot, "DeleteRegistrationCode", DeleteRegistrationCodeResponse);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::drift::assert_matches_model;

    #[test]
    fn the_structs_have_the_members_of_the_model() {
        assert_matches_model::<GetRegistrationCodeRequest>();
        assert_matches_model::<DeleteRegistrationCodeRequest>();
    }
}
