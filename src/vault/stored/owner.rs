//! Records of the person, the devices and the log.

records! {
    /// `s/self`: the own identity.
    #[derive(Debug)]
    pub struct SelfRecord {
        /// The identity secret.
        pub secret: [u8; 32],
        /// The own display name.
        pub name: String,
        /// The live device index.
        pub device: u8,
        /// Unix seconds.
        pub created_at: u64,
    }

    /// `s/settings`: how long keys and deliveries count, if that was ever set.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
    #[serde(rename_all = "camelCase")]
    pub struct SettingsRecord {
        /// How long the keys of a month are kept after its end: 3 to 28. Fewer than
        /// the three days for which a tag is looked for would lose deliveries.
        pub grace_days: u32,
        /// How long a delivery is accepted, and what was opened is remembered: 7
        /// to 60.
        pub retention_days: u32,
    }

    /// `s/filing`: messages are filed in the health record.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct FilingSettingRecord {
        /// Unix seconds.
        pub since: u64,
    }

    /// `s/overdue`: since when keys are past the date by which they must be
    /// shredded regardless of the relay's batches.
    #[derive(Debug)]
    pub struct OverdueRecord {
        /// Unix seconds.
        pub since: u64,
    }

    /// `s/recovery`: the known devices of the same person. Present after the vault
    /// was restored or another device was announced.
    #[derive(Debug)]
    pub struct RecoveryRecord {
        /// This device's random id, which marks its announcements.
        pub id: [u8; 16],
        /// Whether it was restored from a backup.
        pub restored: bool,
        /// Whether it has taken an index.
        pub settled: bool,
        /// Whether that is final.
        pub confirmed: bool,
        /// Cells queued below this ordinal were sealed by the backup's device.
        pub former_queue: u64,
        /// Highest index another device announced.
        pub highest: u8,
        /// When it last announced itself, Unix seconds.
        pub announced_at: u64,
        /// The newer device that replaced it.
        pub superseded_by: Option<u8>,
        /// (index, Unix seconds) of former devices that are still open.
        pub former: Vec<(u8, u64)>,
        /// Contacts that have a newer device than their first.
        pub contacts: Vec<ContactDeviceRecord>,
    }

    /// The newest device of a contact.
    #[derive(Clone, Debug)]
    pub struct ContactDeviceRecord {
        /// The contact.
        pub contact: [u8; 8],
        /// The index.
        pub device: u8,
        /// The earliest known time of sending, Unix seconds.
        pub since: u64,
        /// Whether a later delivery of an older device was reported.
        pub reported: bool,
    }

    /// `s/e/<id>`: a backup was opened with emergency shares.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct EmergencyRecord {
        /// Unix seconds.
        pub began_at: u64,
        /// The duration of the access.
        pub minutes: u32,
        /// The stated reason; empty if only the end is known.
        pub reason: String,
        /// Unix seconds.
        pub ended_at: Option<u64>,
        /// Whether it was reported to the owner.
        pub reported: bool,
    }

    /// `s/audit`: the end of the audit log.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct AuditRecord {
        /// Entries in all.
        pub len: u64,
        /// The head after the last.
        pub head: [u8; 32],
        /// The last month whose start was logged.
        pub month: u32,
        /// The last checkpoint signed.
        pub checkpoint: Option<CheckpointRecord>,
    }

    /// A checkpoint of the audit log.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct CheckpointRecord {
        /// The last entry it covers.
        pub index: u64,
        /// The head after it.
        pub head: [u8; 32],
        /// Unix seconds.
        pub time: u64,
        /// The owner's proof.
        pub proof: [u8; 64],
    }

    /// `a/<index>`: an entry of the audit log.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct EntryRecord {
        /// The head before it.
        pub before: [u8; 32],
        /// The entry, sealed: nonce, ciphertext, tag.
        pub blob: Vec<u8>,
    }
}
