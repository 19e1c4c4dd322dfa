//! Which profile a server runs in, and which one a state belongs to.

use std::path::Path;

use anyhow::{bail, ensure};

use super::{postgres, sqlite};
use crate::settings::Settings;

/// What Temporal keeps its state in.
#[derive(clap::ValueEnum, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// The development server with a file of its own.
    #[default]
    Sqlite,
    /// A server in the shop's own Postgres, as in production.
    Postgres,
}

/// What the user has chosen.
#[derive(clap::Args, Clone, Copy, Debug, Default)]
pub struct Choice {
    /// What Temporal keeps its state in: `sqlite` is the development server, ready in a second;
    /// `postgres` a server in the shop's own Postgres, as in production, and faster under load. It
    /// is built when it is first asked for.
    #[arg(long = "temporal", value_enum, default_value_t, value_name = "PROFILE")]
    pub profile: Profile,

    /// With --temporal postgres: into how many history shards its workflows are cut, fixed for the
    /// life of the state. [default: 4]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=16_384))]
    pub shards: Option<u32>,
}

impl Choice {
    /// An error for what contradicts itself.
    pub fn check(self) -> anyhow::Result<()> {
        let makes_sense = self.shards.is_none() || self.profile == Profile::Postgres;
        ensure!(makes_sense, "--shards is for --temporal postgres: SQLite has one");
        Ok(())
    }

    /// An error for what can't be had with the user's own servers.
    pub fn check_against(self, settings: &Settings) -> anyhow::Result<()> {
        self.check()?;
        if self.profile == Profile::Sqlite {
            return Ok(());
        }
        ensure!(
            settings.own_temporal.is_some(),
            "--temporal postgres starts a Temporal server, and TEMPORAL_ADDRESS names one that runs: \
             leave out one of the two"
        );
        ensure!(
            settings.database_url.is_none(),
            "--temporal postgres keeps Temporal's state in the Postgres that `up` runs, and \
             DATABASE_URL names another: unset it, or run a Temporal server of your own and set \
             TEMPORAL_ADDRESS"
        );
        Ok(())
    }

    /// An error when the workflows of the state in this folder are kept by the other profile: they
    /// would stand still while the shop goes on without them.
    pub fn check_state(self, state: &Path) -> anyhow::Result<()> {
        match self.profile {
            Profile::Sqlite if postgres::has_state(state) => bail!(
                "this shop's workflows, its open checkouts among them, are in its Postgres: go on with \
                 `cargo xtask up --temporal postgres`, or start anew with --fresh"
            ),
            Profile::Postgres if sqlite::file(state).exists() => bail!(
                "this shop's workflows, its open checkouts among them, are in {}: go on with \
                 `cargo xtask up` without --temporal postgres, or start anew with --fresh",
                sqlite::file(state).display()
            ),
            Profile::Sqlite => Ok(()),
            Profile::Postgres => postgres::check_shards(state, self.shards),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::PathBuf};

    use super::*;

    /// A folder of a state that keeps `files`.
    struct State(PathBuf);

    impl State {
        fn of(name: &str, files: &[(&str, &str)]) -> Self {
            let folder = format!("holdfast-{name}-{}", std::process::id());
            let folder = std::env::temp_dir().join(folder);
            for (file, text) in files {
                let file = folder.join(file);
                fs::create_dir_all(file.parent().unwrap()).unwrap();
                fs::write(file, text).unwrap();
            }
            Self(folder)
        }

        fn refuses(&self, profile: Profile, shards: Option<u32>) -> Option<String> {
            let choice = Choice { profile, shards };
            choice.check_state(&self.0).err().map(|error| error.to_string())
        }
    }

    impl Drop for State {
        fn drop(&mut self) {
            drop(fs::remove_dir_all(&self.0));
        }
    }

    #[test]
    fn a_state_goes_on_in_the_profile_that_it_was_begun_in() {
        let in_a_file = State::of("file", &[("temporal.db", "")]);
        assert_eq!(in_a_file.refuses(Profile::Sqlite, None), None);
        let said = in_a_file.refuses(Profile::Postgres, None).unwrap();
        assert!(said.contains("without --temporal postgres"), "{said}");

        let in_postgres = State::of("postgres", &[("temporal-postgres/shards", "4")]);
        assert_eq!(in_postgres.refuses(Profile::Postgres, None), None);
        let said = in_postgres.refuses(Profile::Sqlite, None).unwrap();
        assert!(said.contains("cargo xtask up --temporal postgres"), "{said}");

        let fresh = State::of("fresh", &[]);
        assert_eq!(fresh.refuses(Profile::Sqlite, None), None);
        assert_eq!(fresh.refuses(Profile::Postgres, Some(16)), None);
    }

    #[test]
    fn a_state_keeps_its_number_of_shards() {
        let state = State::of("shards", &[("temporal-postgres/shards", "16")]);
        assert_eq!(state.refuses(Profile::Postgres, None), None);
        assert_eq!(state.refuses(Profile::Postgres, Some(16)), None);
        let said = state.refuses(Profile::Postgres, Some(4)).unwrap();
        assert!(said.contains("16 history shards"), "{said}");
    }

    #[test]
    fn shards_are_for_postgres() {
        assert!(Choice { profile: Profile::Sqlite, shards: Some(4) }.check().is_err());
        assert!(Choice { profile: Profile::Postgres, shards: Some(4) }.check().is_ok());
    }
}
