use std::fmt::Write as _;

use landfall_pki::{Subject, subject_from_openssl_config};

use super::subject::{check_subject, subject_of_text};

/// The subject out of an OpenSSL configuration file.
///
/// The input is the file. A subject that is read is one that a certificate can have, and the same file gives it again;
/// written as a file in the plainest form, it is read back. So is every text that a subject can have as a value.
pub fn openssl_config(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Some(subject) = subject_of_text(&text) {
        check_written(&subject);
    }
    match subject_from_openssl_config(&text) {
        Ok(subject) => {
            check_subject(&subject);
            assert_eq!(subject_from_openssl_config(&text).as_ref(), Ok(&subject));
            check_written(&subject);
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

fn check_written(subject: &Subject) {
    let mut plain = String::from("[req]\nprompt=no\ndistinguished_name=dn\n[dn]\n");
    for (index, attribute) in subject.to_distinguished_name().attributes().iter().enumerate() {
        let mut escaped = String::new();
        for character in attribute.value.chars() {
            // Quotation marks keep the spaces at the ends, backslashes the characters that mean something.
            if matches!(character, '\\' | '"' | '\'' | '`' | '#' | '$') {
                escaped.push('\\');
            }
            escaped.push(character);
        }
        writeln!(plain, "{index}.{} = \"{escaped}\"", attribute.oid).expect("a text takes all");
    }
    assert_eq!(subject_from_openssl_config(&plain).as_ref(), Ok(subject), "{plain}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_corpus_has_files_that_give_a_subject() {
        let corpus = crate::targets::corpus("openssl_config");
        let read =
            corpus.iter().filter(|data| subject_from_openssl_config(&String::from_utf8_lossy(data)).is_ok());
        assert!(read.count() >= 3);
    }
}
