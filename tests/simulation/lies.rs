//! A relay that states numbers at and beyond their extremes, or another cell
//! size or number of buckets for a moment: it changes nothing.

use crate::world::World;
use tessera::{base::ErrorCode, client::Mailbox};

/// Fields of `/v1/info`, and values out of their range.
const BEYOND: &[(&str, &[&str])] = &[
    ("protocol", &["0", "2", "4294967296"]),
    ("buckets", &["0", "3", "128", "4294967295"]),
    ("cell_size", &["0", "1025", "32768", "-1"]),
    (
        "epoch_seconds",
        &["0", "86401", "4294967295", "18446744073709551616"],
    ),
    ("retention_seconds", &["0", "1", "4294967295"]),
    ("per_bucket", &["0", "9", "1e9"]),
    ("max_attachment_bytes", &["0", "16777217", "null"]),
    ("time", &["-1", "253402300800", "\"now\""]),
];

impl World {
    /// The relay lies to somebody who looks at it.
    pub(crate) fn lie(&mut self, person: usize) {
        self.outcome.lies += 1;
        match self.dice.below(3) {
            0 => self.refuses_what_is_out_of_range(person),
            1 => self.refuses_an_absurd_index(person),
            _ => self.states_another_shape(person),
        }
    }

    fn refuses_what_is_out_of_range(&mut self, person: usize) {
        let (field, values) = *self.dice.pick(BEYOND);
        let value = *self.dice.pick(values);
        let good = self.relay.info();
        let at = good.rfind(&format!("\"{field}\":")).unwrap() + field.len() + 3;
        let end = at + good[at..].find([',', '}']).unwrap();
        let bad = format!("{}{value}{}", &good[..at], &good[end..]);
        let now = self.clock(person);
        let client = &mut self.people[person].person.client;
        let refused = client.configure(&bad, now).map(|_| ());
        let code = refused.map_err(|error| error.code());
        assert_eq!(code, Err(ErrorCode::RelayProtocol), "{field}: {value}");
    }

    fn refuses_an_absurd_index(&mut self, person: usize) {
        let origin = self.relay.key.origin();
        let (epoch, count) = *self.dice.pick(&[
            ("9007199254740992", "1"),
            ("18446744073709551616", "1"),
            ("1", "4294967296"),
            ("-1", "1"),
        ]);
        let digest = "00".repeat(32);
        let index = format!(
            r#"{{"oldest":null,"batches":[{{"origin":"{origin}","epoch":{epoch},"count":{count},"digest":"{digest}"}}],"segments":[]}}"#
        );
        let now = self.clock(person);
        let client = &mut self.people[person].person.client;
        if client.relay_info().is_ok() {
            let refused = client.plan_pull(Mailbox::Own, &index, now);
            assert_eq!(refused.unwrap_err().code(), ErrorCode::RelayProtocol);
        }
    }

    fn states_another_shape(&mut self, person: usize) {
        let (size, buckets) = (self.relay.size, self.relay.buckets);
        let faults = std::mem::replace(&mut self.faults, false);
        let other = (
            (*self.dice.pick(&[1_024, 4_096, 16_384]))
                .try_into()
                .unwrap(),
            (*self.dice.pick(&[1, 2, 64])).try_into().unwrap(),
        );
        for (size, buckets) in [other, (size, buckets)] {
            (self.relay.size, self.relay.buckets) = (size, buckets);
            let (info, now) = (self.relay.info(), self.clock(person));
            let client = &mut self.people[person].person.client;
            let effects = client.configure(&info, now).unwrap();
            assert!(self.commit(person, effects).is_ok());
            assert!(self.tick(person).is_ok());
        }
        self.faults = faults;
    }
}
