//! Waiting where a test wants it.

use std::{
    env,
    fmt::Display,
    fs,
    path::{Path, PathBuf},
    sync::LazyLock,
    time::Duration,
};

/// How often is looked whether it may go on.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

static FOLDER: LazyLock<Option<PathBuf>> =
    LazyLock::new(|| env::var_os(super::FOLDER).map(PathBuf::from));

/// Waits at `point` if a test wants that of somebody with one of the ids `whose`.
///
/// # Panics
/// When no such point is listed, in a process that a test has set up for this.
pub async fn reached(point: [&str; 3], whose: &[&(dyn Display + Sync)]) {
    let Some(folder) = FOLDER.as_deref() else { return };
    let point = point.join(".");
    assert!(super::all().contains(&point), "the point {point} is not listed");
    let whose: Vec<String> = whose.iter().map(ToString::to_string).collect();
    if let Some(mark) = take(folder, &point, &whose) {
        while mark.exists() {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }
}

/// Takes a file that is meant for this point and one of these ids; answers what it is called now.
fn take(folder: &Path, point: &str, whose: &[String]) -> Option<PathBuf> {
    fs::read_dir(folder).ok()?.flatten().find_map(|file| {
        let name = file.file_name().into_string().ok()?;
        let whom = name.strip_prefix(point)?.strip_prefix('@')?;
        let is_meant = whom.is_empty() || whose.iter().any(|id| id.contains(whom));
        if !is_meant || whom.ends_with(super::REACHED) {
            return None;
        }
        // Of many who come at once, it has one name to lose.
        let mark = folder.join(format!("{name}{}", super::REACHED));
        fs::rename(file.path(), &mark).ok()?;
        Some(mark)
    })
}

/// A request to the provider, as it is made and as it is answered.
pub struct ProviderCall {
    side: &'static str,
    /// None for what has no point.
    call: Option<&'static str>,
    key: String,
    path: String,
}

impl ProviderCall {
    /// One that `side` has to do with: the shop's `provider`, or the provider's `sandbox`. It is
    /// known by its idempotency key and its path, which name order, refund or payment.
    #[must_use]
    pub fn new(side: &'static str, method: &str, path: &str, key: Option<&str>) -> Self {
        let call = call(method, path);
        Self { side, call, key: key.unwrap_or_default().to_owned(), path: path.to_owned() }
    }

    /// Waits `when` it has come so far, if a test wants that.
    pub async fn reached(&self, when: &str) {
        if let Some(call) = self.call {
            reached([self.side, call, when], &[&self.key, &self.path]).await;
        }
    }
}

fn call(method: &str, path: &str) -> Option<&'static str> {
    let last = path.rsplit('/').next()?;
    match (method, last) {
        ("GET", _) => Some("look"),
        ("POST", "payment_intents") => Some("create"),
        ("POST", "refunds") => Some("refund"),
        ("POST", last) => ["confirm", "capture", "cancel"].into_iter().find(|call| *call == last),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_those_who_are_meant_takes_the_file_and_nobody_else() {
        let folder = env::temp_dir().join(format!("failpoints-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("activity.capture.after@7f3"), "").unwrap();
        let comes = |point: &str, id: &str| take(&folder, point, &[id.to_owned()]);

        assert_eq!(comes("activity.capture.before", "checkout/7f3"), None);
        assert_eq!(comes("activity.capture.after", "checkout/111"), None);
        let mark = comes("activity.capture.after", "checkout/7f3").unwrap();
        assert!(mark.exists() && mark.ends_with("activity.capture.after@7f3.reached"));
        assert_eq!(comes("activity.capture.after", "checkout/7f3"), None, "it was taken");
        fs::write(folder.join("activity.capture.after@"), "").unwrap();
        assert!(comes("activity.capture.after", "checkout/111").is_some(), "anyone will do");
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn requests_to_the_provider_go_by_what_they_do() {
        let called = |method, path| call(method, path).unwrap_or("nothing");
        assert_eq!(called("POST", "/v1/payment_intents"), "create");
        assert_eq!(called("POST", "/v1/payment_intents/pi_1/capture"), "capture");
        assert_eq!(called("POST", "/v1/payment_methods"), "nothing");
        assert_eq!(called("GET", "/v1/refunds"), "look");
    }
}
