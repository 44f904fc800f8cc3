use super::*;

const KDF: Kdf = Kdf {
    salt: [7; 16],
    iterations: Kdf::ITERATIONS,
};

fn rng() -> impl CryptoRng {
    rand_core::UnwrapErr(getrandom::SysRng)
}

fn secret(byte: u8) -> Secret<32> {
    Secret::take(&mut [byte; 32])
}

fn passkey(byte: u8) -> Passkey {
    Passkey {
        credential: vec![byte; 20],
        salt: [byte; 32],
    }
}

/// Opened by a passphrase of ones, a passkey of twos, a code of threes and
/// a host's key of fours.
fn header(key: &VaultKey) -> VaultHeader {
    let mut header = VaultHeader::default();
    header
        .add(UnlockMethod::HostKey, secret(4), key, &mut rng())
        .unwrap();
    header
        .add(UnlockMethod::Recovery, secret(3), key, &mut rng())
        .unwrap();
    header
        .add(UnlockMethod::Passphrase(KDF), secret(1), key, &mut rng())
        .unwrap();
    header
        .add(
            UnlockMethod::Passkey(passkey(2)),
            secret(2),
            key,
            &mut rng(),
        )
        .unwrap();
    header
}

#[test]
fn each_slot_opens_only_with_its_own_secret() {
    let key = VaultKey::random(&mut rng());
    let read = VaultHeader::parse(&header(&key).encode()).unwrap();
    let kinds: [fn(Secret<32>) -> Opener; 4] = [
        Opener::Passphrase,
        Opener::Passkey,
        Opener::Recovery,
        Opener::HostKey,
    ];
    for (kind, right) in kinds.into_iter().zip(1..) {
        for byte in 0..6 {
            let opened = read.unwrap(&kind(secret(byte)));
            if byte == right {
                assert_eq!(opened.unwrap().expose(), key.expose());
            } else {
                assert_eq!(opened.unwrap_err(), VaultError::WrongPassphrase);
            }
        }
    }
    assert_eq!(read.kdf(), Some(KDF));
    assert_eq!(read.passkeys().collect::<Vec<_>>(), [&passkey(2)]);
}

#[test]
fn a_wrapped_key_opens_only_under_its_own_parameters() {
    let key = VaultKey::random(&mut rng());
    let bytes = header(&key).encode();
    let openers = [
        Opener::Passphrase(secret(1)),
        Opener::Passkey(secret(2)),
        Opener::Recovery(secret(3)),
        Opener::HostKey(secret(4)),
    ];
    let mut closed = 0;
    for at in 0..bytes.len() {
        let mut altered = bytes.clone();
        altered[at] ^= 1;
        let Ok(header) = VaultHeader::parse(&altered) else {
            continue;
        };
        let opening = openers
            .iter()
            .filter(|opener| header.unwrap(opener).is_ok());
        assert_eq!(opening.count(), 3, "byte {at}: one slot was altered");
        closed += 1;
    }
    assert!(closed > 4 * 60 + 16 + 20 + 32 - 10, "{closed} parsed");
}

#[test]
fn slots_are_replaced_and_removed() {
    let key = VaultKey::random(&mut rng());
    let mut header = header(&key);
    header
        .add(UnlockMethod::Passphrase(KDF), secret(9), &key, &mut rng())
        .unwrap();
    assert!(header.unwrap(&Opener::Passphrase(secret(1))).is_err());
    assert!(header.unwrap(&Opener::Passphrase(secret(9))).is_ok());
    assert!(header.remove_passkey(&[2; 20]));
    assert!(!header.remove_passkey(&[2; 20]));
    assert!(header.unwrap(&Opener::Passkey(secret(2))).is_err());
    assert!(header.unwrap(&Opener::Recovery(secret(3))).is_ok());
    assert!(header.remove_host_key());
    assert!(!header.remove_host_key());
    assert!(header.unwrap(&Opener::HostKey(secret(4))).is_err());
    let mut alone = VaultHeader::default();
    alone
        .add(UnlockMethod::HostKey, secret(4), &key, &mut rng())
        .unwrap();
    assert!(!alone.remove_host_key(), "something has to open the vault");
}

#[test]
fn at_most_eight_slots_fit() {
    let key = VaultKey::random(&mut rng());
    let mut header = header(&key);
    header.remove_host_key();
    for byte in 10..15 {
        header
            .add(
                UnlockMethod::Passkey(passkey(byte)),
                secret(byte),
                &key,
                &mut rng(),
            )
            .unwrap();
    }
    let refused = header.add(
        UnlockMethod::Passkey(passkey(15)),
        secret(15),
        &key,
        &mut rng(),
    );
    assert_eq!(refused, Err(VaultError::TooManySlots));
    let again = header.add(
        UnlockMethod::Passkey(passkey(14)),
        secret(14),
        &key,
        &mut rng(),
    );
    assert_eq!(again, Ok(()), "one that is there is replaced");
    assert!(VaultHeader::parse(&header.encode()).is_ok());
}

#[test]
fn malformed_headers_are_refused() {
    type Write = fn(&mut cbor::Writer);
    fn passphrase(w: &mut cbor::Writer) {
        w.array(4)
            .uint(0)
            .bytes(&[0; 16])
            .uint(600_000)
            .bytes(&[0; 60]);
    }
    let refuse = |about: &str, version: u64, count: u64, write: &[Write]| {
        let bytes = cbor::array(2, |w| {
            w.uint(version).array(count);
            write.iter().for_each(|write| write(w));
        });
        VaultHeader::parse(&bytes).expect_err(about)
    };
    assert_eq!(refuse("newer", 4, 1, &[passphrase]), VaultError::Version);
    let damaged: [(&str, u64, &[Write]); 13] = [
        ("no slot", 0, &[]),
        ("fewer than it claims", 2, &[passphrase]),
        ("more than it claims", 1, &[passphrase, passphrase]),
        ("two passphrases", 2, &[passphrase, passphrase]),
        ("a claim", u64::MAX, &[passphrase]),
        (
            "cheap",
            1,
            &[|w| {
                w.array(4).uint(0).bytes(&[0; 16]).uint(1).bytes(&[0; 60]);
            }],
        ),
        (
            "a short salt",
            1,
            &[|w| {
                w.array(4)
                    .uint(0)
                    .bytes(&[0; 15])
                    .uint(600_000)
                    .bytes(&[0; 60]);
            }],
        ),
        (
            "a long key",
            1,
            &[|w| {
                w.array(2).uint(2).bytes(&[0; 61]);
            }],
        ),
        (
            "an unknown kind",
            1,
            &[|w| {
                w.array(2).uint(4).bytes(&[0; 60]);
            }],
        ),
        (
            "a longer slot",
            1,
            &[|w| {
                w.array(3).uint(2).bytes(&[0; 60]).uint(0);
            }],
        ),
        (
            "no credential",
            1,
            &[|w| {
                w.array(4)
                    .uint(1)
                    .bytes(&[])
                    .bytes(&[0; 32])
                    .bytes(&[0; 60]);
            }],
        ),
        (
            "a long credential",
            1,
            &[|w| {
                w.array(4)
                    .uint(1)
                    .bytes(&[0; 1_024])
                    .bytes(&[0; 32])
                    .bytes(&[0; 60]);
            }],
        ),
        (
            "another order",
            2,
            &[
                |w| {
                    w.array(2).uint(2).bytes(&[0; 60]);
                },
                passphrase,
            ],
        ),
    ];
    for (about, count, write) in damaged {
        assert_eq!(
            refuse(about, 2, count, write),
            VaultError::Damaged,
            "{about}"
        );
    }
    assert_eq!(VaultHeader::parse(b"").unwrap_err(), VaultError::Damaged);
}
