use std::fmt;
use std::sync::Arc;

/// The attributes of a certificate's subject or issuer, in the order in which the certificate has them. A clone shares them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DistinguishedName {
    attributes: Arc<[NameAttribute]>,
}

/// One attribute of a name: an object identifier and its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameAttribute {
    /// The object identifier in dotted form, as `2.5.4.3`.
    pub oid: Box<str>,
    /// The value as text.
    pub value: Box<str>,
}

/// The fields of a subject that have a name of their own in Landfall.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubjectField {
    /// `CN`, 2.5.4.3.
    CommonName,
    /// `SN`, 2.5.4.4.
    Surname,
    /// `serialNumber`, 2.5.4.5.
    SerialNumber,
    /// `C`, 2.5.4.6.
    Country,
    /// `L`, 2.5.4.7.
    Locality,
    /// `ST`, 2.5.4.8.
    State,
    /// `STREET`, 2.5.4.9.
    Street,
    /// `O`, 2.5.4.10.
    Organization,
    /// `OU`, 2.5.4.11.
    OrganizationalUnit,
    /// `T`, 2.5.4.12: the kind of device.
    Title,
    /// `businessCategory`, 2.5.4.15.
    BusinessCategory,
    /// `postalCode`, 2.5.4.17.
    PostalCode,
    /// `GN`, 2.5.4.42.
    GivenName,
    /// `generationQualifier`, 2.5.4.44: the product.
    GenerationQualifier,
    /// `DN`, 2.5.4.46.
    DistinguishedNameQualifier,
    /// `E`, 1.2.840.113549.1.9.1.
    EmailAddress,
}

impl DistinguishedName {
    /// A name of these attributes.
    pub fn new(attributes: Vec<NameAttribute>) -> Self {
        Self { attributes: attributes.into() }
    }

    /// Every attribute, in order.
    pub fn attributes(&self) -> &[NameAttribute] {
        &self.attributes
    }

    /// The first value of a field.
    pub fn field(&self, field: SubjectField) -> Option<&str> {
        self.values(field.oid()).next()
    }

    /// Every value of the attribute with this object identifier, in order.
    pub fn values(&self, oid: &str) -> impl Iterator<Item = &str> {
        self.attributes
            .iter()
            .filter(move |attribute| &*attribute.oid == oid)
            .map(|attribute| &*attribute.value)
    }
}

impl SubjectField {
    /// Every field, by object identifier.
    pub const ALL: [Self; 16] = [
        Self::CommonName,
        Self::Surname,
        Self::SerialNumber,
        Self::Country,
        Self::Locality,
        Self::State,
        Self::Street,
        Self::Organization,
        Self::OrganizationalUnit,
        Self::Title,
        Self::BusinessCategory,
        Self::PostalCode,
        Self::GivenName,
        Self::GenerationQualifier,
        Self::DistinguishedNameQualifier,
        Self::EmailAddress,
    ];

    /// The object identifier in dotted form.
    pub const fn oid(self) -> &'static str {
        match self {
            Self::CommonName => "2.5.4.3",
            Self::Surname => "2.5.4.4",
            Self::SerialNumber => "2.5.4.5",
            Self::Country => "2.5.4.6",
            Self::Locality => "2.5.4.7",
            Self::State => "2.5.4.8",
            Self::Street => "2.5.4.9",
            Self::Organization => "2.5.4.10",
            Self::OrganizationalUnit => "2.5.4.11",
            Self::Title => "2.5.4.12",
            Self::BusinessCategory => "2.5.4.15",
            Self::PostalCode => "2.5.4.17",
            Self::GivenName => "2.5.4.42",
            Self::GenerationQualifier => "2.5.4.44",
            Self::DistinguishedNameQualifier => "2.5.4.46",
            Self::EmailAddress => "1.2.840.113549.1.9.1",
        }
    }

    /// The short name that people and OpenSSL write, and that templates use as key.
    pub const fn short_name(self) -> &'static str {
        match self {
            Self::CommonName => "CN",
            Self::Surname => "SN",
            Self::SerialNumber => "serialNumber",
            Self::Country => "C",
            Self::Locality => "L",
            Self::State => "ST",
            Self::Street => "STREET",
            Self::Organization => "O",
            Self::OrganizationalUnit => "OU",
            Self::Title => "T",
            Self::BusinessCategory => "businessCategory",
            Self::PostalCode => "postalCode",
            Self::GivenName => "GN",
            // The original block knows this field by its number only.
            Self::GenerationQualifier => "2.5.4.44",
            Self::DistinguishedNameQualifier => "DN",
            Self::EmailAddress => "E",
        }
    }

    /// The field with this object identifier.
    pub fn by_oid(oid: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.oid() == oid)
    }
}

impl fmt::Display for DistinguishedName {
    /// Writes `CN=…, O=…`, for people; not a form that can be parsed back.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, attribute) in self.attributes.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            let name =
                SubjectField::by_oid(&attribute.oid).map_or(&*attribute.oid, |field| field.short_name());
            write!(f, "{name}={}", attribute.value)?;
        }
        Ok(())
    }
}
