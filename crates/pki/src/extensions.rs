use crate::CertificateError;
use crate::algorithms::read_oid;
use crate::der_reader::{
    DerReader, Malformed, TAG_BIT_STRING, TAG_BOOLEAN, TAG_EXPLICIT_3, TAG_IMPLICIT_0, TAG_INTEGER,
    TAG_OCTET_STRING, TAG_SEQUENCE, Tlv,
};
use crate::name_text::decode_text;

/// The extensions that decide about a chain (RFC 5280, section 4.2.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Extensions {
    pub(crate) basic_constraints: Option<BasicConstraints>,
    pub(crate) key_usage: Option<KeyUsage>,
    pub(crate) extended_key_usage: Option<Vec<Box<str>>>,
    pub(crate) subject_key_id: Option<Box<[u8]>>,
    /// The outer option: the extension is there; the inner: it names a key.
    pub(crate) authority_key_id: Option<Option<Box<[u8]>>>,
    pub(crate) name_constraints: Option<()>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BasicConstraints {
    pub(crate) is_ca: bool,
    pub(crate) path_length: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeyUsage {
    pub(crate) digital_signature: bool,
    pub(crate) certificate_signing: bool,
    pub(crate) revocation_list_signing: bool,
}

impl Extensions {
    /// Reads the extensions that decide about a chain; webpki looks at the others, critical ones included.
    pub(crate) fn read(explicit: &Tlv<'_>) -> Result<Self, CertificateError> {
        let what = "the extensions";
        let mut outer = explicit.open()?;
        let list = outer.expect(TAG_SEQUENCE, what)?;
        outer.finish(what)?;

        let mut extensions = Self::default();
        let mut entries = list.open()?;
        while !entries.is_finished() {
            let mut fields = entries.expect(TAG_SEQUENCE, "an extension")?.open()?;
            let oid = read_oid(&mut fields, "the object identifier of an extension")?;
            fields.optional(TAG_BOOLEAN)?;
            let value = fields.expect(TAG_OCTET_STRING, "the value of an extension")?;
            fields.finish("the end of an extension")?;
            match &*oid {
                "2.5.29.14" => set_once(&mut extensions.subject_key_id, "2.5.29.14", read_key_id(&value)?)?,
                "2.5.29.15" => set_once(&mut extensions.key_usage, "2.5.29.15", read_key_usage(&value)?)?,
                "2.5.29.19" => {
                    set_once(
                        &mut extensions.basic_constraints,
                        "2.5.29.19",
                        read_basic_constraints(&value)?,
                    )?;
                }
                "2.5.29.30" => set_once(&mut extensions.name_constraints, "2.5.29.30", ())?,
                "2.5.29.35" => {
                    set_once(&mut extensions.authority_key_id, "2.5.29.35", read_authority_key_id(&value)?)?;
                }
                "2.5.29.37" => {
                    set_once(&mut extensions.extended_key_usage, "2.5.29.37", read_purposes(&value)?)?
                }
                _ => {}
            }
        }
        Ok(extensions)
    }
}

/// The value of one extension of a certificate; none when the certificate does not have it.
///
/// # Errors
/// The certificate is malformed, or has the extension twice: that would leave open which one counts (RFC 5280, section 4.2).
pub(crate) fn find_extension<'c>(certificate: &'c [u8], oid: &str) -> Result<Option<Tlv<'c>>, Malformed> {
    let mut outer = DerReader::new(certificate)?.expect(TAG_SEQUENCE, "a certificate")?.open()?;
    let mut fields = outer.expect(TAG_SEQUENCE, "the signed part of a certificate")?.open()?;
    let mut found = None;
    while !fields.is_finished() {
        let field = fields.read()?;
        if field.tag != TAG_EXPLICIT_3 {
            continue;
        }
        let mut entries = field.open()?.expect(TAG_SEQUENCE, "the extensions")?.open()?;
        while !entries.is_finished() {
            let mut entry = entries.expect(TAG_SEQUENCE, "an extension")?.open()?;
            let entry_oid = read_oid(&mut entry, "the object identifier of an extension")?;
            entry.optional(TAG_BOOLEAN)?;
            let value = entry.expect(TAG_OCTET_STRING, "the value of an extension")?;
            if *entry_oid != *oid {
                continue;
            }
            if found.is_some() {
                return Err(Malformed { what: "an extension that is there once", offset: value.range.start });
            }
            found = Some(value);
        }
    }
    Ok(found)
}

/// The value of an extension as text: the string that it is, or else its DER in lower-case hex.
pub(crate) fn extension_text(value: &Tlv<'_>) -> String {
    let string = || {
        let mut inside = value.open().ok()?;
        let content = inside.read().ok()?;
        inside.finish("the end of an extension").ok()?;
        decode_text(content.tag, content.value).ok()
    };
    string().map_or_else(|| hex::encode(value.value), String::from)
}

fn set_once<T>(place: &mut Option<T>, oid: &'static str, value: T) -> Result<(), CertificateError> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(CertificateError::ExtensionTwice { oid }),
    }
}

/// Reads the one element of an extension's value.
fn extension_content<'a>(value: &Tlv<'a>, tag: u8, what: &'static str) -> Result<Tlv<'a>, Malformed> {
    let mut inside = value.open()?;
    let content = inside.expect(tag, what)?;
    inside.finish(what)?;
    Ok(content)
}

fn read_key_id(value: &Tlv<'_>) -> Result<Box<[u8]>, Malformed> {
    extension_content(value, TAG_OCTET_STRING, "a subjectKeyIdentifier").map(|content| content.value.into())
}

pub(crate) fn read_authority_key_id(value: &Tlv<'_>) -> Result<Option<Box<[u8]>>, Malformed> {
    let content = extension_content(value, TAG_SEQUENCE, "an authorityKeyIdentifier")?;
    // The issuer's name and serial number may follow; a path is built by names and keys alone.
    Ok(content.open()?.optional(TAG_IMPLICIT_0)?.map(|key_id| key_id.value.into()))
}

fn read_basic_constraints(value: &Tlv<'_>) -> Result<BasicConstraints, Malformed> {
    let what = "basicConstraints";
    let content = extension_content(value, TAG_SEQUENCE, what)?;
    let mut fields = content.open()?;
    let is_ca = match fields.optional(TAG_BOOLEAN)?.map(|flag| flag.value) {
        None | Some([0x00]) => false,
        Some([0xFF]) => true,
        Some(_) => return Err(Malformed { what, offset: content.range.start }),
    };
    let path_length = match fields.optional(TAG_INTEGER)?.map(|number| number.value) {
        None => None,
        // One byte is what webpki reads too.
        Some([length]) if *length < 0x80 => Some(usize::from(*length)),
        Some(_) => {
            return Err(Malformed { what: "a pathLenConstraint below 128", offset: content.range.start });
        }
    };
    fields.finish(what)?;
    Ok(BasicConstraints { is_ca, path_length })
}

/// Reads the bits of keyUsage that matter; bit 0 is the highest of the first byte (RFC 5280, section 4.2.1.3).
fn read_key_usage(value: &Tlv<'_>) -> Result<KeyUsage, Malformed> {
    let content = extension_content(value, TAG_BIT_STRING, "keyUsage")?;
    let bits = match content.value {
        [unused @ 0..=7, bits, ..] => {
            // Bits that are said to be unused count as absent.
            if content.value.len() == 2 { bits & (0xFF << unused) } else { *bits }
        }
        [0] => 0,
        _ => return Err(Malformed { what: "keyUsage", offset: content.range.start }),
    };
    Ok(KeyUsage {
        digital_signature: bits & 0x80 != 0,
        certificate_signing: bits & 0x04 != 0,
        revocation_list_signing: bits & 0x02 != 0,
    })
}

fn read_purposes(value: &Tlv<'_>) -> Result<Vec<Box<str>>, Malformed> {
    let content = extension_content(value, TAG_SEQUENCE, "extKeyUsage")?;
    let mut purposes = Vec::new();
    let mut entries = content.open()?;
    while !entries.is_finished() {
        purposes.push(read_oid(&mut entries, "a purpose of extKeyUsage")?);
    }
    Ok(purposes)
}
