use crate::uuid::uuid_type;
use crate::{CaCertificateId, CertificateId, PolicyVersionId, UnixTime};

uuid_type! {
    /// Tells one state of a certificate or policy from every other state of it. It is made from what is stored: the same
    /// state always has the same.
    GenerationId
}

impl GenerationId {
    /// That of a certificate in this version.
    pub fn of_certificate(id: &CertificateId, version: u64) -> Self {
        Self::of_digest(id.as_bytes(), version)
    }

    /// That of a CA certificate in this version.
    pub fn of_ca_certificate(id: &CaCertificateId, version: u64) -> Self {
        Self::of_digest(id.as_bytes(), version)
    }

    /// That of a policy of this time of creation whose version, default or not, came at this time.
    pub fn of_policy(created_at: UnixTime, version: PolicyVersionId, modified_at: UnixTime) -> Self {
        let created = u128::from(created_at.as_millis().cast_unsigned());
        let modified = u128::from(modified_at.as_millis().cast_unsigned());
        Self::from_bytes(((created << 64) ^ (modified << 32) ^ u128::from(version.get())).to_be_bytes())
    }

    fn of_digest(digest: &[u8; 32], version: u64) -> Self {
        let [head @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = *digest;
        Self::from_bytes((u128::from_be_bytes(head) ^ u128::from(version)).to_be_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_version_has_its_own() {
        let id = CertificateId::from_sha256([0xab; 32]);
        let of = |version| GenerationId::of_certificate(&id, version);
        assert_eq!(of(1), of(1));
        assert_ne!(of(1), of(2));
        let at = UnixTime::from_secs;
        let first = GenerationId::of_policy(at(1), PolicyVersionId::FIRST, at(1));
        assert_ne!(first, GenerationId::of_policy(at(1), PolicyVersionId::FIRST, at(2)));
        assert_ne!(first, GenerationId::of_policy(at(2), PolicyVersionId::FIRST, at(1)));
    }
}
