//! Files of `web/`, in the binary.
//!
//! Scripts are reached below a version that is the digest of all of them:
//! `/assets/<version>/cart.js`. A module's relative imports stay inside its version, so that a page
//! never runs the halves of two releases, and what was fetched once is never asked for again.

use std::{
    borrow::Cow,
    collections::HashMap,
    path::PathBuf,
    sync::{LazyLock, OnceLock},
};

use axum::{http::HeaderMap, response::Response};
use rust_embed::RustEmbed;

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

static FOLDER: OnceLock<PathBuf> = OnceLock::new();

/// Serves `web/` from this folder instead, as it is there at each request: for development.
pub fn serve_from(folder: PathBuf) {
    if FOLDER.set(folder).is_err() {
        tracing::warn!("web/ is served from another folder already");
    }
}

/// Whether files may change from one request to the next.
pub fn are_from_folder() -> bool {
    FOLDER.get().is_some()
}

/// A file of `web/`, as it is now.
pub fn read(path: &str) -> Option<Vec<u8>> {
    match FOLDER.get() {
        None => Embedded::get(path).map(|file| file.data.into_owned()),
        Some(folder) => std::fs::read(folder.join(path)).ok(),
    }
}

/// Where a file of `web/assets` is found.
pub fn address(name: &str) -> String {
    let version = if are_from_folder() { "development" } else { VERSION.as_str() };
    format!("/assets/{version}/{name}")
}

/// A file of `web/assets` by a name that does not say of which version.
pub fn newest(name: &str, headers: &HeaderMap) -> Answer<Response> {
    serve(&format!("assets/{name}"), headers, ASKED_AFTER)
}

/// A file of `web/assets`, below its version. Another release's page gets what there is now.
pub fn of_version(version: &str, name: &str, headers: &HeaderMap) -> Answer<Response> {
    let is_ours = !are_from_folder() && version == VERSION.as_str();
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

/// The files of a folder of `web/`, without it.
#[cfg(test)]
pub fn names_in(folder: &str) -> impl Iterator<Item = String> {
    Embedded::iter().filter_map(move |path| path.strip_prefix(folder).map(str::to_owned))
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
    fn a_version_keeps_its_files_for_good_and_another_does_not() {
        let cache = |version: &str| {
            let response = of_version(version, "shop.js", &HeaderMap::new()).unwrap();
            response.headers()["cache-control"].to_str().unwrap().to_owned()
        };
        assert_eq!(cache(VERSION.as_str()), FOR_GOOD);
        assert_eq!(cache("0000"), ASKED_AFTER);
    }
}
