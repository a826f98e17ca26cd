//! Statements, templates and messages that were made to do harm: all are bounded, and told.

use std::fmt::Write as _;

use landfall_model::TopicName;
use landfall_rules::{
    EvaluationError, JSON_NESTING_MAX, Message, OUTPUT_BYTES_MAX, PAYLOAD_BYTES_MAX, Rule, SQL_BYTES_MAX,
    SQL_NESTING_MAX, SqlParseError, SqlProblem, SqlVersion, Template, VALUE_NESTING_MAX, VARIABLES_MAX,
    Variables,
};
use proptest::prelude::*;

use crate::context::Fixed;

fn parse(sql: &str) -> Result<Rule, SqlParseError> {
    Rule::parse(sql, SqlVersion::default())
}

fn evaluate(sql: &str, payload: &[u8]) -> Result<Option<Vec<u8>>, EvaluationError> {
    let rule =
        parse(sql).unwrap_or_else(|error| panic!("{}: {error}", sql.chars().take(80).collect::<String>()));
    let topic = TopicName::parse("a/b").unwrap();
    let message = Message::new(&topic, payload).unwrap();
    Ok(rule.evaluate(&message, &Fixed::new())?.map(|found| found.payload.into_owned()))
}

#[test]
fn deep_nesting_is_refused_and_costs_no_stack() {
    let nested = |open: &str, inside: &str, close: &str, depth: usize| {
        format!("SELECT {}{inside}{} AS a FROM 'a'", open.repeat(depth), close.repeat(depth))
    };
    for (open, inside, close) in [
        ("(", "1", ")"),
        ("[", "1", "]"),
        ("{'a':", "1", "}"),
        ("abs(", "1", ")"),
        ("NOT ", "true", ""),
        ("- ", "a", ""),
        ("a[", "0", "]"),
        ("CASE 1 WHEN ", "1", " THEN 1 END"),
        ("CASE ", "1", " WHEN 1 THEN 1 END"),
        ("(SELECT VALUE ", "a", " FROM a)"),
        ("(SELECT VALUE a FROM ", "a", ")"),
        ("EXISTS (SELECT * FROM a WHERE ", "true", ")"),
        ("cast(", "1", " AS Int)"),
    ] {
        // What just fits is evaluated on half the stack that threads have.
        let mut deepest = (1..=SQL_NESTING_MAX).rev().map(|depth| nested(open, inside, close, depth));
        let fits = deepest.find(|sql| parse(sql).is_ok()).unwrap();
        assert!(fits.matches(open).count() >= SQL_NESTING_MAX / 4, "{fits}");
        let thread = std::thread::Builder::new().stack_size(1024 * 1024);
        let run = thread.spawn(move || evaluate(&fits, br#"{"a":{"a":[1,{"a":2}]}}"#)).unwrap();
        assert!(run.join().unwrap().unwrap().is_some(), "{open}");
        for depth in [SQL_NESTING_MAX + 1, 7_500] {
            let error = parse(&nested(open, inside, close, depth)).unwrap_err();
            assert_eq!(error.problem, SqlProblem::TooDeep, "{open}");
        }
    }
    let alias = parse(&format!("SELECT a AS {}b FROM 'a'", "b.".repeat(1_000))).unwrap_err();
    assert_eq!(alias.problem, SqlProblem::TooDeep);
    let deep_template = Template::parse(&format!("${{{}}}", "(".repeat(10_000))).unwrap_err();
    assert_eq!(deep_template.problem, SqlProblem::TooDeep);
}

#[test]
fn long_chains_of_operators_are_not_deep() {
    let chain = |operand: &str, operator: &str| [operand; 20_000].join(operator);
    for (sql, expected) in [
        (chain("1", "+"), "20000"),
        (chain("true", " AND "), "true"),
        (chain("false", " OR "), "false"),
        (chain("true", " = "), "true"),
        (chain("1", " * "), "1"),
        (format!("a{}", ".a".repeat(20_000)), ""),
        (format!("a{}", "[0]".repeat(20_000)), ""),
        (format!("CASE 1{} ELSE 3 END", " WHEN 0 THEN 2".repeat(10_000)), "3"),
    ] {
        let found = evaluate(&format!("SELECT VALUE ({sql})"), b"{}").unwrap().unwrap();
        assert_eq!(String::from_utf8(found).unwrap(), expected);
    }
}

#[test]
fn a_statement_and_a_template_have_a_longest_length() {
    let sql = |length: usize| format!("SELECT * FROM 'a'{}", " ".repeat(length - 17));
    assert!(parse(&sql(SQL_BYTES_MAX)).is_ok());
    let error = parse(&sql(SQL_BYTES_MAX + 1)).unwrap_err();
    assert_eq!(error.problem, SqlProblem::TooLong { bytes: SQL_BYTES_MAX + 1 });
    let text = format!("${{a}}{}", "x".repeat(SQL_BYTES_MAX));
    assert!(matches!(Template::parse(&text).unwrap_err().problem, SqlProblem::TooLong { .. }));
}

#[test]
fn variables_are_few_and_cannot_double_without_end() {
    let mut sql = "SET @v0 = 'aaaaaaaaaaaaaaaa'".to_owned();
    for variable in 1..VARIABLES_MAX {
        write!(sql, ", @v{variable} = concat(@v{0}, @v{0})", variable - 1).unwrap();
    }
    let last = VARIABLES_MAX - 1;
    assert_eq!(evaluate(&format!("{sql} SELECT @v{last}"), b"{}"), Err(EvaluationError::TooMuchWork));
    let error = parse(&format!("{sql}, @more = 1 SELECT @more")).unwrap_err();
    assert_eq!(error.problem, SqlProblem::TooManyVariables);
    let error = parse(&format!("SET @{} = 1 SELECT *", "v".repeat(65))).unwrap_err();
    assert_eq!(error.problem, SqlProblem::VariableName { characters: 65 });
}

#[test]
fn results_have_a_depth_and_a_length() {
    let mut sql = "SET @v0 = [1]".to_owned();
    for variable in 1..9 {
        write!(sql, ", @v{variable} = [[[[[[[[[[[[[[[@v{}]]]]]]]]]]]]]]]", variable - 1).unwrap();
    }
    let fits = evaluate(&format!("{sql} SELECT @v8"), b"{}").unwrap().unwrap();
    assert!(fits.iter().filter(|byte| **byte == b'[').count() <= usize::from(VALUE_NESTING_MAX));
    assert_eq!(
        evaluate(&format!("{sql} SELECT [[[[[[[[@v8]]]]]]]] AS a"), b"{}"),
        Err(EvaluationError::TooDeep)
    );

    let payload = format!("{{\"a\":\"{}\"}}", "\\u0001".repeat(PAYLOAD_BYTES_MAX / 6 - 2));
    assert!(payload.len() <= PAYLOAD_BYTES_MAX);
    let five = evaluate("SELECT VALUE [a, a, a, a, a]", payload.as_bytes());
    assert_eq!(five, Err(EvaluationError::OutputTooLong));
    let three = evaluate("SELECT VALUE [a, a, a]", payload.as_bytes()).unwrap().unwrap();
    assert!(three.len() <= OUTPUT_BYTES_MAX);

    let topic = TopicName::parse("a").unwrap();
    let message = Message::new(&topic, payload.as_bytes()).unwrap();
    let template = Template::parse(&"${*}".repeat(20)).unwrap();
    let found = template.evaluate(&message, &Fixed::new(), &Variables::default());
    assert_eq!(found, Err(EvaluationError::OutputTooLong));
}

#[test]
fn queries_inside_queries_and_expressions_of_messages_are_bounded() {
    let items = format!(
        "{{\"a\":[{}0], \"p\": \"(x+x+)+y\", \"t\": \"{}\"}}",
        "0,".repeat(20_000),
        "x".repeat(50_000)
    );
    for sql in [
        "SET @a = a SELECT (SELECT VALUE (SELECT VALUE y FROM concat(@a, [1]) AS y) FROM concat(@a, [2])) AS b",
        "SET @a = a SELECT (SELECT VALUE (SELECT VALUE y FROM @a AS y) FROM @a) AS b",
        "SET @a = a, @b = t SELECT (SELECT VALUE regexp_matches(@b, '(x+x+)+y') FROM @a) AS b",
        "SET @a = a, @b = p SELECT (SELECT VALUE regexp_matches('xxxx', @b) FROM @a) AS b",
        "SET @a = a, @b = t SELECT (SELECT VALUE md2(@b) FROM @a) AS b",
        "SET @a = a, @b = t SELECT (SELECT VALUE replace(@b, 'x', @b) FROM @a) AS b",
        "SET @a = a, @b = t SELECT (SELECT VALUE regexp_replace(@b, 'x', concat(@b, @b)) FROM @a) AS b",
        "SET @a = a SELECT (SELECT VALUE @a = @a FROM @a) AS b",
        "SET @a = a SELECT (SELECT VALUE 1 IN @a FROM @a) AS b",
        "SET @a = a SELECT (SELECT VALUE lpad('a', 1000) FROM @a) AS b",
        "SET @a = a SELECT EXISTS (SELECT * FROM @a AS i WHERE 1 IN @a) AS b",
    ] {
        assert_eq!(evaluate(sql, items.as_bytes()), Err(EvaluationError::TooMuchWork), "{sql}");
    }
}

#[test]
fn payloads_of_every_kind_are_bounded() {
    let deep = "[".repeat(PAYLOAD_BYTES_MAX);
    let wide = format!("[{}0]", "0,".repeat(PAYLOAD_BYTES_MAX / 2 - 2));
    let names: Vec<String> = (0..8_000).map(|name| format!("\"m{name}\":{name}")).collect();
    let members = format!("{{{}}}", names.join(","));
    let number = format!("{{\"n\":{}}}", "9".repeat(PAYLOAD_BYTES_MAX - 6));
    for payload in [
        deep.as_bytes(),
        wide.as_bytes(),
        members.as_bytes(),
        number.as_bytes(),
        b"\xff\xfe",
        b"{\"a\":\"\xc3\"}",
        b"\0\0\0",
        b"{\"a\":1e999999999999999999999}",
        "{\"a\":{\"a\":".repeat(1_000).as_bytes(),
    ] {
        for sql in [
            "SELECT * FROM 'a' WHERE a = 1 OR n > 5",
            "SELECT VALUE [a, n, n + 1, m1, m7999, encode(*, 'base64')]",
            "SELECT VALUE (SELECT VALUE i FROM a AS i)",
            "SELECT VALUE sha256(encode(*, 'base64'))",
        ] {
            let rule = parse(sql).unwrap();
            let topic = TopicName::parse("a").unwrap();
            let message = Message::new(&topic, payload).unwrap();
            let first = rule.evaluate(&message, &Fixed::new());
            let again = rule.evaluate(&message, &Fixed::new());
            assert_eq!(first.map(|f| f.map(|f| f.payload)), again.map(|f| f.map(|f| f.payload)), "{sql}");
        }
    }
    let topic = TopicName::parse("a").unwrap();
    let message = Message::new(&topic, deep.as_bytes()).unwrap();
    let reason = message.opaque_payload().unwrap().to_string();
    let expected = format!("nested more than {JSON_NESTING_MAX} deep");
    assert!(reason.contains(&expected), "{reason}");
}

#[test]
fn members_can_be_added_to_objects_only() {
    for (payload, found) in [(&b"\x00"[..], "bytes"), (b"80", "bytes"), (b"[1]", "an array")] {
        let error = evaluate("SELECT *, 1 AS one FROM 'a'", payload).unwrap_err();
        assert_eq!(error, EvaluationError::NothingToAddTo { found });
    }
    assert_eq!(evaluate("SELECT *, 1 AS one FROM 'a'", b""), Ok(Some(b"{\"one\":1}".to_vec())));
}

#[test]
fn what_a_message_says_is_never_sql() {
    let payload = br#"{"a": "' OR true OR '", "b": "${topic()}", "c": "x) FROM 'b' WHERE (true"}"#;
    for (sql, expected) in [
        ("SELECT a FROM 'a' WHERE a = ''", None),
        ("SELECT VALUE concat(b, c)", Some("\"${topic()}x) FROM 'b' WHERE (true\"")),
    ] {
        let found = evaluate(sql, payload).unwrap().map(|found| String::from_utf8(found).unwrap());
        assert_eq!(found.as_deref(), expected);
    }
    let topic = TopicName::parse("a/b").unwrap();
    let message = Message::new(&topic, payload).unwrap();
    let template = Template::parse("${b}/${c}").unwrap();
    let found = template.evaluate(&message, &Fixed::new(), &Variables::default()).unwrap();
    assert_eq!(found, "${topic()}/x) FROM 'b' WHERE (true");
}

#[test]
fn templates_use_the_variables_of_their_rule() {
    let rule = parse("SET @room = upper(room) SELECT * FROM 'a' WHERE @room = 'KITCHEN'").unwrap();
    let template = Template::parse_for("rooms/${@room}/${topic(2)}", &rule).unwrap();
    let topic = TopicName::parse("a/b").unwrap();
    let message = Message::new(&topic, br#"{"room":"kitchen"}"#).unwrap();
    let context = Fixed::new();
    let found = rule.evaluate(&message, &context).unwrap().unwrap();
    assert_eq!(template.evaluate(&message, &context, &found.variables).unwrap(), "rooms/KITCHEN/b");
    assert!(Template::parse("${@room}").is_err());
    assert_eq!(Template::parse("plain").unwrap().as_plain_text(), Some("plain"));
    assert_eq!((Template::parse("").unwrap().as_plain_text(), template.as_plain_text()), (Some(""), None));
}

/// Words that make statements, so that many are nearly right.
fn any_sql() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "SELECT ",
        "VALUE ",
        "* ",
        " FROM ",
        "'a/+'",
        " WHERE ",
        " AS ",
        "a",
        ".b",
        "[0]",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        ",",
        ": ",
        "'x'",
        "\"y\"",
        "1",
        "2.5",
        "-",
        "+",
        "/",
        " AND ",
        " OR ",
        "NOT ",
        " IN ",
        "EXISTS ",
        "CASE ",
        " WHEN ",
        " THEN ",
        " ELSE ",
        " END",
        "NULL",
        "true",
        "topic(",
        "get(",
        "concat(",
        "cast(",
        " AS Int)",
        "SET @v = ",
        "@v",
        "= ",
        "regexp_replace(",
        "parse_time('yyyy', ",
        "encode(*, 'base64')",
        "transform('enrichArray', ",
        "ä",
        "\n",
        "'",
        "${",
    ]);
    prop::collection::vec(words, 0..30).prop_map(|words| words.concat())
}

/// Expressions that are right.
fn any_expression() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec![
        "a", "b", "c.d", "*", "missing", "1", "-2.50", "'text'", "'7'", "NULL", "true", "topic(1)", "1E300",
    ])
    .prop_map(str::to_owned);
    leaf.prop_recursive(4, 24, 3, |inner| {
        let two = (inner.clone(), inner.clone());
        prop_oneof![
            (
                two.clone(),
                prop::sample::select(vec!["+", "-", "*", "/", "%", "=", "<>", "<", ">=", "IN", "AND", "OR"])
            )
                .prop_map(|((left, right), sign)| format!("({left} {sign} {right})")),
            (
                two.clone(),
                prop::sample::select(vec![
                    "get",
                    "concat",
                    "substring",
                    "nanvl",
                    "power",
                    "regexp_replace",
                    "lpad",
                    "mod"
                ])
            )
                .prop_map(|((left, right), name)| format!("{name}({left}, {right})")),
            (
                inner.clone(),
                prop::sample::select(vec![
                    "abs", "floor", "upper", "md5", "length", "isNull", "sqrt", "chr", "NOT "
                ])
            )
                .prop_map(|(operand, name)| format!("({name}({operand}))")),
            prop::collection::vec(inner.clone(), 0..3).prop_map(|items| format!("[{}]", items.join(", "))),
            two.clone().prop_map(|(left, right)| format!("{{'x': {left}, 'y': {right}}}")),
            two.clone()
                .prop_map(|(left, right)| format!("(SELECT VALUE ({left}) FROM a AS i WHERE {right})")),
            two.prop_map(|(left, right)| format!("CASE {left} WHEN {right} THEN {left} ELSE {right} END")),
        ]
    })
}

proptest! {
    #[test]
    fn no_text_panics(sql in any_sql(), text in any::<String>()) {
        for text in [&sql, &text, &format!("SELECT {text} FROM 'a'")] {
            if let Err(error) = parse(text) {
                prop_assert!(error.position.byte <= text.len());
                prop_assert!(text.is_char_boundary(error.position.byte));
                prop_assert!(error.caret(text).ends_with('^'));
            }
            let _ = Template::parse(text);
        }
    }

    #[test]
    fn what_is_right_is_evaluated_and_gives_json(expression in any_expression()) {
        let payload = br#"{"a":[1,"x",{"d":2.50},[null]],"b":"12","c":{"d":true,"e":[]}}"#;
        let plain = evaluate(&format!("SELECT VALUE ({expression})"), payload);
        if let Ok(Some(found)) = &plain {
            let text = std::str::from_utf8(found).unwrap();
            prop_assert!(text.is_empty() || serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok(), "{}", text);
        }
        // Parentheses, a variable and an alias change nothing.
        let nested = evaluate(&format!("SELECT VALUE ((({expression})))"), payload);
        let variable = evaluate(&format!("SET @v = {expression} SELECT VALUE @v"), payload);
        prop_assert_eq!(&plain, &nested);
        prop_assert_eq!(&plain, &variable);
        // WHERE holds for true only.
        let is_true = evaluate(&format!("SELECT VALUE ({expression}) = true"), payload);
        let holds = evaluate(&format!("SELECT * WHERE {expression}"), payload);
        if let (Ok(Some(is_true)), Ok(holds)) = (is_true, holds) {
            prop_assert_eq!(is_true == b"true", holds.is_some());
        }
    }
}
