//! A small, strict JSON reader (RFC 8259): objects, lists, strings, unsigned
//! integers. Relay responses and the lines of an audit export need no more.
//! `serde_json` with derived readers in its place makes the WebAssembly module
//! 21.1 KiB larger (gzip -9, measured on the whole module).

/// Maximum nesting depth of skipped values.
const MAX_DEPTH: usize = 32;

/// A cursor in a JSON text. Every method reads one value and returns `None` if
/// there is another kind of value or the text is not JSON.
#[derive(Debug)]
pub struct Json<'j> {
    rest: &'j str,
    depth: usize,
}

/// Reads a text that is one object. `field` is called with each key and must
/// read the key's value.
pub fn object(text: &[u8], field: &mut dyn FnMut(&mut Json<'_>, &str) -> Option<()>) -> Option<()> {
    let mut json = Json {
        rest: core::str::from_utf8(text).ok()?,
        depth: 0,
    };
    json.object(&mut |json, key| field(json, key))?;
    json.skip_space();
    json.rest.is_empty().then_some(())
}

/// Returns `true` if a text is one JSON value of any kind.
#[must_use]
pub fn is_value(text: &str) -> bool {
    let mut json = Json {
        rest: text,
        depth: 0,
    };
    let read = json.skip();
    json.skip_space();
    read.is_some() && json.rest.is_empty()
}

/// Sets a field once: `None` if its key is repeated.
pub fn once<T>(field: &mut Option<T>, value: Option<T>) -> Option<()> {
    match field.replace(value?) {
        None => Some(()),
        Some(_) => None,
    }
}

impl<'j> Json<'j> {
    /// Reads an object; see [`object`].
    pub fn object(&mut self, field: &mut dyn FnMut(&mut Self, &str) -> Option<()>) -> Option<()> {
        self.items(["{", "}"], &mut |json| {
            let key = json.text()?;
            json.skip_space();
            json.expect(":")?;
            field(json, &key)
        })
    }

    /// Reads a list; `item` must read one item.
    pub fn list(&mut self, item: &mut dyn FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.items(["[", "]"], item)
    }

    /// Reads a number without sign, fraction or exponent.
    pub fn number(&mut self) -> Option<u64> {
        let digits = self.digits()?;
        if digits.len() > 1 && digits.starts_with('0') || self.rest.starts_with(['.', 'e', 'E']) {
            return None;
        }
        digits.parse().ok()
    }

    /// Reads a number; `None` if it does not fit into `T`.
    pub fn number_as<T: TryFrom<u64>>(&mut self) -> Option<T> {
        self.number()?.try_into().ok()
    }

    /// Reads `null`, or what `value` reads.
    pub fn nullable<T>(&mut self, value: impl FnOnce(&mut Self) -> Option<T>) -> Option<Option<T>> {
        self.skip_space();
        match self.expect("null") {
            Some(()) => Some(None),
            None => value(self).map(Some),
        }
    }

    /// Reads a string.
    pub fn text(&mut self) -> Option<String> {
        self.skip_space();
        self.expect("\"")?;
        let mut text = String::new();
        loop {
            let plain = self.rest.find(|c: char| c == '"' || c == '\\' || c < ' ')?;
            let (head, tail) = self.rest.split_at(plain);
            text.push_str(head);
            let mut tail = tail.chars();
            let end = tail.next()?;
            self.rest = tail.as_str();
            match end {
                '"' => return Some(text),
                '\\' => text.push(self.escaped()?),
                _ => return None,
            }
        }
    }

    /// Skips a value of any kind.
    pub fn skip(&mut self) -> Option<()> {
        self.skip_space();
        match self.rest.as_bytes().first()? {
            b'{' => self.object(&mut |json, _| json.skip()),
            b'[' => self.list(&mut Self::skip),
            b'"' => self.text().map(drop),
            b'-' | b'0'..=b'9' => self.skip_number(),
            _ => ["null", "true", "false"]
                .iter()
                .find_map(|word| self.expect(word)),
        }
    }

    fn items(
        &mut self,
        [open, close]: [&str; 2],
        item: &mut dyn FnMut(&mut Self) -> Option<()>,
    ) -> Option<()> {
        self.skip_space();
        self.expect(open)?;
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return None;
        }
        self.skip_space();
        if self.expect(close).is_none() {
            loop {
                item(self)?;
                self.skip_space();
                if self.expect(",").is_none() {
                    break self.expect(close)?;
                }
            }
        }
        self.depth -= 1;
        Some(())
    }

    fn escaped(&mut self) -> Option<char> {
        let mut rest = self.rest.chars();
        let escape = rest.next()?;
        self.rest = rest.as_str();
        Some(match escape {
            '"' | '\\' | '/' => escape,
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => {
                let unit = self.unit()?;
                if !(0xd800..0xdc00).contains(&unit) {
                    return char::from_u32(unit);
                }
                self.expect("\\u")?;
                let low = self
                    .unit()?
                    .checked_sub(0xdc00)
                    .filter(|low| *low < 0x400)?;
                return char::from_u32(0x10000 + ((unit - 0xd800) << 10) + low);
            }
            _ => return None,
        })
    }

    /// Reads the four hexadecimal digits of a UTF-16 code unit.
    fn unit(&mut self) -> Option<u32> {
        let (digits, rest) = self.rest.split_at_checked(4)?;
        self.rest = rest;
        digits
            .chars()
            .try_fold(0, |unit, digit| Some(unit << 4 | digit.to_digit(16)?))
    }

    fn skip_number(&mut self) -> Option<()> {
        let _ = self.expect("-");
        let whole = self.digits()?;
        if whole.len() > 1 && whole.starts_with('0') {
            return None;
        }
        if self.expect(".").is_some() {
            self.digits()?;
        }
        if self.rest.starts_with(['e', 'E']) {
            self.rest = self.rest.get(1..)?;
            if self.rest.starts_with(['+', '-']) {
                self.rest = self.rest.get(1..)?;
            }
            self.digits()?;
        }
        Some(())
    }

    fn digits(&mut self) -> Option<&'j str> {
        self.skip_space();
        let after = self.rest.trim_start_matches(|c: char| c.is_ascii_digit());
        let (digits, rest) = self.rest.split_at_checked(self.rest.len() - after.len())?;
        self.rest = rest;
        (!digits.is_empty()).then_some(digits)
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
    }

    fn expect(&mut self, word: &str) -> Option<()> {
        self.rest = self.rest.strip_prefix(word)?;
        Some(())
    }
}

/// Quotes a string as `JSON.stringify` does.
#[must_use]
pub fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0'..='\u{1f}' => {
                out.push_str("\\u00");
                out.push_str(&super::hex::encode(&[c as u8]));
            }
            _ => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests;
