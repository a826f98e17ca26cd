use thiserror::Error;

/// Why a service did not do what it was asked for.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{message}")]
pub struct ServiceFailure {
    /// Whether the same request can succeed later.
    pub kind: ServiceFailureKind,
    /// What the service said, in one line.
    pub message: String,
}

/// Whether a request that failed can succeed later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServiceFailureKind {
    /// It can: the service was not reached, was too busy, or failed in itself.
    Passing,
    /// It cannot, as long as nobody changes something: the request is wrong, or what it names is not there.
    Lasting,
}

impl ServiceFailure {
    /// The most characters of a message; more is cut off.
    pub const MESSAGE_CHARACTERS_MAX: usize = 500;

    /// A failure of a kind, with a message of which line breaks and other control characters become spaces.
    pub fn new(kind: ServiceFailureKind, message: impl AsRef<str>) -> Self {
        Self { kind, message: one_line(message.as_ref()) }
    }

    /// A failure that can pass.
    pub fn passing(message: impl AsRef<str>) -> Self {
        Self::new(ServiceFailureKind::Passing, message)
    }

    /// A failure that stays until somebody changes something.
    pub fn lasting(message: impl AsRef<str>) -> Self {
        Self::new(ServiceFailureKind::Lasting, message)
    }
}

/// A message without line breaks and of a bounded length, whatever a service said.
fn one_line(message: &str) -> String {
    let words = message.split(|character: char| character.is_control() || character == ' ');
    let line = words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(ServiceFailure::MESSAGE_CHARACTERS_MAX) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_line_of_a_bounded_length() {
        let message = |text: &str| ServiceFailure::passing(text).message;
        assert_eq!(message("Validation:\n  two\r\nlines\tand a tab"), "Validation: two lines and a tab");
        assert_eq!(message(&"é".repeat(500)).chars().count(), 500);
        let cut = message(&"é".repeat(501));
        assert_eq!((cut.chars().count(), cut.ends_with('…')), (501, true));
    }
}
