use aws_lc_rs::rand;

use crate::failure::Failure;

/// The bytes of a new random UUID of version 4 (RFC 9562, section 5.4).
///
/// # Errors
/// The system gives no random bytes.
pub(crate) fn uuid() -> Result<[u8; 16], Failure> {
    let mut bytes = [0; 16];
    rand::fill(&mut bytes).map_err(|error| Failure::internal("making an id", error))?;
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    Ok(bytes)
}

/// Random bytes that nobody can guess.
///
/// # Errors
/// The system gives no random bytes.
pub(crate) fn secret<const BYTES: usize>() -> Result<[u8; BYTES], Failure> {
    let mut bytes = [0; BYTES];
    rand::fill(&mut bytes).map_err(|error| Failure::internal("making a secret", error))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use landfall_model::ThingId;

    use super::*;

    #[test]
    fn an_id_is_a_uuid_of_version_4_and_never_the_same() {
        let first = ThingId::from_bytes(uuid().unwrap()).to_string();
        assert_eq!(first.as_bytes().get(14), Some(&b'4'), "{first}");
        assert!(first.as_bytes().get(19).is_some_and(|digit| b"89ab".contains(digit)), "{first}");
        assert_ne!(first, ThingId::from_bytes(uuid().unwrap()).to_string());
    }

    #[test]
    fn a_secret_is_never_the_same() {
        assert_ne!(secret::<32>().unwrap(), secret::<32>().unwrap());
    }
}
