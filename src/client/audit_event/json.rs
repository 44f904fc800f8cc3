//! Writes an event as one flat JSON object. `serde_json` in its place makes the
//! WebAssembly module 2.7 KiB larger (gzip -9, measured on the whole module).

use crate::{
    base::Month,
    client::view::{DeviceNotice, Gap},
    envelope::DeliveryId,
    wire::{hex, json},
};

/// A flat JSON object being written.
pub(crate) struct Record(String);

impl Record {
    pub(crate) fn new(event: &str) -> Self {
        Self(format!("{{\"event\":\"{event}\""))
    }

    pub(crate) fn finish(mut self) -> String {
        self.0.push('}');
        self.0
    }

    fn key(&mut self, key: &str) {
        self.0.extend([",\"", key, "\":"]);
    }

    pub(crate) fn text(&mut self, key: &str, value: &str) {
        self.key(key);
        self.0.push_str(&json::quoted(value));
    }

    pub(crate) fn number(&mut self, key: &str, value: u64) {
        self.key(key);
        self.0.push_str(&value.to_string());
    }

    pub(crate) fn flag(&mut self, key: &str, value: bool) {
        self.key(key);
        self.0.push_str(if value { "true" } else { "false" });
    }

    pub(crate) fn bytes(&mut self, key: &str, value: &[u8]) {
        self.text(key, &hex::encode(value));
    }

    /// `"2026-11"`.
    pub(crate) fn month(&mut self, key: &str, month: Month) {
        let (year, month) = month.year_month();
        self.text(key, &format!("{year:04}-{month:02}"));
    }

    /// The random half in hexadecimal, the label as it is.
    pub(crate) fn session(&mut self, session: &[u8]) {
        let Some(id) = DeliveryId::decode(session) else {
            return;
        };
        self.bytes("session", id.random());
        if !id.label().is_empty() {
            self.text("label", id.label());
        }
    }

    pub(crate) fn device(&mut self, notice: &DeviceNotice) {
        let (kind, device) = match notice {
            DeviceNotice::Superseded { device, .. } => ("superseded", Some(*device)),
            DeviceNotice::Former { device } => ("former", Some(*device)),
            DeviceNotice::Contact { .. } => ("contact", None),
        };
        self.text("kind", kind);
        if let Some(device) = device {
            self.number("device", device.into());
        }
    }

    pub(crate) fn gap(&mut self, gap: &Gap) {
        match gap {
            Gap::Batches {
                from,
                to,
                lobby,
                closed,
            } => {
                self.text("kind", "batches");
                if let Some(from) = from {
                    self.number("from", *from);
                }
                self.number("to", *to);
                self.flag("lobby", *lobby);
                self.flag("closed", *closed);
            }
            Gap::Sequence {
                from, to, closed, ..
            } => {
                self.text("kind", "sequence");
                self.number("from", *from);
                self.number("to", *to);
                self.flag("closed", *closed);
            }
            Gap::Origin { origin, lobby } => {
                self.text("kind", "origin");
                self.text("origin", origin);
                self.flag("lobby", *lobby);
            }
        }
    }
}
