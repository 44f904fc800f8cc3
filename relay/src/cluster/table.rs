//! The state of all relays, as a table.

use std::{collections::BTreeMap, fmt, net::SocketAddr, time::Duration};

use serde::Serialize;
use tessera::wire::{
    Origin, paths,
    relay_api::{KindStanding, OriginsAnswer},
};
use tokio::{task::JoinSet, time::timeout};

use super::nodes::Node;
use crate::fetch;

const ANSWER_TIME: Duration = Duration::from_secs(3);
const ANSWER_LEN: usize = 256 << 10;

/// All relays at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(super) nodes: Vec<Row>,
}

/// One relay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Row {
    node: usize,
    url: String,
    publishes: bool,
    state: &'static str,
    /// For each relay the newest epoch of its numbered buckets, as held here.
    epochs: Vec<Option<u64>>,
    /// Whether it has what the others have, at most an epoch later.
    in_step: bool,
    forks: usize,
}

/// The answer of each relay; `None` from one that does not answer.
pub(super) async fn look(nodes: &[Node], running: &[bool]) -> Vec<(bool, Option<OriginsAnswer>)> {
    let mut asking = JoinSet::new();
    for (number, node) in nodes.iter().enumerate() {
        let address = node.address;
        let runs = running.get(number) == Some(&true);
        asking.spawn(async move {
            let answer = timeout(ANSWER_TIME, ask(address)).await;
            (number, runs, answer.ok().flatten().filter(|_| runs))
        });
    }
    let mut answers = asking.join_all().await;
    answers.sort_by_key(|(number, ..)| *number);
    answers
        .into_iter()
        .map(|(_, runs, answer)| (runs, answer))
        .collect()
}

async fn ask(address: SocketAddr) -> Option<OriginsAnswer> {
    let answer = fetch::get(address, paths::ORIGINS, ANSWER_LEN).await;
    serde_json::from_slice(&answer.ok()?.1).ok()
}

impl Seen {
    pub(super) fn new(nodes: &[Node], answers: Vec<(bool, Option<OriginsAnswer>)>) -> Self {
        let numbered = |answer: &OriginsAnswer| -> BTreeMap<Origin, KindStanding> {
            let all = answer.origins.iter();
            all.filter_map(|of| Some((of.origin, of.kinds.numbered?)))
                .collect()
        };
        let mut newest: BTreeMap<Origin, KindStanding> = BTreeMap::new();
        for answer in answers.iter().filter_map(|(_, answer)| answer.as_ref()) {
            for (origin, standing) in numbered(answer) {
                let known = newest.entry(origin).or_insert(standing);
                if known.epoch < standing.epoch {
                    *known = standing;
                }
            }
        }
        let row = |(node, (runs, answer)): (usize, (bool, Option<OriginsAnswer>))| {
            let held = answer.as_ref().map(numbered).unwrap_or_default();
            let of = nodes.get(node);
            Row {
                node,
                url: of.map_or_else(String::new, |node| format!("http://{}", node.address)),
                publishes: of.is_some_and(|node| node.publishes),
                state: match (runs, &answer) {
                    (false, _) => "down",
                    (true, None) => "starting",
                    (true, Some(_)) => "up",
                },
                epochs: nodes
                    .iter()
                    .map(|node| held.get(&node.origin).map(|standing| standing.epoch))
                    .collect(),
                in_step: answer.is_some()
                    && newest.iter().all(|(origin, newest)| {
                        let held = held.get(origin);
                        held.is_some_and(|held| is_in_step(held, newest))
                    }),
                forks: answer.as_ref().map_or(0, |answer| {
                    answer.origins.iter().filter(|of| of.fork.is_some()).count()
                }),
            }
        };
        Self {
            nodes: answers.into_iter().enumerate().map(row).collect(),
        }
    }
}

/// Whether a relay has the newest batches of an origin, or those of the epoch before: it
/// needs a moment to fetch them, and meanwhile others are published.
fn is_in_step(held: &KindStanding, newest: &KindStanding) -> bool {
    match newest.epoch.checked_sub(held.epoch) {
        Some(0) => held.root == newest.root,
        behind => behind == Some(1),
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<5}{:<24}{:<10}", "node", "URL", "state")?;
        for row in &self.nodes {
            write!(f, "{:<12}", format!("epoch of {}", row.node))?;
        }
        writeln!(f, "{:<9}forks", "in step")?;
        for row in &self.nodes {
            write!(f, "{:<5}{:<24}{:<10}", row.node, row.url, row.state)?;
            for (node, epoch) in row.epochs.iter().enumerate() {
                let text = match epoch {
                    Some(epoch) => epoch.to_string(),
                    None if self.nodes.get(node).is_some_and(|node| !node.publishes) => {
                        "none".to_owned()
                    }
                    None => "-".to_owned(),
                };
                write!(f, "{text:<12}")?;
            }
            let in_step = if row.in_step { "yes" } else { "no" };
            writeln!(f, "{in_step:<9}{}", row.forks)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tessera::wire::Sha256Hash;

    use super::*;

    #[test]
    fn a_relay_in_step_is_an_epoch_behind_at_most() {
        let standing = |epoch, root| KindStanding {
            oldest: 0,
            epoch,
            closed_at: 0,
            root: Sha256Hash([root; 32]),
        };
        let newest = standing(7, 1);
        for (held, expected) in [
            (standing(7, 1), true),
            (standing(7, 2), false),
            (standing(6, 3), true),
            (standing(5, 4), false),
        ] {
            assert_eq!(is_in_step(&held, &newest), expected, "{held:?}");
        }
    }
}
