//! `cargo xtask`: runs the shop, tests it, measures it.

#![allow(clippy::print_stdout, reason = "a command line tool answers on stdout")]

mod alerts;
mod bench;
mod check;
mod children;
mod cluster;
mod fuzz;
mod load;
mod places;
mod ports;
mod prepare;
mod progress;
mod runner;
mod servers;
mod service;
mod settings;
mod soak;
mod stop;
mod suite;
mod task;
mod temporal;
mod test;
mod up;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Holdfast's tasks.
#[derive(Parser)]
#[command(name = "cargo xtask", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the whole shop on this machine; Ctrl-C stops it.
    Up(up::Options),
    /// Runs every test there is: formatting, lints, unit, system, client and browser tests.
    Test,
    /// Runs the servers that system tests need, for running one test by hand; Ctrl-C stops them.
    Servers,
    /// Runs the subset for working on code: formatting, lints, unit tests.
    Check,
    /// Measures, as ratios within one run.
    Bench(bench::Options),
    /// Shakes a shop with faults for a while, and checks what came of every order.
    Soak(soak::Options),
    /// Lets virtual shoppers by the thousand into a shop, and checks what came of every order.
    Load(load::Options),
    /// Feeds bad input to every parser at the door, and to a shop and a sandbox that run.
    Fuzz(fuzz::Options),
    /// Regenerates .sqlx after a change of SQL.
    Prepare,
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Up(options) => up::run(&options),
        Command::Test => test::run(),
        Command::Servers => servers::run(),
        Command::Check => check::run(),
        Command::Bench(options) => bench::run(&options),
        Command::Soak(options) => soak::run(&options),
        Command::Load(options) => load::run(&options),
        Command::Fuzz(options) => fuzz::run(&options),
        Command::Prepare => prepare::run(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is::<stop::Stopped>() => ExitCode::from(130),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
