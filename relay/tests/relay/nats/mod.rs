//! A store that several relays share, on real NATS servers.

mod compose;
mod contract;
mod damage;
mod failures;
mod federated;
mod init;
mod member;
mod namespaces;
mod nemesis;
mod network;
mod permissions;
mod servers;
mod traces;
mod versions;
mod volumes;
