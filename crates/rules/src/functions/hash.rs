//! Hashes of strings, in hex. Some are broken as signatures, and there because the language has them.

use md2::Md2;
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};

use super::Invocation;
use crate::evaluation::Answer;
use crate::value::Value;

/// MD2 is some hundred times slower than the others.
const MD2_WORK: usize = 100;

fn digest<D: Digest>(call: Invocation<'_>) -> Answer<'_> {
    let hash = call.text(0)?.map(|text| hex::encode(D::digest(text.as_bytes())));
    Ok(hash.map_or(Value::Undefined, |hash| Value::Text(hash.into())).into())
}

pub(super) fn md2(call: Invocation<'_>) -> Answer<'_> {
    let length = call.text(0)?.map_or(0, |text| text.len());
    call.evaluator.work.charge(length.saturating_mul(MD2_WORK))?;
    digest::<Md2>(call)
}

pub(super) fn md5(call: Invocation<'_>) -> Answer<'_> {
    digest::<Md5>(call)
}

pub(super) fn sha1(call: Invocation<'_>) -> Answer<'_> {
    digest::<Sha1>(call)
}

pub(super) fn sha224(call: Invocation<'_>) -> Answer<'_> {
    digest::<Sha224>(call)
}

pub(super) fn sha256(call: Invocation<'_>) -> Answer<'_> {
    digest::<Sha256>(call)
}

pub(super) fn sha384(call: Invocation<'_>) -> Answer<'_> {
    digest::<Sha384>(call)
}

pub(super) fn sha512(call: Invocation<'_>) -> Answer<'_> {
    digest::<Sha512>(call)
}
