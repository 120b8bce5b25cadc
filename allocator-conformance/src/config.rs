//! [`Config`], how long and from which seed a check runs; [`Violation`], the message of one that fails.

use core::any::Any;
use core::cell::Cell;
use core::error::Error;
use core::fmt;
use core::hash::BuildHasher;
use core::str::FromStr;
use std::collections::hash_map::RandomState;
use std::env;
use std::format;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::println;
use std::string::String;
use std::thread;

/// What the checks themselves return: the text says what was violated.
pub(super) type Outcome<T = ()> = Result<T, String>;

/// Ends a check with a message unless the condition holds.
macro_rules! ensure {
    ($holds:expr, $($message:tt)+) => {
        if !$holds {
            return Err(std::format!($($message)+));
        }
    };
}
pub(super) use ensure;

/// The description of a call, for messages. It is formatted only when a message needs it.
pub(super) type Call<'a> = &'a dyn fmt::Display;

/// A [`Call`] that can be bound to a name, as `format_args!` cannot before Rust 1.89.
macro_rules! call {
    ($($text:tt)+) => {
        &$crate::config::Text(|f: &mut core::fmt::Formatter<'_>| core::write!(f, $($text)+))
    };
}
pub(super) use call;

/// A text that a function writes.
pub(super) struct Text<F>(pub(super) F);

impl<F: Fn(&mut fmt::Formatter<'_>) -> fmt::Result> fmt::Display for Text<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0(f)
    }
}

/// The checks take every `STRIDE`-th case of a long list: Miri has time for some of them only.
pub(super) const STRIDE: usize = if cfg!(miri) { 3 } else { 1 };

/// How the random parts of the suite run.
///
/// # Examples
///
/// ```
/// use allocator_conformance::Config;
///
/// let config = Config { seed: 7, ..Config::from_env() };
/// assert!(config.steps > 0);
/// ```
#[derive(Clone, Debug)]
pub struct Config {
    /// Where all random numbers come from; the same seed gives the same program.
    pub seed: u64,
    /// How many steps one random program takes.
    pub steps: usize,
}

impl Config {
    /// The environment variable that [`from_env`](Self::from_env) takes the seed from.
    pub const SEED_VARIABLE: &str = "ALLOCATOR_SEED";
    /// The environment variable that [`from_env`](Self::from_env) takes the number of steps from.
    pub const STEPS_VARIABLE: &str = "ALLOCATOR_STEPS";

    /// `ALLOCATOR_SEED` or a random seed, and `ALLOCATOR_STEPS` or as many steps as take a moment (fewer under Miri).
    ///
    /// # Panics
    ///
    /// When a variable is set to something that is not a number: a rerun with another seed would prove nothing.
    #[must_use]
    pub fn from_env() -> Self {
        Self { seed: given_or_new_seed(), steps: steps(if cfg!(miri) { 40 } else { 3000 }) }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::from_env()
    }
}

/// The seed for a random test outside of the suite: `ALLOCATOR_SEED`, or a new one. It is printed, so that a test which
/// fails shows how to run it again.
///
/// # Panics
///
/// When the variable is set to something that is not a number: a rerun with another seed would prove nothing.
///
/// # Examples
///
/// ```
/// use rand::rngs::SmallRng;
/// use rand::{Rng, SeedableRng};
///
/// let mut rng = SmallRng::seed_from_u64(allocator_conformance::seed());
/// assert!(rng.random_range(0..10) < 10);
/// ```
#[must_use]
pub fn seed() -> u64 {
    let seed = given_or_new_seed();
    println!("{}={seed}", Config::SEED_VARIABLE);
    seed
}

/// The number of steps for a random test outside of the suite: `ALLOCATOR_STEPS`, or `otherwise`.
///
/// # Panics
///
/// When the variable is set to something that is not a number.
///
/// # Examples
///
/// ```
/// let steps = allocator_conformance::steps(if cfg!(miri) { 10 } else { 500 });
/// assert!(steps > 0);
/// ```
#[must_use]
pub fn steps(otherwise: usize) -> usize {
    variable(Config::STEPS_VARIABLE).unwrap_or(otherwise)
}

fn given_or_new_seed() -> u64 {
    variable(Config::SEED_VARIABLE).unwrap_or_else(|| RandomState::new().hash_one(()))
}

fn variable<T: FromStr>(name: &str) -> Option<T> {
    let text = env::var(name).ok()?;
    match text.parse() {
        Ok(number) => Some(number),
        Err(_) => panic!("{name} is no number: {text:?}"),
    }
}

/// A promise of the contract that an allocator did not keep.
#[derive(Clone, Debug)]
pub struct Violation {
    /// The contract: `bytes`, `pages` or `ids`.
    pub contract: &'static str,
    /// The check that found it.
    pub check: &'static str,
    /// The call into the allocator that showed it, counted from the start of the check.
    pub step: usize,
    /// The promise, and what the allocator did instead.
    pub what: String,
    /// The configuration that shows the violation again.
    pub config: Config,
    /// The argument for `cargo test`: the path of the test, or the name of the check where no test is running.
    pub test: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { contract, check, step, what, config: Config { seed, steps }, test } = self;
        writeln!(f, "the {contract} contract is violated in check `{check}`, step {step}, seed {seed}: {what}")?;
        let (seed_variable, steps_variable) = (Config::SEED_VARIABLE, Config::STEPS_VARIABLE);
        write!(f, "rerun with: {seed_variable}={seed} {steps_variable}={steps} cargo test --workspace {test}")
    }
}

impl Error for Violation {}

/// Runs a check; a panic of the allocator is a violation too.
pub(super) fn judge(
    contract: &'static str,
    check: &'static str,
    config: &Config,
    body: impl FnOnce(&Cell<usize>) -> Outcome,
) -> Result<(), Violation> {
    let step = Cell::new(0);
    let outcome = catch_unwind(AssertUnwindSafe(|| body(&step)))
        .unwrap_or_else(|panic| Err(format!("panicked: {}", panic_message(&*panic))));
    outcome.map_err(|what| {
        let test = running_test().unwrap_or_else(|| check.into());
        Violation { contract, check, step: step.get(), what, config: config.clone(), test }
    })
}

/// The path of the test that this thread runs, for which the test harness names it; with a single thread for all tests
/// there is none.
fn running_test() -> Option<String> {
    thread::current().name().filter(|&name| name != "main").map(String::from)
}

fn panic_message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("(no message)")
}
