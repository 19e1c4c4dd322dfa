//! Running a target: first what is kept, then mutants.

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet, hash_map::DefaultHasher},
    env,
    fs::{self, File},
    hash::{Hash, Hasher},
    os::unix::fs::FileExt,
    panic::{self, AssertUnwindSafe},
    sync::Once,
    time::{Duration, Instant},
};

use crate::{
    chance::Chance,
    corpus::{Corpus, failures},
    mutate::mutant,
    shrink::smallest,
};

/// Mutants of each target, unless `FUZZ_INPUTS` says how many.
const INPUTS: u64 = 3_000;
/// What a run learns to mutate besides what is kept, at the most.
const MOST_LEARNT: usize = 2_000;

/// What came of an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It was taken. How, in a word or two: inputs that are taken in a new way are mutated further.
    Accepted(String),
    /// It was refused, and why: inputs that are refused in a new way are mutated further.
    Refused(String),
}

impl Verdict {
    /// Taken like any other.
    #[must_use]
    pub fn accepted() -> Self {
        Self::Accepted(String::new())
    }

    /// Refused for this reason.
    pub fn refused(why: impl ToString) -> Self {
        Self::Refused(why.to_string())
    }
}

/// How many inputs are made.
#[must_use]
pub fn inputs(unless_told: u64) -> u64 {
    env::var("FUZZ_INPUTS").ok().and_then(|inputs| inputs.parse().ok()).unwrap_or(unless_told)
}

/// Holds `target` to what `check` holds true: of each input that is kept, then of mutants, as many
/// as `FUZZ_INPUTS` says, made from `FAULTS_SEED` or a seed of the run's own. Says how it went.
///
/// `FUZZ_TARGET` leaves out all targets but that one.
///
/// # Panics
/// When `check` does: the input is made as small as it gets, and written down. When the kept
/// inputs are all accepted, or all refused: such a check would see half of the parser.
#[expect(clippy::print_stdout, reason = "what a test prints is shown when it fails")]
pub fn hold(target: &str, check: impl Fn(&[u8]) -> Verdict) {
    if env::var("FUZZ_TARGET").is_ok_and(|wanted| wanted != target) {
        return;
    }
    let corpus = Corpus::of(target);
    let mut run = Run::new(target, check);
    for (name, input) in corpus.iter() {
        run.try_one(input, &format!("the kept input {name}"));
    }
    let kept = run.counted.clone();
    for kind in ["accepted", "refused"] {
        assert!(kept.contains_key(kind), "{target}: no kept input is {kind}");
    }
    let mut chance = Chance::seeded();
    let mut pool: Vec<Vec<u8>> = corpus.iter().map(|(_, input)| input.clone()).collect();
    let most = pool.len() + MOST_LEARNT;
    for number in 0..inputs(INPUTS) {
        let input = mutant(&pool, &mut chance);
        let is_new = run.try_one(&input, &format!("mutant {number}"));
        if is_new && pool.len() < most {
            pool.push(input);
        }
    }
    println!("{}", run.conclude());
}

struct Run<'a, F> {
    target: &'a str,
    check: F,
    /// Where the input that is tried now is to be found, should it end the process.
    at_work: File,
    seen: BTreeSet<u64>,
    counted: BTreeMap<&'static str, u64>,
    slowest: (Duration, usize),
    began: Instant,
}

impl<'a, F: Fn(&[u8]) -> Verdict> Run<'a, F> {
    fn new(target: &'a str, check: F) -> Self {
        fs::create_dir_all(failures()).expect("a folder for failures can be made");
        let at_work = File::create(failures().join(format!("{target}.at-work")));
        Self {
            target,
            check,
            at_work: at_work.expect("the folder for failures can be written to"),
            seen: BTreeSet::new(),
            counted: BTreeMap::new(),
            slowest: (Duration::ZERO, 0),
            began: Instant::now(),
        }
    }

    /// Tries an input; whether what came of it is new.
    fn try_one(&mut self, input: &[u8], what: &str) -> bool {
        self.at_work.write_all_at(input, 0).expect("the input at work can be written down");
        self.at_work.set_len(input.len() as u64).expect("a file can be cut");
        let began = Instant::now();
        let verdict =
            judged(&self.check, input).unwrap_or_else(|said| self.fail(input, what, &said));
        self.slowest = self.slowest.max((began.elapsed(), input.len()));
        let (kind, how) = match &verdict {
            Verdict::Accepted(how) => ("accepted", how),
            Verdict::Refused(why) => ("refused", why),
        };
        *self.counted.entry(kind).or_default() += 1;
        // Numbers tell where, not what.
        let words: String = how.chars().filter(|c| !c.is_ascii_digit()).collect();
        let mut hasher = DefaultHasher::new();
        (kind, words).hash(&mut hasher);
        self.seen.insert(hasher.finish())
    }

    fn fail(&self, input: &[u8], what: &str, said: &str) -> ! {
        let input = smallest(input.to_vec(), |less| judged(&self.check, less).is_err());
        let mut hasher = DefaultHasher::new();
        input.hash(&mut hasher);
        let name = format!("{}-{:08x}", self.target, hasher.finish() >> 32);
        let file = failures().join(&name);
        drop(fs::write(&file, &input));
        panic!(
            "{}: {what} fails: {said}\n{:?}\nis in {}; keep it in fuzz/corpus/{} under a name that \
             says what it is",
            self.target,
            String::from_utf8_lossy(&input),
            file.display(),
            self.target
        );
    }

    fn conclude(self) -> String {
        let tries: u64 = self.counted.values().sum();
        let count = |kind| self.counted.get(kind).copied().unwrap_or_default();
        drop(fs::remove_file(failures().join(format!("{}.at-work", self.target))));
        format!(
            "{}: {tries} tries, {} accepted, {} refused, {} different outcomes, 0 failures, in \
             {:.1?}; the slowest took {:.1?} for {} bytes",
            self.target,
            count("accepted"),
            count("refused"),
            self.seen.len(),
            self.began.elapsed(),
            self.slowest.0,
            self.slowest.1
        )
    }
}

/// What `check` says of an input, or what it said when it panicked.
fn judged(check: impl Fn(&[u8]) -> Verdict, input: &[u8]) -> Result<Verdict, String> {
    let _quiet = Quiet::new();
    panic::catch_unwind(AssertUnwindSafe(|| check(input))).map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("it panics").to_owned()
    })
}

thread_local! {
    static IS_QUIET: Cell<bool> = const { Cell::new(false) };
}

/// While there is one, panics of this thread are not told: thousands of them make an input smaller.
struct Quiet;

impl Quiet {
    fn new() -> Self {
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            let tell = panic::take_hook();
            panic::set_hook(Box::new(move |panic| {
                if !IS_QUIET.get() {
                    tell(panic);
                }
            }));
        });
        IS_QUIET.set(true);
        Self
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        IS_QUIET.set(false);
    }
}
