//! One case of a vector file, and its result.

use std::{cell::RefCell, collections::BTreeSet};

use serde_json::{Map, Value};
use tessera::base::Secret;

/// The case cannot be read, or states a wrong value.
pub struct Broken(pub String);

/// The result of a case under the protocol.
pub enum Verdict {
    /// Accepted; with the fields that differ from the stated values.
    Accepted(Vec<&'static str>),
    /// Refused at this step.
    Refused(&'static str),
}

impl Verdict {
    /// Accepted, after comparing each field.
    pub fn compared(fields: &[(&'static str, bool)]) -> Self {
        Self::Accepted(
            fields
                .iter()
                .filter(|(_, same)| !same)
                .map(|(name, _)| *name)
                .collect(),
        )
    }
}

/// Reads fields and records which were read.
pub struct Case<'a> {
    fields: &'a Map<String, Value>,
    used: RefCell<BTreeSet<&'static str>>,
}

impl<'a> Case<'a> {
    pub fn new(fields: &'a Map<String, Value>) -> Self {
        Self {
            fields,
            used: RefCell::new(BTreeSet::new()),
        }
    }

    /// Why an invalid case is invalid.
    pub fn why(&self) -> &'a str {
        self.fields
            .get("why")
            .and_then(Value::as_str)
            .unwrap_or("valid")
    }

    /// `valid`; true if it is not stated.
    pub fn valid(&self) -> Result<bool, Broken> {
        match self.fields.get("valid") {
            None => Ok(true),
            Some(value) => value
                .as_bool()
                .ok_or_else(|| Broken("valid: not a boolean".into())),
        }
    }

    /// Refuses unknown fields.
    pub fn only(&self, known: &[&str]) -> Result<(), Broken> {
        match self
            .fields
            .keys()
            .find(|key| !matches!(key.as_str(), "valid" | "why") && !known.contains(&key.as_str()))
        {
            None => Ok(()),
            Some(key) => Err(Broken(format!("unknown field {key}"))),
        }
    }

    /// Refuses a case with a field that was never read.
    pub fn all_used(&self) -> Result<(), Broken> {
        let used = self.used.borrow();
        match self
            .fields
            .keys()
            .find(|key| !matches!(key.as_str(), "valid" | "why") && !used.contains(key.as_str()))
        {
            None => Ok(()),
            Some(key) => Err(Broken(format!("{key} was not checked"))),
        }
    }

    pub fn has(&self, name: &str) -> bool {
        self.fields.contains_key(name)
    }

    pub fn value(&self, name: &'static str) -> Result<&'a Value, Broken> {
        self.used.borrow_mut().insert(name);
        self.fields
            .get(name)
            .ok_or_else(|| Broken(format!("{name}: missing")))
    }

    pub fn text(&self, name: &'static str) -> Result<&'a str, Broken> {
        self.value(name)?
            .as_str()
            .ok_or_else(|| Broken(format!("{name}: not a string")))
    }

    pub fn uint<T: TryFrom<u64>>(&self, name: &'static str) -> Result<T, Broken> {
        self.value(name)?
            .as_u64()
            .and_then(|n| T::try_from(n).ok())
            .ok_or_else(|| Broken(format!("{name}: not an unsigned integer in range")))
    }

    pub fn bytes(&self, name: &'static str) -> Result<Vec<u8>, Broken> {
        hex(name, self.text(name)?)
    }

    pub fn array<const N: usize>(&self, name: &'static str) -> Result<[u8; N], Broken> {
        self.bytes(name)?
            .try_into()
            .map_err(|_| Broken(format!("{name}: not {N} bytes")))
    }

    pub fn secret(&self, name: &'static str) -> Result<Secret<32>, Broken> {
        Ok(Secret::take(&mut self.array(name)?))
    }

    pub fn list(&self, name: &'static str) -> Result<&'a [Value], Broken> {
        let list = self.value(name)?.as_array();
        list.map(Vec::as_slice)
            .ok_or_else(|| Broken(format!("{name}: not a list")))
    }

    /// A list of hex strings.
    pub fn bytes_list(&self, name: &'static str) -> Result<Vec<Vec<u8>>, Broken> {
        self.list(name)?
            .iter()
            .map(|item| {
                hex(
                    name,
                    item.as_str()
                        .ok_or_else(|| Broken(format!("{name}: not strings")))?,
                )
            })
            .collect()
    }

    /// An object.
    pub fn object(&self, name: &'static str) -> Result<Case<'a>, Broken> {
        object(name, self.value(name)?)
    }

    /// A list of objects.
    pub fn objects(&self, name: &'static str) -> Result<Vec<Case<'a>>, Broken> {
        self.list(name)?
            .iter()
            .map(|item| object(name, item))
            .collect()
    }

    /// Refuses the case unless `same`: for values that follow from its inputs,
    /// whether it is valid or not.
    pub fn require(&self, name: &str, same: bool) -> Result<(), Broken> {
        if same {
            Ok(())
        } else {
            Err(Broken(format!("another {name}")))
        }
    }

    pub fn entries(&self) -> impl Iterator<Item = (&'a String, &'a Value)> {
        self.fields.iter()
    }
}

fn object<'a>(name: &str, value: &'a Value) -> Result<Case<'a>, Broken> {
    value
        .as_object()
        .map(Case::new)
        .ok_or_else(|| Broken(format!("{name}: not an object")))
}

fn hex(name: &str, text: &str) -> Result<Vec<u8>, Broken> {
    let bytes = hex::decode(text).map_err(|error| Broken(format!("{name}: {error}")))?;
    if hex::encode(&bytes) == text {
        Ok(bytes)
    } else {
        Err(Broken(format!("{name}: not lower case")))
    }
}
