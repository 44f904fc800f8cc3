//! Flags about access.

use std::{path::PathBuf, str::FromStr};

use axum::http::HeaderValue;
use clap::Args;

/// Flags about access.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Access")]
pub struct AccessArgs {
    /// File with the access token that every client of the deployment sends, on one line. A second
    /// line may hold the previous token, which stays valid until clients have the new one. Lines
    /// that begin with # are ignored. Reloaded when it changes, and on SIGHUP
    #[arg(long, env = "TESSERA_RELAY_ACCESS_TOKEN_FILE", value_name = "FILE")]
    pub access_token_file: Option<PathBuf>,

    /// Web origin of a portal whose pages may post and subscribe, or * for every page; may be given
    /// several times. The relay's own pages always may. Without a token, every page may read
    #[arg(
        long,
        env = "TESSERA_RELAY_ALLOW_ORIGIN",
        value_delimiter = ',',
        value_name = "ORIGIN"
    )]
    pub allow_origin: Vec<WebOrigin>,
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
        let is_plain = |byte: u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-:[]".contains(&byte)
        };
        if host.is_empty() || host.ends_with(':') || !host.bytes().all(is_plain) {
            return Err(FORM);
        }
        HeaderValue::from_str(text).map(Self).map_err(|_| FORM)
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
}
