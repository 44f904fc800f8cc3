//! Flags about access.

use std::{net::Ipv6Addr, path::PathBuf, str::FromStr};

use axum::http::HeaderValue;
use clap::Args;

/// Flags about access.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Access")]
pub struct AccessArgs {
    /// File with the access token that every client of the deployment sends, on one line. A second
    /// line may hold the previous token, which stays valid until clients have the new one. Lines
    /// that begin with # are ignored. Reloaded when it changes, and on SIGHUP
    #[arg(long, value_name = "FILE")]
    pub access_token_file: Option<PathBuf>,

    /// Web origin of a portal whose pages may post and subscribe, or * for every page; may be given
    /// several times. The relay's own pages always may. Without a token, every page may read
    #[arg(long, value_delimiter = ',', value_name = "ORIGIN")]
    pub allow_origin: Vec<WebOrigin>,

    /// Web origin of a page that may show the pages of --static-dir in a frame, such as an EHR; may
    /// be given several times. The relay's own pages always may. Exact: no * and no IPv6 address
    #[arg(long, value_delimiter = ',', value_name = "ORIGIN")]
    pub frame_ancestor: Vec<FrameAncestor>,
}

/// The web origin of a page, as a browser writes it: `https://portal.example`, or with a port; or
/// `*` for every page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebOrigin(HeaderValue);

impl WebOrigin {
    /// Returns `true` if it covers a page with this `Origin` header.
    #[must_use]
    pub fn covers(&self, origin: &HeaderValue) -> bool {
        self.0 == "*" || self.0 == origin
    }
}

impl FromStr for WebOrigin {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str =
            "a web origin as browsers write it: https://portal.example or http://localhost:5173";
        if text == "*" {
            return Ok(Self(HeaderValue::from_static("*")));
        }
        let host = text
            .strip_prefix("https://")
            .or_else(|| text.strip_prefix("http://"))
            .ok_or(FORM)?;
        let (name, port) = match host.rsplit_once(':') {
            Some((name, port)) if !port.ends_with(']') => (name, Some(port)),
            _ => (host, None),
        };
        if port.is_some_and(|port| !is_port(port)) || !is_host(name) {
            return Err(FORM);
        }
        HeaderValue::from_str(text).map(Self).map_err(|_| FORM)
    }
}

/// A port as browsers write it: without leading zeros.
fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
        && text.parse::<u16>().is_ok_and(|port| port > 0)
        && !text.starts_with('0')
}

/// A host name, an IPv4 address, or an IPv6 address in brackets.
fn is_host(text: &str) -> bool {
    let inner = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    match inner {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => {
            !text.is_empty()
                && text.bytes().all(|byte| {
                    byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte)
                })
        }
    }
}

/// The web origin of a page that may frame the portal: a source of `frame-ancestors`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameAncestor(WebOrigin);

impl FrameAncestor {
    /// The origin as it stands in the policy.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.0.to_str().unwrap_or_default()
    }
}

impl FromStr for FrameAncestor {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let origin: WebOrigin = text.parse()?;
        if text == "*" {
            return Err("an exact web origin: any page could frame the portal with *");
        }
        // A Content-Security-Policy has no form for them, and browsers ignore what they do not parse.
        if text.contains('[') {
            return Err("a host name or IPv4 address: frame-ancestors cannot name an IPv6 address");
        }
        Ok(Self(origin))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_web_origins_are_refused() {
        for bad in [
            "",
            "null",
            "portal.example",
            "https://",
            "https://portal.example/",
            "https://portal.example/app",
            "https://Portal.example",
            "https://*.example",
            "https://a@portal.example",
            "https://portal.example:",
            "https://portal.example:0",
            "https://portal.example:0443",
            "https://portal.example:+443",
            "https://portal.example:65536",
            "https://portal.example:8443:1",
            "https://portal.example; script-src *",
            "https://[2001:db8::1",
            "https://[portal]",
            "ftp://portal.example",
        ] {
            assert!(bad.parse::<WebOrigin>().is_err(), "{bad}");
        }
        for good in [
            "https://portal.example",
            "http://localhost:5173",
            "https://[2001:db8::1]:8443",
        ] {
            let origin: WebOrigin = good.parse().unwrap();
            assert!(origin.covers(&HeaderValue::from_static(good)));
            let other = HeaderValue::from_static("https://other.example");
            assert!(!origin.covers(&other));
            assert!("*".parse::<WebOrigin>().unwrap().covers(&other));
        }
    }

    #[test]
    fn a_frame_ancestor_is_exact() {
        for bad in [
            "*",
            "'self'",
            "https://*.ehr.example",
            "https://ehr.example/",
            "https://ehr.example; script-src *",
            "https://[2001:db8::1]:8443",
        ] {
            assert!(bad.parse::<FrameAncestor>().is_err(), "{bad}");
        }
        for good in ["https://ehr.example", "http://localhost:8080"] {
            assert_eq!(good.parse::<FrameAncestor>().unwrap().as_str(), good);
        }
    }
}
