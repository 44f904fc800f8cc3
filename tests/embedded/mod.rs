//! The vector files, embedded for the browser, which has no file system.
//! `tests/vectors.rs` compares this list with the folder.

#![allow(unreachable_pub, reason = "shared by two test crates")]

macro_rules! embed {
    ($($name:literal)*) => {
        &[$(($name, include_str!(concat!("../vectors/", $name)))),*]
    };
}

/// Name and text of every file of `tests/vectors`.
pub const FILES: &[(&str, &str)] = embed! {
    "audit.json"
    "batch.json"
    "cell.json"
    "channel.json"
    "enrolment.json"
    "fragments.json"
    "identity.json"
    "medcrypt.json"
    "proof.json"
    "rendezvous.json"
    "secure_encryption.json"
    "select.json"
    "shares.json"
};
