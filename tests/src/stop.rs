//! Points where a process waits until a test has killed it, or lets it go.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// A point of which a process is to make a stop.
#[derive(Debug)]
pub struct Stop {
    /// Its name.
    pub point: String,
    mark: PathBuf,
}

impl Stop {
    /// Has the first who comes to `point` wait there, of those whose ids contain `whom`.
    pub(crate) fn at(folder: &Path, point: &str, whom: &str) -> Self {
        fs::create_dir_all(folder).unwrap();
        let name = format!("{point}@{whom}");
        fs::write(folder.join(&name), "").unwrap();
        let mark = folder.join(format!("{name}{}", failpoints::REACHED));
        Self { point: point.to_owned(), mark }
    }

    /// Whether somebody has come to it.
    #[must_use]
    pub fn is_reached(&self) -> bool {
        self.mark.exists()
    }

    /// Lets go on whoever waits there.
    ///
    /// # Panics
    /// When nobody does.
    pub fn let_go(&self) {
        fs::remove_file(&self.mark).unwrap_or_else(|error| {
            panic!("nobody has come to {}: {error}", self.point);
        });
    }
}
