//! The inputs that are kept of a target: a folder of files, each one input, as it is.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// An input that is kept, and what it is called.
pub type Kept = (String, Vec<u8>);

/// The kept inputs of a target.
#[derive(Clone, Debug)]
pub struct Corpus(Vec<Kept>);

impl Corpus {
    /// Reads those of `target`.
    ///
    /// # Panics
    /// When there are none.
    #[must_use]
    pub fn of(target: &str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
        let files = fs::read_dir(&folder)
            .unwrap_or_else(|error| panic!("inputs are kept in {}: {error}", folder.display()));
        let mut paths: Vec<_> = files.filter_map(Result::ok).map(|file| file.path()).collect();
        // Whatever order the file system has: the same seed is the same run.
        paths.sort();
        let read = |path: PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let input =
                fs::read(&path).unwrap_or_else(|error| panic!("read {}: {error}", path.display()));
            (name, input)
        };
        let kept: Vec<_> = paths.into_iter().map(read).collect();
        assert!(!kept.is_empty(), "no input is kept in {}", folder.display());
        Self(kept)
    }

    /// Each input by its name.
    pub fn iter(&self) -> impl Iterator<Item = &Kept> {
        self.0.iter()
    }
}

/// Where is written down what failed.
#[must_use]
pub fn failures() -> PathBuf {
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."));
    checkout.join(".holdfast/fuzz")
}
