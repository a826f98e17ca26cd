use landfall_model::TopicName;
use landfall_rules::{EvaluationError, Message, OUTPUT_BYTES_MAX, PAYLOAD_BYTES_MAX, Template, Variables};

use super::rule_sql::{World, check_error, split};

/// The parsing and evaluation of substitution templates.
///
/// The input is the template, a null byte, and the payload of a message. A text without `${` comes out as it is. One that is
/// understood gives the same each time, and twice as much beside itself: what comes out of an expression is never looked at
/// again.
pub fn rule_template(data: &[u8]) {
    let (text, payload) = split(data);
    let template = match Template::parse(&text) {
        Ok(template) => template,
        Err(error) => return check_error(&error, &text),
    };
    assert_eq!(template.as_plain_text(), (!text.contains("${")).then_some(text.as_str()));
    let world = World::new();
    let topic = TopicName::parse("topic/subtopic").expect("a topic");
    let Ok(message) = Message::new(&topic, payload) else {
        assert!(payload.len() > PAYLOAD_BYTES_MAX);
        return;
    };
    let evaluate = |template: &Template| template.evaluate(&message, &world, &Variables::default());
    let found = evaluate(&template);
    assert_eq!(found, evaluate(&template), "the same message gives something else");
    if template.as_plain_text().is_some() {
        assert_eq!(found.as_deref(), Ok(text.as_str()));
    }
    // The text between could make a `${` of a dollar sign at the end and a brace at the start.
    let twice = match Template::parse(&format!("{text} {text}")) {
        Ok(twice) => evaluate(&twice),
        // Twice the text can be too much.
        Err(error) => return assert!(error.to_string().contains("at most"), "{error}"),
    };
    match (found, twice) {
        (Ok(found), Ok(twice)) => {
            assert!(found.len() <= OUTPUT_BYTES_MAX);
            assert_eq!(twice, format!("{found} {found}"));
        }
        (Ok(_), Err(error)) => {
            assert!(
                matches!(error, EvaluationError::OutputTooLong | EvaluationError::TooMuchWork),
                "{error}"
            );
        }
        (Err(found), twice) => assert_eq!(Err(found), twice),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_corpus_has_templates_that_are_filled_in() {
        let topic = TopicName::parse("topic/subtopic").unwrap();
        let mut filled = 0;
        for data in crate::targets::corpus("rule_template") {
            let (text, payload) = split(&data);
            let message = Message::new(&topic, payload).unwrap();
            if let Ok(template) = Template::parse(&text) {
                let found = template.evaluate(&message, &World::new(), &Variables::default()).unwrap();
                filled += usize::from(found != text);
            }
        }
        assert!(filled > 3, "{filled}");
    }
}
