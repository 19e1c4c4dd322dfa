//! Short loads of real shops: what is reported is what happened.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]
#![allow(clippy::print_stdout, reason = "what a test prints is shown when it fails")]

use clap::{Args, Command, FromArgMatches};
use load::{Options, Report, run};
use system_tests::{Books, Running, Shop, ShopOptions};

fn options(arguments: &[&str]) -> Options {
    let command = Options::augment_args(Command::new("load").no_binary_name(true));
    Options::from_arg_matches(&command.get_matches_from(arguments)).unwrap()
}

async fn shop(hold_ttl: &'static str) -> Shop {
    Shop::open(ShopOptions { hold_ttl, running: Running::Together, ..ShopOptions::default() }).await
}

/// How many orders operators see in a state.
async fn seen(books: &Books, state: &str) -> u64 {
    u64::try_from(books.orders(&format!("&state={state}")).await.unwrap().len()).unwrap()
}

fn ended(report: &Report, state: &str) -> u64 {
    report.ended.get(state).copied().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_short_load_ends_well_and_counts_what_operators_see() {
    let shop = shop("5s").await;
    // A shopper goes to the till once in an hour and a quarter: many of them for a few seconds.
    let arguments = ["--shoppers", "4000", "--minutes", "0.15", "--seed", "7"];
    let report = run(&shop, &options(&arguments)).await.unwrap();
    println!("{}", report.text());
    report.conclude().unwrap();
    let books = Books::new(shop.operator(), shop.sandbox_url());
    let paid = seen(&books, "paid").await;
    // The one that was bought afterwards is among them.
    assert!(paid >= 1, "{:?}", report.ended);
    assert_eq!((ended(&report, "paid"), report.told.paid), (paid, paid));
    assert_eq!(ended(&report, "expired"), seen(&books, "expired").await);
    let all = books.orders("").await.unwrap().len() as u64;
    assert_eq!(report.ended.values().sum::<u64>() - ended(&report, "nowhere"), all);
    let captured = books.ledger().await.unwrap();
    let captured = captured.iter().filter(|intent| intent["captured"] != 0).count() as u64;
    assert_eq!(captured, paid);
    let of = |name: &str| report.kinds.iter().find(|kind| kind.name == name).unwrap();
    assert!(of("product").answered > 100 && of("stock check").answered > 100);
    let folder = std::env::temp_dir().join(format!("holdfast-load-{}", std::process::id()));
    report.write(&folder).unwrap();
    for file in ["report.txt", "report.json", "latency.svg", "rates.svg", "p99.svg"] {
        assert!(std::fs::metadata(folder.join(file)).unwrap().len() > 100, "{file}");
    }
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_short_drop_as_many_win_as_there_are_units_and_everybody_is_told() {
    let shop = shop("5m").await;
    let drop = ["--drop", "--shoppers", "300", "--units", "7", "--per-second", "1000"];
    let options = options(&[&drop[..], &["--seed", "7"]].concat());
    let report = run(&shop, &options).await.unwrap();
    println!("{}", report.text());
    report.conclude().unwrap();
    let rush = report.drop.as_ref().unwrap();
    assert_eq!((rush.won, rush.held, rush.lost, rush.undecided), (7, 7, 293, 0));
    assert!(rush.workflows >= 7 && rush.workflows < 300, "{rush:?}");
    assert_eq!(shop.operator().stock("drop").await, (0, 0, 7));
    assert_eq!(seen(&Books::new(shop.operator(), shop.sandbox_url()), "paid").await, 7);
}
