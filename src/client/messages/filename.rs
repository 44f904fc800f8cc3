//! A file name travels as a parameter of the content type (RFC 6266 §4.3,
//! RFC 8187).

use crate::{
    base::text::{self, TextUse},
    client::ClientError,
    envelope::ContentType,
    wire::hex,
};

/// The content type with the file name as its parameter (RFC 6266 §4.3 and
/// RFC 8187 §3.2.1).
pub(crate) fn content_type(base: &str, filename: Option<&str>) -> Result<ContentType, ClientError> {
    if base == ContentType::CONTROL {
        return Err(ClientError::InvalidArgument("contentType"));
    }
    if let Some(name) = filename {
        text::check(name, TextUse::FileName)
            .map_err(|error| ClientError::Text("filename", error))?;
    }
    let full = match filename {
        None => base.to_owned(),
        Some(name) => format!("{base}{FILENAME}{}", percent_encode(name)),
    };
    ContentType::new(&full).ok_or(ClientError::InvalidArgument(match filename {
        None => "contentType",
        Some(_) => "filename",
    }))
}

const FILENAME: &str = ";filename*=UTF-8''";

/// The content type and the file name that a delivery carries.
pub(crate) fn split_filename(content_type: &str) -> (String, Option<String>) {
    match content_type.split_once(FILENAME) {
        Some((base, name)) => (base.to_owned(), percent_decode(name)),
        None => (content_type.to_owned(), None),
    }
}

fn percent_encode(name: &str) -> String {
    let mut out = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~!#$&+^`|".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push_str(&hex::encode(&[byte]).to_ascii_uppercase());
        }
    }
    out
}

/// `None` for a name that is not of the form, or of which nothing can be shown.
fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, tail)) = rest.split_first() {
        rest = tail;
        if *byte == b'%' {
            let (pair, tail) = rest.split_first_chunk::<2>()?;
            let [high, low] = pair.map(|digit| char::from(digit).to_digit(16));
            bytes.push(u8::try_from(high? << 4 | low?).ok()?);
            rest = tail;
        } else {
            bytes.push(*byte);
        }
    }
    let name = String::from_utf8(bytes).ok()?;
    text::cleaned(&name, TextUse::FileName)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_travels_with_the_content_type() {
        let full = content_type("application/pdf", Some("Análisis 1.pdf")).unwrap();
        assert_eq!(
            split_filename(full.as_str()),
            ("application/pdf".into(), Some("Análisis 1.pdf".into()))
        );
        assert_eq!(split_filename("text/plain"), ("text/plain".into(), None));
        for deceiving in ["../x", "..", "x\u{202e}fdp", "\u{200b}"] {
            let refused = content_type("application/pdf", Some(deceiving));
            assert!(matches!(refused, Err(ClientError::Text("filename", _))));
        }
        let path = split_filename("application/pdf;filename*=UTF-8''..%2Fx");
        assert_eq!(path.1.as_deref(), Some(".._x"), "as it may be shown");
        assert!(content_type(ContentType::CONTROL, None).is_err());
        assert!(content_type("a/b", Some(&"x".repeat(200))).is_err());
    }
}
