//! One name for a shop that runs on its visitors' own machine.
//!
//! `localhost` and `127.0.0.1` are the same shop, but not the same origin: a cart and an order that
//! were begun under one name are not found when the bank leads back to the other, which is
//! PUBLIC_URL's. So pages lead to that name from the start.
//!
//! Only between names of this machine with the same port. What a proxy makes of a public name is
//! the proxy's affair: whoever redirected there by the `Host` that it sends would send shoppers in
//! circles.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderValue, header},
    middleware::Next,
    response::{IntoResponse, Redirect, Response},
};
use url::{Host, Url};

/// The name by which PUBLIC_URL calls this machine.
#[derive(Debug)]
pub struct LocalName {
    scheme: String,
    /// As a browser's `Host` has it.
    authority: String,
    port: Option<u16>,
}

impl LocalName {
    /// None when PUBLIC_URL is no name of this machine.
    pub fn of(public_url: &str) -> Option<Self> {
        let url = Url::parse(public_url).ok().filter(is_this_machine)?;
        let scheme = url.scheme().to_owned();
        Some(Self {
            scheme,
            authority: url.authority().to_owned(),
            port: url.port_or_known_default(),
        })
    }

    /// Whether `host` is this machine by another name.
    fn is_meant_by(&self, host: &str) -> bool {
        if host == self.authority {
            return false;
        }
        let url = Url::parse(&format!("{}://{host}", self.scheme)).ok().filter(is_this_machine);
        url.is_some_and(|url| {
            url.port_or_known_default() == self.port && url.authority() != self.authority
        })
    }
}

fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Leads a page that was asked for by another name of this machine to the one that counts.
pub async fn lead_to(State(name): State<Arc<LocalName>>, request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    if !host.is_some_and(|host| name.is_meant_by(host)) {
        return next.run(request).await;
    }
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let there = Redirect::temporary(&format!("{}://{}{path}", name.scheme, name.authority));
    ([(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))], there).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_name_of_this_machine_leads_to_the_one_that_counts() {
        let name = LocalName::of("http://127.0.0.1:8080").unwrap();
        assert!(name.is_meant_by("localhost:8080"));
        assert!(name.is_meant_by("[::1]:8080"));
        assert!(name.is_meant_by("shop.localhost:8080"));
        assert!(!name.is_meant_by("127.0.0.1:8080"), "it is asked for by its name");
        let name = LocalName::of("http://localhost").unwrap();
        assert!(name.is_meant_by("127.0.0.1"));
        assert!(!name.is_meant_by("LOCALHOST:80"), "the same name, written otherwise");
    }

    #[test]
    fn no_proxy_is_led_in_circles() {
        let name = LocalName::of("http://localhost:3000").unwrap();
        assert!(!name.is_meant_by("127.0.0.1:8080"), "a proxy on another port");
        assert!(!name.is_meant_by("shop.example"), "a name that others know");
        assert!(!name.is_meant_by("not a host"));
        assert!(LocalName::of("https://shop.example").is_none());
        assert!(LocalName::of("http://0.0.0.0:8080").is_none());
    }
}
