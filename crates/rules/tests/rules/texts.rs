//! What people read: a changed snapshot is a changed promise.

use std::fmt::Write as _;

use landfall_rules::{Rule, SqlVersion, Template};

#[test]
fn errors_say_where_what_and_what_would_be_right() {
    let mut texts = String::new();
    for sql in [
        "",
        "SELECT",
        "SELEKT * FROM 'a'",
        "SELECT * FORM 'a'",
        "SELECT * FROM",
        "SELECT * FROM 'a' WHERE",
        "SELECT * FROM 'a' WERE a = 1",
        "SELECT * FROM 'a' WHERE a = 1 b",
        "SELECT * FROM 'a' GROUP BY b",
        "SELECT * FROM 'a/#/b'",
        "SELECT * FROM ''",
        "SELECT * FROM '$share/g/a'",
        "SELECT * FROM 'a",
        "SELECT a, FROM 'a'",
        "SELECT a b FROM 'a'",
        "SELECT 1 + 2 FROM 'a'",
        "SELECT 'x' FROM 'a'",
        "SELECT a AS FROM 'a' WHERE",
        "SELECT VALUE a AS b FROM 'a'",
        "SELECT (a FROM 'a'",
        "SELECT [1, 2 FROM 'a'",
        "SELECT {a: 1} AS b FROM 'a'",
        "SELECT {'a' 1} AS b FROM 'a'",
        "SELECT a IN ('x', 'y') AS b FROM 'a'",
        "SELECT a FROM 'a' WHERE a LIKE 'x%'",
        "SELECT a FROM 'a' WHERE a BETWEEN 1 AND 2",
        "SELECT a FROM 'a' WHERE a IS NULL",
        "SELECT a FROM 'a' WHERE a NOT IN b",
        "SELECT a FROM 'a' WHERE a != 1",
        "SELECT a FROM 'a' WHERE EXISTS (a)",
        "SELECT (SELECT a) AS b FROM 'a'",
        "SELECT CASE WHEN a > 1 THEN 2 END AS b FROM 'a'",
        "SELECT CASE a WHEN 1 THEN 2 AS b FROM 'a'",
        "SELECT cast(a AS Number) FROM 'a'",
        "SELECT a.1 FROM 'a'",
        "SELECT a[1 FROM 'a'",
        "SELECT 1E1000 AS a FROM 'a'",
        "SELECT\n  tpic(2) AS device,\n  temperature\nFROM 'a'",
        "SELECT foo(a) FROM 'a'",
        "SELECT get_thing_shadow('t', 'arn') FROM 'a'",
        "SELECT * FROM 'a' WHERE regexp_matches(b, '(a)\\1')",
        "SELECT * FROM 'a' WHERE regexp_matches(b, '[')",
        "SELECT parse_time('yyyy-nn', 0) AS t FROM 'a'",
        "SELECT time_to_epoch(a, 'yyyy [') AS t, time_to_epoch(a, 'yyyy ]') AS u FROM 'a'",
        "SELECT encode(a, 'hex') FROM 'a'",
        "SET @a = 1 SELECT @b",
        "SET a = 1 SELECT a",
        "SET @a 1 SELECT a",
        "SELECT größe ? 1 FROM 'a'",
    ] {
        let error = Rule::parse(sql, SqlVersion::default()).unwrap_err();
        writeln!(texts, "{}\n{error}\n", error.caret(sql)).unwrap();
    }
    for template in ["a ${", "a ${b", "${}", "${a b}", "${foo(1)}", "${'a}", "${@x}", "${a + }"] {
        let error = Template::parse(template).unwrap_err();
        writeln!(texts, "{}\n{error}\n", error.caret(template)).unwrap();
    }
    insta::assert_snapshot!(texts);
}

#[test]
fn warnings_say_where_and_what() {
    let sql = "SELECT abs(1, 2) AS a, topic(1, 2), concat(), (SELECT VALUE floor() FROM b) AS c FROM 'a' WHERE isNull()";
    let rule = Rule::parse(sql, SqlVersion::default()).unwrap();
    let texts: Vec<String> = rule.warnings().iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(texts.join("\n"));
}
