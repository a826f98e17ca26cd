//! The question whether a new CA certificate is to be registered.

use std::io::{self, BufRead, IsTerminal as _};

use anyhow::{Context as _, Result};

/// What becomes of the question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Question {
    /// Nobody is there who could answer, and nobody has.
    NotAsked,
    /// It is asked on the terminal.
    Asked,
    /// It was answered on the command line.
    Answered(Answer),
}

/// The answer to the question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Yes,
    No,
}

impl Question {
    /// What becomes of it by the command line and the terminal.
    pub(super) fn of(yes: bool, no: bool) -> Self {
        if yes {
            return Self::Answered(Answer::Yes);
        }
        if no {
            return Self::Answered(Answer::No);
        }
        // The question is printed to standard error: standard output may go into a file.
        if io::stdin().is_terminal() && io::stderr().is_terminal() { Self::Asked } else { Self::NotAsked }
    }

    /// The answer, which the terminal is asked for if there is none yet.
    ///
    /// # Errors
    /// The terminal cannot be read.
    pub(super) fn answer(self, server: &str) -> Result<Answer> {
        match self {
            Self::Answered(answer) => Ok(answer),
            Self::NotAsked => Ok(Answer::No),
            Self::Asked => {
                eprint!(
                    "Register the CA certificate with {server}, ACTIVE and with auto-registration (y/n)? "
                );
                Answer::read(&mut io::stdin().lock())
            }
        }
    }
}

impl Answer {
    /// Reads an answer; all but a clear yes is a no, and so is the end of the input.
    fn read(input: &mut impl BufRead) -> Result<Self> {
        let mut line = String::new();
        input.read_line(&mut line).context("cannot read the answer")?;
        let is_yes = ["y", "yes"].iter().any(|yes| line.trim().eq_ignore_ascii_case(yes));
        Ok(if is_yes { Self::Yes } else { Self::No })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clear_yes_is_one() {
        for yes in ["y\n", "Y\n", " yes \n", "YES\r\n", "y"] {
            assert_eq!(Answer::read(&mut yes.as_bytes()).unwrap(), Answer::Yes, "{yes:?}");
        }
        for no in ["n\n", "\n", "", "yy\n", "yesterday\n", "no, y\n"] {
            assert_eq!(Answer::read(&mut no.as_bytes()).unwrap(), Answer::No, "{no:?}");
        }
        assert!(Answer::read(&mut &b"\xff\n"[..]).is_err());
    }

    #[test]
    fn the_command_line_answers_before_the_terminal_is_asked() {
        for (yes, no, expected) in [(true, false, Answer::Yes), (false, true, Answer::No)] {
            let question = Question::of(yes, no);
            assert_eq!(question, Question::Answered(expected));
            assert_eq!(question.answer("http://server").unwrap(), expected);
        }
    }
}
