use landfall_model::{CaCertificateId, UnixTime};
use rusqlite::params;

use crate::apply::Apply;
use crate::error::ApplyError;
use crate::sql::{execute, first, statements};

statements! {
    BY_ID = "SELECT rid FROM issuers WHERE ca_id = $1";
    INSERT = "INSERT INTO issuers (rid, ca_id) VALUES ($1, $2)";
}

/// The row by which others refer to a CA certificate, registered or not.
pub(crate) fn ensure(apply: &mut Apply<'_>, id: CaCertificateId, at: UnixTime) -> Result<i64, ApplyError> {
    if let Some((_, rid)) = apply.rows.issuer.filter(|(known, _)| *known == id) {
        return Ok(rid);
    }
    let known = first(apply.connection, BY_ID, [id.as_bytes()], |row| Ok(row.get(0)?))?;
    let rid = match known {
        Some(rid) => rid,
        None => {
            let rid = apply.row_ids.next(at)?;
            execute(apply.connection, INSERT, params![rid, id.as_bytes()])?;
            rid
        }
    };
    apply.rows.issuer = Some((id, rid));
    Ok(rid)
}
