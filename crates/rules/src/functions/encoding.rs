//! Base64.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};

use super::{Invocation, Prepared};
use crate::evaluation::{Answer, Evaluated};
use crate::json;
use crate::value::Value;

/// Takes base64 with and without padding.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// `encode(*, …)` encodes the payload byte by byte; of anything else its string.
pub(super) fn encode(call: Invocation<'_>) -> Answer<'_> {
    if matches!(call.prepared, Prepared::Payload) {
        call.evaluator.work.charge(call.evaluator.payload.len().saturating_mul(2))?;
        return Ok(Value::Text(STANDARD.encode(call.evaluator.payload).into()).into());
    }
    let encoded = call.text(0)?.map(|text| STANDARD.encode(text.as_bytes()));
    Ok(encoded.map_or(Value::Undefined, |text| Value::Text(text.into())).into())
}

/// JSON that was encoded is a value again, anything else a string. What cannot be decoded to text is Null.
pub(super) fn decode(call: Invocation<'_>) -> Answer<'_> {
    let Some(text) = call.text(0)? else {
        return Ok(Evaluated::UNDEFINED);
    };
    call.evaluator.work.charge(text.len())?;
    let decoded = LENIENT.decode(text.as_bytes()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let Some(decoded) = decoded else {
        return Ok(Value::Null.into());
    };
    let value = match json::parse(&decoded) {
        Ok(value) => value.into_owned(),
        Err(_) => Value::Text(decoded.into()),
    };
    call.evaluator.work.charge_value(&value)?;
    Ok(value.into())
}
