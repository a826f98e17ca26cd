//! Runs a target with its corpus and with mutations of it, on stable and without instrumentation.

use std::any::Any;
use std::fmt;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use crate::mutator::Mutator;
use crate::{Run, dictionary, target};

/// The longest that one input may take. Far more than any needs, since machines that test are busy.
const INPUT_TIME_MAX: Duration = Duration::from_secs(10);

/// The seed of the mutations, unless another one is asked for.
const SEED_DEFAULT: u64 = 1;

/// A target with what its inputs are made of.
#[derive(Debug)]
pub struct Fuzzer {
    name: String,
    run: Run,
    mutator: Mutator,
}

/// What a run without a fault did.
#[derive(Clone, Copy, Debug)]
pub struct Report {
    /// How many inputs the corpus has.
    pub seeds: usize,
    /// How many inputs were run, those of the corpus included.
    pub runs: u64,
    /// How long it took.
    pub elapsed: Duration,
    /// How long the slowest input took.
    pub slowest: Duration,
}

/// What is wrong with an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The target panicked.
    Panicked {
        /// What it said.
        message: String,
    },
    /// The target took too long.
    Slow {
        /// How long.
        elapsed: Duration,
    },
}

/// An input for which a property does not hold.
#[derive(Debug)]
pub struct Fault {
    /// The target.
    pub target: String,
    /// What is wrong.
    pub finding: Finding,
    /// Where the input was saved; none when it could not be.
    pub artifact: Option<PathBuf>,
}

impl Fuzzer {
    /// Reads the corpus and the dictionary of a target.
    ///
    /// # Errors
    /// There is no such target, or its corpus or dictionary cannot be read.
    pub fn new(name: &str) -> Result<Self> {
        Self::with_seed(name, SEED_DEFAULT)
    }

    /// As [`Self::new`], with other mutations.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn with_seed(name: &str, seed: u64) -> Result<Self> {
        let run = target(name).with_context(|| format!("there is no target {name}"))?;
        let seeds = read_corpus(&folder().join("corpus").join(name))?;
        let words = read_dictionary(&folder().join("dictionaries").join(format!("{name}.dict")))?;
        Ok(Self { name: name.to_owned(), run, mutator: Mutator::new(seed, seeds, words) })
    }

    /// How many inputs the corpus has.
    pub fn seeds(&self) -> usize {
        self.mutator.seeds().len()
    }

    /// Runs the corpus, and then mutations of it until the time is over.
    ///
    /// # Errors
    /// A property does not hold. The input is saved in `fuzz/artifacts`.
    pub fn run(mut self, time: Duration) -> Result<Report, Fault> {
        let watchdog = Watchdog::start(&self.name);
        let start = now();
        let mut report =
            Report { seeds: self.seeds(), runs: 0, elapsed: Duration::ZERO, slowest: Duration::ZERO };
        let mut corpus = self.mutator.seeds().to_vec().into_iter();
        loop {
            let input = corpus.next();
            if input.is_none() && start.elapsed() >= time {
                report.elapsed = start.elapsed();
                return Ok(report);
            }
            let input = input.unwrap_or_else(|| self.mutator.next_input());
            watchdog.begin(&input);
            let begun = now();
            let finding = run_once(self.run, &input);
            watchdog.end();
            if let Some(finding) = finding {
                let artifact = save(&self.name, &input).ok();
                return Err(Fault { target: self.name, finding, artifact });
            }
            report.runs += 1;
            report.slowest = report.slowest.max(begun.elapsed());
        }
    }
}

/// Runs a target with one input.
pub fn run_once(run: Run, input: &[u8]) -> Option<Finding> {
    let begun = now();
    // A target keeps nothing between two inputs, so that a panic leaves nothing behind.
    let result = catch_unwind(AssertUnwindSafe(|| run(input)));
    let elapsed = begun.elapsed();
    match result {
        Err(payload) => Some(Finding::Panicked { message: message(&*payload) }),
        Ok(()) if elapsed > INPUT_TIME_MAX => Some(Finding::Slow { elapsed }),
        Ok(()) => None,
    }
}

/// The folder of this crate.
pub fn folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[expect(
    clippy::disallowed_methods,
    reason = "inputs are counted against real time, and targets never see it"
)]
fn now() -> Instant {
    Instant::now()
}

fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("a panic without a text").to_owned()
}

/// The files of a folder by name, so that a seed of the mutator means the same everywhere.
fn read_corpus(folder: &Path) -> Result<Vec<Vec<u8>>> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    paths.sort();
    let read = |path: &PathBuf| fs::read(path).with_context(|| format!("cannot read {}", path.display()));
    paths.iter().map(read).collect()
}

fn read_dictionary(path: &Path) -> Result<Vec<Vec<u8>>> {
    if !path.exists() {
        return Ok(Vec::new());
    }
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    dictionary::parse(&text).with_context(|| format!("{} is no dictionary", path.display()))
}

/// Saves an input under a name made of its bytes, so that the same one is saved once.
fn save(target: &str, input: &[u8]) -> Result<PathBuf> {
    let folder = folder().join("artifacts").join(target);
    fs::create_dir_all(&folder)?;
    // FNV-1a: it only has to tell files apart.
    let hash = input.iter().fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3)
    });
    let path = folder.join(format!("{hash:016x}"));
    fs::write(&path, input)?;
    Ok(path)
}

/// Ends the process when one input takes too long, after it has saved that input: a target cannot be interrupted.
#[derive(Debug)]
struct Watchdog {
    shared: Arc<(Mutex<Watched>, Condvar)>,
    thread: Option<JoinHandle<()>>,
}

/// What the watchdog looks at.
#[derive(Debug, Default)]
struct Watched {
    input: Vec<u8>,
    begun: Option<Instant>,
    is_over: bool,
}

impl Watchdog {
    fn start(target: &str) -> Self {
        let shared = Arc::new((Mutex::new(Watched::default()), Condvar::new()));
        let (watched, name) = (Arc::clone(&shared), target.to_owned());
        let thread = std::thread::spawn(move || watch(&watched, &name));
        Self { shared, thread: Some(thread) }
    }

    fn begin(&self, input: &[u8]) {
        let mut watched = self.lock();
        watched.input.clear();
        watched.input.extend_from_slice(input);
        watched.begun = Some(now());
    }

    fn end(&self) {
        self.lock().begun = None;
    }

    fn lock(&self) -> MutexGuard<'_, Watched> {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.lock().is_over = true;
        self.shared.1.notify_all();
        if let Some(thread) = self.thread.take() {
            // The thread does not panic; were it to, there would be nothing to do about it here.
            let _ = thread.join();
        }
    }
}

#[expect(clippy::print_stderr, reason = "the process ends here, and nobody else could say why")]
fn watch(shared: &(Mutex<Watched>, Condvar), target: &str) {
    let (watched, woken) = shared;
    let mut watched = watched.lock().unwrap_or_else(PoisonError::into_inner);
    while !watched.is_over {
        // An input that ends late is reported by `run_once`; this is for one that does not end.
        if let Some(begun) = watched.begun
            && begun.elapsed() > 2 * INPUT_TIME_MAX
        {
            let finding = Finding::Slow { elapsed: begun.elapsed() };
            let artifact = save(target, &watched.input).ok();
            eprintln!("{}", Fault { target: target.to_owned(), finding, artifact });
            std::process::abort();
        }
        let waited = woken.wait_timeout(watched, Duration::from_secs(1));
        watched = waited.unwrap_or_else(PoisonError::into_inner).0;
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seeds, runs, elapsed, slowest } = self;
        let seconds = elapsed.as_secs_f64();
        let runs_per_second = u128::from(*runs) * 1_000 / elapsed.as_millis().max(1);
        write!(
            f,
            "{runs} runs in {seconds:.1} s, {runs_per_second}/s, {seeds} seeds, slowest {:.1} ms, no fault",
            slowest.as_secs_f64() * 1_000.0
        )
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Panicked { message } => write!(f, "{message}"),
            Self::Slow { elapsed } => {
                write!(
                    f,
                    "one input takes {:.1} s, at most {} s are allowed",
                    elapsed.as_secs_f64(),
                    INPUT_TIME_MAX.as_secs()
                )
            }
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { target, finding, artifact } = self;
        write!(f, "{target}: {finding}")?;
        match artifact {
            Some(path) => {
                // As it is written in the project's folder, where people run cargo.
                let shown = folder().parent().and_then(|root| path.strip_prefix(root).ok()).unwrap_or(path);
                write!(f, "\nreplay with: cargo run -p landfall-fuzz -- replay {target} {}", shown.display())
            }
            None => write!(f, "\nthe input could not be saved"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_a_finding_and_its_input_can_be_run_again() {
        let run: Run = |input| assert!(!input.contains(&0x2A), "an asterisk");
        assert_eq!(run_once(run, b"abc"), None);
        let found = Finding::Panicked { message: "an asterisk".to_owned() };
        assert_eq!(run_once(run, b"a*c"), Some(found.clone()));
        assert_eq!(run_once(run, b"a*c"), Some(found));
    }

    #[test]
    fn a_fault_stops_the_run_is_saved_and_says_how_to_replay_it() {
        let seeds = vec![b"abc".to_vec(), b"a+c".to_vec()];
        let run: Run = |input| assert!(!input.contains(&b'*'), "an asterisk");
        let mutator = Mutator::new(1, seeds, vec![b"*".to_vec()]);
        let fuzzer = Fuzzer { name: "self_test".to_owned(), run, mutator };
        let fault = fuzzer.run(Duration::from_secs(60)).unwrap_err();
        let path = fault.artifact.clone().unwrap();
        assert!(fs::read(&path).unwrap().contains(&b'*'));
        let text = fault.to_string();
        assert!(
            text.starts_with(
                "self_test: an asterisk\nreplay with: cargo run -p landfall-fuzz -- replay self_test fuzz"
            ),
            "{text}"
        );
        fs::remove_dir_all(path.parent().unwrap()).unwrap();
    }

    #[test]
    fn the_whole_corpus_is_run_even_without_time() {
        let mutator = Mutator::new(1, vec![vec![1], vec![2], vec![3]], Vec::new());
        let fuzzer = Fuzzer { name: "self_test".to_owned(), run: |_| {}, mutator };
        assert_eq!(fuzzer.run(Duration::ZERO).unwrap().runs, 3);
    }

    #[test]
    fn an_unknown_target_is_an_error() {
        assert!(Fuzzer::new("no_such_target").is_err());
    }
}
