//! What a page of the shop may do: run its own scripts, show its own pictures, and, where cards
//! are entered, run the provider's script and show its frames. Nothing else.

use std::collections::BTreeSet;

use axum::http::{HeaderName, HeaderValue, header};
use read_model::Product;
use url::Url;

use super::style::Style;

/// The provider's script for entering cards, and the origins that it needs.
#[derive(Clone, Debug)]
pub struct CardScript {
    /// Where it is.
    pub url: String,
    scripts: String,
    frames: String,
    connections: String,
}

impl CardScript {
    /// At this address; else the one that belongs to the provider's API.
    pub fn new(given: Option<&Url>, api_base: &str) -> anyhow::Result<Self> {
        let url = match given {
            Some(url) => url.clone(),
            None => belonging_to(api_base)?,
        };
        let origin = url.origin().ascii_serialization();
        if url.host_str() != Some("js.stripe.com") {
            let same = || origin.clone();
            let url = url.to_string();
            return Ok(Self { url, scripts: same(), frames: same(), connections: same() });
        }
        // Stripe, "Integration security guide": Content Security Policy.
        let scripts = "https://js.stripe.com https://*.js.stripe.com".to_owned();
        let frames = format!("{scripts} https://hooks.stripe.com");
        let connections = "https://api.stripe.com".to_owned();
        Ok(Self { url: url.to_string(), scripts, frames, connections })
    }
}

fn belonging_to(api_base: &str) -> anyhow::Result<Url> {
    let base = Url::parse(api_base)?;
    if base.host_str() == Some("api.stripe.com") {
        return Ok(Url::parse("https://js.stripe.com/v3/")?);
    }
    Ok(base.join("/v3/")?)
}

/// The headers that a page's policy is.
#[derive(Clone, Debug)]
pub struct Policy(Vec<(HeaderName, HeaderValue)>);

impl Policy {
    /// For a page of this `style` that shows pictures of `products`, and enters cards when there is
    /// a `script`.
    pub fn new<'a>(
        style: &Style,
        products: impl Iterator<Item = &'a Product>,
        script: Option<&CardScript>,
    ) -> Self {
        let pictures = products.filter_map(|product| product.image_url.as_deref());
        let origins: BTreeSet<_> = pictures.filter_map(origin).collect();
        let images = std::iter::once("'self'".to_owned()).chain(origins).collect::<Vec<_>>();
        let images = images.join(" ");
        let (scripts, frames, connections, types) = match script {
            // What policies for Trusted Types the provider's script makes is its own affair.
            Some(of) => {
                (format!(" {}", of.scripts), of.frames.as_str(), format!(" {}", of.connections), "")
            }
            None => (String::new(), "'none'", String::new(), " trusted-types 'none';"),
        };
        let style = &style.hash;
        let content = format!(
            "default-src 'none'; script-src 'self'{scripts}; style-src {style}; font-src 'self'; \
             img-src {images}; connect-src 'self'{connections}; frame-src {frames}; \
             base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'; \
             require-trusted-types-for 'script';{types}"
        );
        let payment =
            if script.is_some() { format!("self \"{}\"", first(frames)) } else { String::new() };
        Self::of(content, &payment)
    }

    /// For a page of the operators' dashboard, of this `style`: its own scripts and pictures, nothing
    /// else.
    pub fn for_operators(style: &Style) -> Self {
        let style = &style.hash;
        let content = format!(
            "default-src 'none'; script-src 'self'; style-src {style}; img-src 'self'; \
             connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; \
             require-trusted-types-for 'script'; trusted-types 'none'"
        );
        Self::of(content, "")
    }

    fn of(content: String, payment: &str) -> Self {
        let permissions = format!(
            "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), \
             hid=(), magnetometer=(), microphone=(), midi=(), payment=({payment}), serial=(), \
             usb=(), xr-spatial-tracking=()"
        );
        let headers = [
            (header::CONTENT_SECURITY_POLICY, content),
            (HeaderName::from_static("permissions-policy"), permissions),
            (HeaderName::from_static("cross-origin-opener-policy"), "same-origin".to_owned()),
        ];
        let values = headers.into_iter();
        Self(
            values
                .filter_map(|(name, text)| Some((name, HeaderValue::from_str(&text).ok()?)))
                .collect(),
        )
    }

    /// Puts it on a page.
    pub fn apply(&self, response: &mut axum::response::Response) {
        for (name, value) in &self.0 {
            response.headers_mut().insert(name, value.clone());
        }
    }
}

fn first(origins: &str) -> &str {
    origins.split(' ').next().unwrap_or_default()
}

/// The origin of an address that is not on ours.
fn origin(address: &str) -> Option<String> {
    let url = Url::parse(address).ok()?;
    url.origin().is_tuple().then(|| url.origin().ascii_serialization())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::style::{Look, style};

    #[test]
    fn the_script_is_the_one_that_belongs_to_the_providers_api() {
        let script = |base: &str| CardScript::new(None, base).unwrap().url;
        assert_eq!(script("http://127.0.0.1:8090"), "http://127.0.0.1:8090/v3/");
        assert_eq!(script("https://api.stripe.com"), "https://js.stripe.com/v3/");
        let given = Url::parse("https://pay.example/v3/").unwrap();
        let script = CardScript::new(Some(&given), "http://sandbox:8090").unwrap();
        assert_eq!(script.url, "https://pay.example/v3/");
    }

    #[test]
    fn only_the_page_that_enters_cards_lets_the_provider_in() {
        let script = CardScript::new(None, "http://127.0.0.1:8090").unwrap();
        let style = style(Look::Till);
        let text = |policy: &Policy| policy.0[0].1.to_str().unwrap().to_owned();
        let with = text(&Policy::new(&style, std::iter::empty(), Some(&script)));
        assert!(with.contains("script-src 'self' http://127.0.0.1:8090;"), "{with}");
        assert!(with.contains("frame-src http://127.0.0.1:8090;"), "{with}");
        let without = text(&Policy::new(&style, std::iter::empty(), None));
        assert!(!without.contains("8090") && without.contains("frame-src 'none'"), "{without}");
        assert!(!without.contains("unsafe"), "{without}");
    }
}
