//! Whose `X-Forwarded-For` counts, and who the client is then.

use std::{net::IpAddr, str::FromStr};

use axum::http::HeaderMap;

/// Networks whose word about their clients is taken.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies(Vec<Network>);

#[derive(Clone, Copy, Debug)]
struct Network {
    address: IpAddr,
    prefix: u8,
}

impl FromStr for TrustedProxies {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts =
            text.split(',').map(str::trim).filter(|part| !part.is_empty() && *part != "none");
        parts.map(Network::from_str).collect::<Result<_, _>>().map(Self)
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("'{text}' is no address and no network like 10.0.0.0/8");
        let (address, prefix) = text.split_once('/').unzip();
        let address: IpAddr = address.unwrap_or(text).parse().map_err(|_| wrong())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            Some(prefix) => {
                prefix.parse().ok().filter(|&prefix| prefix <= most).ok_or_else(wrong)?
            }
            None => most,
        };
        Ok(Self { address, prefix })
    }
}

impl Network {
    fn contains(self, address: IpAddr) -> bool {
        let shifted =
            |bits: u128, of: u8| bits.checked_shr(u32::from(of - self.prefix)).unwrap_or(0);
        match (self.address, address) {
            (IpAddr::V4(ours), IpAddr::V4(theirs)) => {
                shifted(ours.to_bits().into(), 32) == shifted(theirs.to_bits().into(), 32)
            }
            (IpAddr::V6(ours), IpAddr::V6(theirs)) => {
                shifted(ours.to_bits(), 128) == shifted(theirs.to_bits(), 128)
            }
            _ => false,
        }
    }
}

impl TrustedProxies {
    /// The client behind `peer`: the last hop that no trusted proxy vouches for.
    #[must_use]
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let hops =
            headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
        let hops: Vec<_> = hops.flat_map(|value| value.split(',')).map(str::trim).collect();
        let mut client = peer;
        for hop in hops.iter().rev() {
            if !self.trusts(client) {
                break;
            }
            match hop.parse() {
                Ok(address) => client = address,
                Err(_) => break,
            }
        }
        client
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(trusted: &str, peer: &str, forwarded: &str) -> String {
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", forwarded.parse().unwrap());
        let proxies: TrustedProxies = trusted.parse().unwrap();
        proxies.client(peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn only_a_trusted_proxys_word_counts() {
        assert_eq!(client("", "9.9.9.9", "1.2.3.4"), "9.9.9.9");
        assert_eq!(client("10.0.0.0/8", "10.1.2.3", "6.6.6.6, 1.2.3.4"), "1.2.3.4");
        assert_eq!(client("10.0.0.0/8", "10.1.2.3", "1.2.3.4, 10.9.9.9"), "1.2.3.4");
        assert_eq!(client("127.0.0.1", "127.0.0.1", "nonsense"), "127.0.0.1");
        assert_eq!(client("::1/128", "::1", "2001:db8::1"), "2001:db8::1");
    }

    #[test]
    fn a_network_that_is_none_is_refused() {
        for bad in ["10.0.0.0/33", "x", "10.0.0.0/x"] {
            assert!(bad.parse::<TrustedProxies>().is_err(), "{bad}");
        }
    }
}
