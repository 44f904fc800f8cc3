//! Rounds: what the client asks JavaScript to do, and the answers.

use js_sys::{Array, Uint8Array};
use wasm_bindgen::{JsCast as _, JsValue, prelude::wasm_bindgen};

use super::{Engine, to_js, whole};
use crate::{
    client::{Answer, Ask, Clock, Failure, Mailbox, StoreKey, Task},
    wasm::{
        bytes::{array, invalid, rng},
        error::JsResult,
        object::{field, nullable, number, object, set},
    },
    wire::Hashes,
};

#[wasm_bindgen]
impl Engine {
    /// Takes the answer to the last ask, or undefined, and returns what to commit,
    /// to show and to do next: `{ commit, events, value: ask }`.
    /// `wall` is Unix time and `ticks` a clock that only goes forward, both in
    /// milliseconds.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT`.
    #[wasm_bindgen(js_name = nextAsk, unchecked_return_type = "Effects<Ask>")]
    pub fn next_ask(
        &mut self,
        #[wasm_bindgen(unchecked_param_type = "Answer | undefined")] answer: &JsValue,
        wall: f64,
        ticks: f64,
    ) -> JsResult<JsValue> {
        let answer = match answer.is_undefined() {
            true => None,
            false => Some(self.answer(answer)?),
        };
        let clock = clock(wall, ticks)?;
        let effects = self.round.next(&mut self.client, answer, clock, &mut rng());
        self.asked = match &effects.value {
            Ask::Load(keys) => keys.iter().map(StoreKey::to_string).collect(),
            _ => Vec::new(),
        };
        let value = ask(effects.value)?;
        self.vault.outcome(effects.changes, &effects.events, value)
    }

    /// Starts to do every task when it is due.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT`.
    #[wasm_bindgen(js_name = startRounds)]
    pub fn start_rounds(&mut self, wall: f64, ticks: f64) -> JsResult<()> {
        let clock = clock(wall, ticks)?;
        self.round.start(&self.client, clock, &mut rng());
        Ok(())
    }

    /// Stops; from then on only requested syncs are done.
    #[wasm_bindgen(js_name = stopRounds)]
    pub fn stop_rounds(&mut self) {
        self.round.stop();
    }

    /// Requests these tasks once, now: "info", "own", "lobby",
    /// "slot". With `flush`, "slot" posts the whole queue.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT`.
    #[wasm_bindgen(js_name = requestSync)]
    pub fn request_sync(
        &mut self,
        #[wasm_bindgen(unchecked_param_type = "readonly Task[]")] tasks: Vec<String>,
        flush: bool,
        wall: f64,
        ticks: f64,
    ) -> JsResult<()> {
        let tasks: Option<Vec<Task>> = tasks.iter().map(|task| Task::parse(task)).collect();
        let tasks = tasks.ok_or_else(|| invalid("tasks"))?;
        self.round.sync(&tasks, flush, clock(wall, ticks)?);
        Ok(())
    }

    /// Reports that an enrolment through the lobby began.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT`.
    pub fn enrolling(&mut self, wall: f64, ticks: f64) -> JsResult<()> {
        self.round.enrolling(clock(wall, ticks)?);
        Ok(())
    }

    /// Reports that the network is back, or the page is visible again.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT`.
    #[wasm_bindgen(js_name = reachableAgain)]
    pub fn reachable_again(&mut self, wall: f64, ticks: f64) -> JsResult<()> {
        self.round.reachable_again(clock(wall, ticks)?, &mut rng());
        Ok(())
    }

    /// Reports the relay's notice that it has published "own" or "lobby".
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT`.
    pub fn published(
        &mut self,
        #[wasm_bindgen(unchecked_param_type = "Mailbox")] which: &str,
        wall: f64,
        ticks: f64,
    ) -> JsResult<()> {
        let mailbox = Mailbox::parse(which).ok_or_else(|| invalid("which"))?;
        self.round
            .published(mailbox, clock(wall, ticks)?, &mut rng());
        Ok(())
    }

    /// Reports that the relay sends no more notices.
    #[wasm_bindgen(js_name = noticesEnded)]
    pub fn notices_ended(&mut self) {
        self.round.notices_ended();
    }
}

impl Engine {
    fn answer(&self, value: &JsValue) -> JsResult<Answer> {
        let kind = field(value, "kind").as_string().unwrap_or_default();
        Ok(match kind.as_str() {
            "loaded" => {
                let records = Array::from(&field(value, "records"));
                let opened = self.asked.iter().zip(records.iter()).map(|(key, sealed)| {
                    let sealed: Uint8Array = sealed.dyn_into().ok()?;
                    let plain = self.vault.key.open(key, &sealed.to_vec()).ok()?;
                    Some(plain.to_vec())
                });
                Answer::Loaded(opened.collect())
            }
            "got" => Answer::Got(match field(value, "bytes").dyn_into::<Uint8Array>() {
                Ok(bytes) => Ok(bytes.to_vec()),
                Err(_) => Err(failure(value)?),
            }),
            "handedOver" => Answer::HandedOver {
                body: Uint8Array::from(field(value, "body")).to_vec(),
                hashes: Hashes {
                    whole: hash(&field(value, "whole")),
                    rests: Array::from(&field(value, "rests"))
                        .iter()
                        .map_while(|rests| hash(&rests))
                        .collect(),
                },
            },
            "kept" => Answer::Kept(match field(value, "length").as_f64() {
                Some(length) => Ok(whole(length, "length")?),
                None => Err(failure(value)?),
            }),
            "confirmed" => Answer::Confirmed(field(value, "may").is_truthy()),
            "posted" => Answer::Posted(match field(value, "failure").is_undefined() {
                true => Ok(()),
                false => Err(failure(value)?),
            }),
            "selected" => {
                let sums = |name| field(value, name).dyn_into::<Uint8Array>();
                Answer::Selected(match (sums("relay"), sums("mirror")) {
                    (Ok(relay), Ok(mirror)) => Ok([relay.to_vec(), mirror.to_vec()]),
                    _ => Err(failure(value)?),
                })
            }
            "notStored" => Answer::NotStored,
            _ => return Err(invalid("answer")),
        })
    }
}

/// `None` for what is not 32 bytes.
fn hash(value: &JsValue) -> Option<[u8; 32]> {
    let bytes = value.dyn_ref::<Uint8Array>()?;
    bytes.to_vec().try_into().ok()
}

fn failure(value: &JsValue) -> JsResult<Failure> {
    let kind = field(value, "failure").as_string().unwrap_or_default();
    let wait = || {
        let wait = field(value, "retryAfterMs").as_f64().unwrap_or(0.0);
        whole(wait.floor(), "retryAfterMs").unwrap_or(0)
    };
    Ok(match kind.as_str() {
        "unavailable" => Failure::Unavailable(wait()),
        "denied" => Failure::Denied(wait()),
        "missing" => Failure::Missing,
        "refused" => Failure::Refused,
        _ => return Err(invalid("failure")),
    })
}

fn clock(wall: f64, ticks: f64) -> JsResult<Clock> {
    Ok(Clock {
        wall: whole(wall.floor(), "wall")?,
        ticks: whole(ticks.floor(), "ticks")?,
    })
}

/// `{ kind, … }`.
fn ask(ask: Ask) -> JsResult<JsValue> {
    let texts = |texts: Vec<String>| {
        let texts = texts.into_iter().map(JsValue::from);
        JsValue::from(texts.collect::<Array>())
    };
    let (kind, properties) = match ask {
        Ask::Continue => ("continue", vec![]),
        Ask::Load(keys) => {
            let keys = keys.iter().map(StoreKey::to_string).collect();
            ("load", vec![("keys", texts(keys))])
        }
        Ask::Get(path) => ("get", vec![("path", path.into())]),
        Ask::Keep { path, ahead } => {
            let properties = vec![("path", path.into()), ("ahead", texts(ahead))];
            ("keep", properties)
        }
        Ask::Mirror(path) => ("mirror", vec![("path", path.into())]),
        Ask::Select {
            path,
            relay,
            mirror,
        } => {
            let [relay, mirror] = [relay, mirror].map(|body| array(&body).into());
            let path = path.into();
            let properties = vec![("path", path), ("relay", relay), ("mirror", mirror)];
            ("select", properties)
        }
        Ask::HandOver(path) => ("handOver", vec![("path", path.into())]),
        Ask::Confirm { bytes, tells } => {
            let properties = vec![("bytes", number(bytes)), ("tells", tells.into())];
            ("confirm", properties)
        }
        Ask::Progress(progress) => return tagged("progress", to_js(&progress)?),
        Ask::Post { path, body } => {
            let body = array(&body).into();
            ("post", vec![("path", path.into()), ("body", body)])
        }
        Ask::At(member, asked) => {
            let asked = self::ask(*asked)?;
            set(&asked, "member", &member.into());
            return Ok(asked);
        }
        Ask::Synced(synced) => return tagged("synced", to_js(&synced)?),
        Ask::Wait(until) => ("wait", vec![("until", nullable(until.map(number)))]),
    };
    tagged(kind, object(&properties))
}

fn tagged(kind: &str, value: JsValue) -> JsResult<JsValue> {
    set(&value, "kind", &kind.into());
    Ok(value)
}
