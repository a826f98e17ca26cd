//! Promises about the registration code.

use landfall_model::RegistrationCode;

use super::commit;
use crate::Registry;

/// There is none at first, then the first that was given, until it is deleted.
pub async fn a_registration_code_stays_as_it_is(registry: &dyn Registry) {
    assert_eq!(registry.registration_code().await.unwrap(), None);
    for byte in [0x5a, 0xa5] {
        commit(registry, |tx| tx.ensure_registration_code(RegistrationCode::from_bytes([byte; 32]))).await;
        let kept = registry.registration_code().await.unwrap();
        assert_eq!(kept, Some(RegistrationCode::from_bytes([0x5a; 32])));
    }
    for _ in 0..2 {
        commit(registry, |tx| tx.delete_registration_code()).await;
        assert_eq!(registry.registration_code().await.unwrap(), None);
    }
    commit(registry, |tx| tx.ensure_registration_code(RegistrationCode::from_bytes([0xa5; 32]))).await;
    let other = registry.registration_code().await.unwrap();
    assert_eq!(other, Some(RegistrationCode::from_bytes([0xa5; 32])));
}
