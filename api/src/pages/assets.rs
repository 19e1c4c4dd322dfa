//! Files of `web/`, in the binary.
//!
//! Scripts, styles and icons are reached below a version that is the digest of all of them:
//! `/assets/<version>/cart.js`. A module's relative imports stay inside its version, so that a page
//! never runs the halves of two releases, and what was fetched once is never asked for again.

use std::{
    borrow::Cow,
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, LazyLock, OnceLock},
};

use axum::{http::HeaderMap, response::Response};
use base64::{Engine, engine::general_purpose::STANDARD};
use rust_embed::RustEmbed;
use sha2::{Digest, Sha256};

use super::content::{Content, digest};
use crate::problem::{Answer, Kind, Problem};

#[derive(RustEmbed)]
#[folder = "../web"]
struct Embedded;

/// Kept for good: what has this name never changes.
const FOR_GOOD: &str = "public, max-age=31536000, immutable";
/// Asked after each time, and sent only when it has changed.
const ASKED_AFTER: &str = "no-cache";
/// Pictures have the names that the catalogue gives them.
const FOR_AN_HOUR: &str = "public, max-age=3600";

static FILES: LazyLock<HashMap<Cow<'static, str>, Content>> = LazyLock::new(|| {
    let content = |path: Cow<'static, str>| {
        let file = Embedded::get(&path)?;
        let content = Content::new(file.data.into_owned(), media_type(&path)?);
        Some((path, content))
    };
    Embedded::iter().filter_map(content).collect()
});

static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut paths: Vec<_> = Embedded::iter().filter(|path| path.starts_with("assets/")).collect();
    paths.sort();
    let hashes = paths.iter().filter_map(|path| Embedded::get(path));
    digest(&hashes.flat_map(|file| file.metadata.sha256_hash()).collect::<Vec<_>>())
});

static STYLE: LazyLock<Arc<Style>> = LazyLock::new(|| {
    let file = Embedded::get("assets/shop.css");
    Arc::new(Style::new(file.map(|file| file.data.into_owned()).unwrap_or_default()))
});

static FOLDER: OnceLock<PathBuf> = OnceLock::new();

/// The shop's style as it stands in its pages: a sheet of its own would cost the first visit
/// another way to the server and back before anything is painted.
pub struct Style {
    pub text: String,
    /// What a page's policy allows it by (CSP, "hash-source").
    pub hash: String,
}

impl Style {
    fn new(bytes: Vec<u8>) -> Self {
        let text = String::from_utf8(bytes).unwrap_or_default();
        let hash = format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text.as_bytes())));
        Self { text, hash }
    }
}

/// The style that pages have.
pub fn style() -> Arc<Style> {
    match FOLDER.get() {
        None => Arc::clone(&STYLE),
        Some(folder) => {
            let bytes = std::fs::read(folder.join("assets/shop.css"));
            Arc::new(Style::new(bytes.unwrap_or_default()))
        }
    }
}

/// Serves `web/` from this folder instead, as it is there at each request: for development.
pub fn serve_from(folder: PathBuf) {
    if FOLDER.set(folder).is_err() {
        tracing::warn!("web/ is served from another folder already");
    }
}

/// Where a file of `web/assets` is found.
pub fn address(name: &str) -> String {
    let version = if FOLDER.get().is_some() { "development" } else { VERSION.as_str() };
    format!("/assets/{version}/{name}")
}

/// A file of `web/assets` by a name that does not say of which version.
pub fn newest(name: &str, headers: &HeaderMap) -> Answer<Response> {
    serve(&format!("assets/{name}"), headers, ASKED_AFTER)
}

/// A file of `web/assets`, below its version. Another release's page gets what there is now.
pub fn of_version(version: &str, name: &str, headers: &HeaderMap) -> Answer<Response> {
    let is_ours = FOLDER.get().is_none() && version == VERSION.as_str();
    serve(&format!("assets/{name}"), headers, if is_ours { FOR_GOOD } else { ASKED_AFTER })
}

/// A file of `web/images`.
pub fn image(name: &str, headers: &HeaderMap) -> Answer<Response> {
    serve(&format!("images/{name}"), headers, FOR_AN_HOUR)
}

fn serve(path: &str, headers: &HeaderMap, cache: &'static str) -> Answer<Response> {
    let not_found = || Problem::new(Kind::NotFound);
    match FOLDER.get() {
        None => Ok(FILES.get(path).ok_or_else(not_found)?.answer(headers, cache)),
        Some(folder) => {
            // No name leads out of the folder: the router has taken the slashes apart.
            let is_plain = path.matches('/').count() == 1 && !path.contains("..");
            let media_type = media_type(path).filter(|_| is_plain).ok_or_else(not_found)?;
            let bytes = std::fs::read(folder.join(path)).map_err(|_| not_found())?;
            Ok(Content::new(bytes, media_type).answer(headers, ASKED_AFTER))
        }
    }
}

fn media_type(path: &str) -> Option<&'static str> {
    match path.rsplit_once('.')?.1 {
        "css" => Some("text/css; charset=utf-8"),
        "js" => Some("text/javascript; charset=utf-8"),
        "svg" => Some("image/svg+xml"),
        "woff2" => Some("font/woff2"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_web_has_a_media_type() {
        for path in Embedded::iter() {
            assert!(FILES.contains_key(&path), "{path} can't be served");
        }
    }

    #[test]
    fn the_style_can_stand_in_a_page() {
        assert!(!style().text.is_empty() && !style().text.contains("</"));
    }

    #[test]
    fn a_version_keeps_its_files_for_good_and_another_does_not() {
        let cache = |version: &str| {
            let response = of_version(version, "shop.css", &HeaderMap::new()).unwrap();
            response.headers()["cache-control"].to_str().unwrap().to_owned()
        };
        assert_eq!(cache(VERSION.as_str()), FOR_GOOD);
        assert_eq!(cache("0000"), ASKED_AFTER);
    }
}
