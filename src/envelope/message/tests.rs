use super::*;

fn attachment(filename: Option<&str>, body: &[u8]) -> Attachment {
    Attachment {
        content_type: ContentType::new("application/pdf").unwrap(),
        filename: filename.map(str::to_owned),
        body: body.into(),
    }
}

fn decode(bytes: &[u8]) -> Option<Layout> {
    Layout::decode(&bytes.into())
}

#[test]
fn message_bytes_match_the_protocol() {
    let payload = encode(Some("ü"), vec![attachment(Some("a.pdf"), b"%PDF")]).unwrap();
    let expected = [&b"\x82\x62\xc3\xbc\x81\x83\x6fapplication/pdf\x65a.pdf\x44%PDF"[..]].concat();
    assert_eq!(payload.to_vec().as_slice(), expected);
    let layout = Layout::decode(&payload).unwrap();
    assert_eq!(layout.text, Some(2..4));
    assert_eq!(layout.attachments[0].filename.as_deref(), Some("a.pdf"));
    assert_eq!(&expected[layout.attachments[0].body.clone()], b"%PDF");
}

#[test]
fn other_forms_are_refused() {
    for good in [
        &b"\x82\x60\x80"[..],
        b"\x82\x61a\x80",
        b"\x82\xf6\x81\x83\x61t\xf6\x40",
    ] {
        assert!(decode(good).is_some(), "{good:x?}");
        for cut in 0..good.len() {
            assert_eq!(decode(&good[..cut]), None, "{good:x?} cut at {cut}");
        }
        assert_eq!(decode(&[good, &[0]].concat()), None, "a byte more");
    }
    for bad in [
        &b"\x82\xf6\x80"[..],
        b"\x82\x61\xff\x80",
        b"\x82\x78\x01a\x80",
        b"\x83\x61a\x80\x80",
        b"\x82\x41a\x80",
        b"\x82\x61a\x9f\xff",
        b"\x82\x61a\x81\x83\x60\xf6\x40",
        b"\x82\x61a\x81\x83\x61t\x60\x40",
        b"\x82\x61a\x81\x83\x61\x00\xf6\x40",
        b"\x82\x61a\x81\x83\x61t\xf6\x60",
        b"\x82\x61a\x81\x82\x61t\x40",
        b"\x82\x61a\x81\x83\x61t\xf6\x5b\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x82\x61a\x18\x65",
        b"",
    ] {
        assert_eq!(decode(bad), None, "{bad:x?}");
    }
}

#[test]
fn invalid_messages_have_precise_errors() {
    assert_eq!(encode(None, vec![]), Err(MessageError::Empty));
    let many = vec![attachment(None, b""); MAX_ATTACHMENTS + 1];
    assert_eq!(encode(None, many), Err(MessageError::TooMany));
    for (name, error) in [
        ("a/b", TextError::Path),
        ("\u{202e}a", TextError::Direction),
    ] {
        let refused = encode(None, vec![attachment(Some(name), b"")]);
        assert_eq!(refused, Err(MessageError::FileName(0, error)));
    }
    let long = attachment(Some(&"x".repeat(200)), b"");
    assert!(encode(None, vec![long.clone(); 37]).is_ok());
    let refused = encode(None, vec![long; 38]);
    assert_eq!(refused, Err(MessageError::Framing));
}

#[test]
fn a_deceptive_name_is_cleaned() {
    let mut bytes = b"\x82\xf6\x81\x83\x61t\x6b".to_vec();
    bytes.extend_from_slice("exe\u{202e}/fdp.".as_bytes());
    bytes.push(0x40);
    let layout = decode(&bytes).unwrap();
    assert_eq!(layout.attachments[0].filename.as_deref(), Some("exe_fdp."));
}

#[test]
fn unknown_content_is_one_attachment() {
    for (content_type, bytes) in [
        ("text/plain", &b"caf\xe9"[..]),
        ("text/plain;charset=iso-8859-1", b"caf\xe9"),
        ("text/csv", b"a;b"),
        (ContentType::MESSAGE, b"not CBOR"),
    ] {
        let content_type = ContentType::new(content_type).unwrap();
        let layout = Layout::of(&content_type, &bytes.into());
        assert_eq!(layout.text, None);
        assert_eq!(layout.attachments.len(), 1);
        assert_eq!(layout.attachments[0].content_type, content_type);
        assert_eq!(layout.attachments[0].body, 0..bytes.len());
    }
    let plain = ContentType::new("text/plain").unwrap();
    assert_eq!(Layout::of(&plain, &Content::default()).text, Some(0..0));
}

#[test]
fn characters_may_span_two_pieces() {
    for pad in PIECE_LEN - 6..PIECE_LEN {
        let text = format!("{}🩺é", "x".repeat(pad));
        let payload = encode(Some(&text), vec![]).unwrap();
        let layout = Layout::decode(&payload).unwrap();
        assert_eq!(layout.text.unwrap().len(), text.len());
        let mut broken = payload.to_vec();
        let end = broken.len() - 1;
        broken[end - 2] = b'x';
        assert_eq!(decode(&broken), None, "pad {pad}");
    }
}
