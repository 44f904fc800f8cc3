use super::*;

/// Returns `true` if this reader accepts the text as an object.
fn accepts(text: &str) -> bool {
    object(text.as_bytes(), &mut |json, _| json.skip()).is_some()
}

#[test]
fn acceptance_matches_serde_json() {
    for value in [
        "0",
        "-0",
        "10",
        "01",
        "-",
        "1.",
        ".5",
        "1.5e-7",
        "1e",
        "1e+",
        "+1",
        "1E9",
        "0x1",
        "null",
        "nul",
        "true",
        "True",
        "false",
        "[]",
        "[1]",
        "[1,]",
        "[,1]",
        "[1 2]",
        "[[[]]]",
        "{}",
        "{\"a\":1,}",
        "{\"a\" : [ ] }",
        "{a:1}",
        "{\"a\"}",
        "\"\"",
        "\"\\n\\u00e9\\\"\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\u{1}\"",
        "\"",
        "'a'",
        "\"\\ud83d\\ude00\"",
        "\"\\ud83d\"",
        "\"\\ude00\"",
        "\"\\ud83d\\u0041\"",
        "\"\\u+123\"",
        "1 2",
        "",
        "é",
    ] {
        let text = format!(" {{ \"k\" :\n{value}\t}} ");
        let known = serde_json::from_str::<serde_json::Value>(&text).is_ok();
        assert_eq!(accepts(&text), known, "{value}");
    }
    for text in ["", "1", "[]", "{", "}", "{}x", "{} {}", "\u{feff}{}"] {
        assert!(!accepts(text), "{text}");
    }
    assert!(object(b"{\"\xff\":1}", &mut |json, _| json.skip()).is_none());
}

#[test]
fn depth_is_bounded() {
    let nested = |depth: usize| format!("{{\"k\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
    assert!(accepts(&nested(MAX_DEPTH - 1)));
    assert!(!accepts(&nested(MAX_DEPTH)));
    assert!(!accepts(&nested(1_000_000)));
}

#[test]
fn values_round_trip() {
    for text in ["", "plain", "é\u{1f600}", "\"\\/\u{8}\u{c}\n\r\t\u{1f}\0"] {
        for written in [quoted(text), serde_json::to_string(text).unwrap()] {
            let mut json = Json {
                rest: &written,
                depth: 0,
            };
            assert_eq!(json.text().as_deref(), Some(text), "{written}");
        }
        assert_eq!(serde_json::from_str::<String>(&quoted(text)).unwrap(), text);
    }
    let number = |text| {
        Json {
            rest: text,
            depth: 0,
        }
        .number()
    };
    assert_eq!(number(" 18446744073709551615"), Some(u64::MAX));
    for text in [
        "18446744073709551616",
        "-1",
        "1.0",
        "1e3",
        "01",
        "",
        "\"1\"",
    ] {
        assert_eq!(number(text), None, "{text}");
    }
    assert_eq!(
        Json {
            rest: "256",
            depth: 0
        }
        .number_as::<u8>(),
        None
    );
    assert_eq!(
        Json {
            rest: " null",
            depth: 0
        }
        .nullable(Json::number),
        Some(None)
    );
    assert_eq!(
        Json {
            rest: "7",
            depth: 0
        }
        .nullable(Json::number),
        Some(Some(7))
    );
}

#[test]
fn a_repeated_key_is_refused() {
    let mut field = None;
    assert_eq!(once(&mut field, None), None);
    assert_eq!(once(&mut field, Some(1)), Some(()));
    assert_eq!(once(&mut field, Some(1)), None);
}
