//! Who asks: the order's secret, in the header or in the order's own cookie.

use axum::http::{HeaderMap, HeaderValue, header};
use domain::{OrderId, OrderSecret, SecretHash};

use crate::{
    app::App,
    problem::{Answer, Kind, Problem},
};

/// The cookie's name.
const COOKIE: &str = "holdfast_order";

/// A request that shows a secret.
pub struct Access {
    /// Of the secret.
    pub secret: SecretHash,
    by_cookie: bool,
    plain: OrderSecret,
}

impl Access {
    /// Reads the secret; the header wins.
    pub fn of(headers: &HeaderMap) -> Answer<Self> {
        let missing = || Problem::new(Kind::MissingSecret);
        let (text, by_cookie) = match headers.get(header::AUTHORIZATION) {
            Some(value) => (bearer(value).ok_or_else(missing)?, false),
            None => (cookie(headers).ok_or_else(missing)?, true),
        };
        let plain: OrderSecret = text
            .parse()
            .map_err(|error: domain::secret::InvalidSecret| missing().because(error.to_string()))?;
        Ok(Self { secret: plain.hash(), by_cookie, plain })
    }

    /// Like `of`, for a request that changes something: a browser sends the cookie along with
    /// any page's request, so that the page has to be one of ours.
    pub fn for_write(headers: &HeaderMap, app: &App) -> Answer<Self> {
        let access = Self::of(headers)?;
        if access.by_cookie && !same_origin(headers, &app.public_url) {
            return Err(Problem::new(Kind::CrossOrigin));
        }
        Ok(access)
    }

    /// The secret itself.
    pub const fn secret_text(&self) -> &OrderSecret {
        &self.plain
    }

    /// The cookie that shows this secret for this order, and for nothing else.
    pub fn set_cookie(&self, order: OrderId, app: &App) -> Option<HeaderValue> {
        let secure = if app.public_url.starts_with("https:") { "; Secure" } else { "" };
        let secret = self.plain.expose();
        let cookie = format!(
            "{COOKIE}={secret}; Path=/v1/checkouts/{order}; HttpOnly; SameSite=Strict; Max-Age=604800{secure}"
        );
        HeaderValue::from_str(&cookie).ok()
    }
}

fn bearer(value: &HeaderValue) -> Option<&str> {
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs =
        lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == COOKIE).map(|(_, value)| value)
}

fn same_origin(headers: &HeaderMap, public_url: &str) -> bool {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let Some(origin) = text(header::ORIGIN) else {
        return false;
    };
    let host = text(header::HOST).unwrap_or_default();
    origin == public_url || origin.split_once("://").is_some_and(|(_, theirs)| theirs == host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn the_header_wins_over_the_cookie() {
        let both = headers(&[
            ("authorization", "Bearer aaaaaaaaaaaaaaaaaaaaaa"),
            ("cookie", "x=1; holdfast_order=bbbbbbbbbbbbbbbbbbbbbb"),
        ]);
        assert!(!Access::of(&both).unwrap().by_cookie);
        let cookie = headers(&[("cookie", "x=1; holdfast_order=bbbbbbbbbbbbbbbbbbbbbb")]);
        assert!(Access::of(&cookie).unwrap().by_cookie);
        let bad = headers(&[
            ("authorization", "Bearer short"),
            ("cookie", "holdfast_order=bbbbbbbbbbbbbbbbbbbbbb"),
        ]);
        assert!(Access::of(&bad).is_err());
    }

    #[test]
    fn another_sites_page_is_not_ours() {
        let shop = "http://shop.example";
        let host = ("host", "shop.example");
        assert!(same_origin(&headers(&[("origin", shop), host]), shop));
        assert!(!same_origin(&headers(&[("origin", "http://evil.example"), host]), shop));
        assert!(!same_origin(&headers(&[("origin", "null"), host]), shop));
        assert!(!same_origin(&headers(&[host]), shop));
    }
}
