use der::asn1::ObjectIdentifier;

/// How the value of an attribute is encoded (RFC 5280, appendix A.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// UTF8String.
    Utf8,
    /// PrintableString where the value fits, otherwise UTF8String.
    Printable,
    /// PrintableString of two letters.
    Country,
    /// IA5String.
    Ia5,
}

/// A kind of attribute by its OpenSSL names.
struct AttributeType {
    names: &'static [&'static str],
    oid: &'static str,
    encoding: Encoding,
}

/// OpenSSL's short name, its long name, and those of the Universal JITR block where they differ.
const KNOWN: &[AttributeType] = &[
    kind(&["C", "countryName"], "2.5.4.6", Encoding::Country),
    kind(&["ST", "stateOrProvinceName", "S"], "2.5.4.8", Encoding::Utf8),
    kind(&["L", "localityName"], "2.5.4.7", Encoding::Utf8),
    kind(&["O", "organizationName"], "2.5.4.10", Encoding::Utf8),
    kind(&["OU", "organizationalUnitName"], "2.5.4.11", Encoding::Utf8),
    kind(&["CN", "commonName"], "2.5.4.3", Encoding::Utf8),
    kind(&["SN", "surname"], "2.5.4.4", Encoding::Utf8),
    kind(&["serialNumber"], "2.5.4.5", Encoding::Printable),
    kind(&["street", "streetAddress"], "2.5.4.9", Encoding::Utf8),
    kind(&["title", "T"], "2.5.4.12", Encoding::Utf8),
    kind(&["description"], "2.5.4.13", Encoding::Utf8),
    kind(&["businessCategory"], "2.5.4.15", Encoding::Utf8),
    kind(&["postalCode"], "2.5.4.17", Encoding::Utf8),
    kind(&["postOfficeBox"], "2.5.4.18", Encoding::Utf8),
    kind(&["telephoneNumber"], "2.5.4.20", Encoding::Printable),
    kind(&["name"], "2.5.4.41", Encoding::Utf8),
    kind(&["GN", "givenName"], "2.5.4.42", Encoding::Utf8),
    kind(&["initials"], "2.5.4.43", Encoding::Utf8),
    kind(&["generationQualifier"], "2.5.4.44", Encoding::Utf8),
    kind(&["dnQualifier", "DN"], "2.5.4.46", Encoding::Printable),
    kind(&["houseIdentifier"], "2.5.4.51", Encoding::Utf8),
    kind(&["pseudonym"], "2.5.4.65", Encoding::Utf8),
    kind(&["role"], "2.5.4.72", Encoding::Utf8),
    kind(&["organizationIdentifier"], "2.5.4.97", Encoding::Utf8),
    kind(&["emailAddress", "E", "Email"], "1.2.840.113549.1.9.1", Encoding::Ia5),
    kind(&["unstructuredName"], "1.2.840.113549.1.9.2", Encoding::Utf8),
    kind(&["DC", "domainComponent"], "0.9.2342.19200300.100.1.25", Encoding::Ia5),
    kind(&["UID", "userId"], "0.9.2342.19200300.100.1.1", Encoding::Utf8),
    kind(&["jurisdictionL", "jurisdictionLocalityName"], "1.3.6.1.4.1.311.60.2.1.1", Encoding::Utf8),
    kind(&["jurisdictionST", "jurisdictionStateOrProvinceName"], "1.3.6.1.4.1.311.60.2.1.2", Encoding::Utf8),
    kind(&["jurisdictionC", "jurisdictionCountryName"], "1.3.6.1.4.1.311.60.2.1.3", Encoding::Country),
];

const fn kind(names: &'static [&'static str], oid: &'static str, encoding: Encoding) -> AttributeType {
    AttributeType { names, oid, encoding }
}

/// The object identifier of an attribute by a name, of whatever case, or by its own digits.
pub(crate) fn attribute_oid(name: &str) -> Option<ObjectIdentifier> {
    let known = KNOWN.iter().find(|known| known.names.iter().any(|other| other.eq_ignore_ascii_case(name)));
    ObjectIdentifier::new(known.map_or(name, |known| known.oid)).ok()
}

/// How the value of the attribute with this object identifier is encoded.
pub(crate) fn attribute_encoding(oid: &ObjectIdentifier) -> Encoding {
    let dotted = oid.to_string();
    KNOWN.iter().find(|known| known.oid == dotted).map_or(Encoding::Utf8, |known| known.encoding)
}

#[cfg(test)]
mod tests {
    use landfall_model::SubjectField;

    use super::*;

    #[test]
    fn every_name_leads_to_one_kind() {
        let names: Vec<_> =
            KNOWN.iter().flat_map(|known| known.names).map(|name| name.to_lowercase()).collect();
        let mut distinct = names.clone();
        distinct.sort();
        distinct.dedup();
        assert_eq!(distinct.len(), names.len());
        for known in KNOWN {
            for name in known.names {
                assert_eq!(attribute_oid(name).unwrap().to_string(), known.oid, "{name}");
            }
        }
    }

    #[test]
    fn the_fields_of_the_model_are_known_by_their_short_names() {
        for field in SubjectField::ALL {
            assert_eq!(attribute_oid(field.short_name()).unwrap().to_string(), field.oid());
        }
    }

    #[test]
    fn digits_are_an_object_identifier_and_other_words_are_not() {
        assert_eq!(attribute_oid("1.3.6.1.4.1.311.1").unwrap().to_string(), "1.3.6.1.4.1.311.1");
        for bad in ["", "colour", "5.4.44", "2", "2.5.4."] {
            assert_eq!(attribute_oid(bad), None, "{bad}");
        }
    }
}
