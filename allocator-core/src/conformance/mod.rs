//! The one behavioural test suite that every implementation of the traits can run.

macro_rules! checks {
    ([$($(#[$doc:meta])* $check:ident,)+] $contract:literal, $subject:path, $options:ty, $module:ident) => {
        $(
            $(#[$doc])*
            ///
            /// # Errors
            ///
            /// The violation that was found.
            pub fn $check<A: $subject>(
                mut make: impl FnMut() -> A,
                config: &$crate::conformance::Config,
                options: &$options,
            ) -> Result<(), $crate::conformance::Violation> {
                $crate::conformance::config::judge($contract, stringify!($check), config, |step| {
                    let terrain = terrain::<A>(options);
                    $module::$check(&mut Bench::new(&mut make, config, options, step, terrain))
                })
            }
        )+

        /// The names of all checks, in the order in which [`run_all`] runs them.
        pub const CHECKS: &[&str] = &[$(stringify!($check)),+];

        /// Runs the check with this name, one of [`CHECKS`].
        ///
        /// # Errors
        ///
        /// The violation that was found.
        ///
        /// # Panics
        ///
        /// When there is no such check.
        pub fn run<A: $subject>(
            check: &str,
            make: impl FnMut() -> A,
            config: &$crate::conformance::Config,
            options: &$options,
        ) -> Result<(), $crate::conformance::Violation> {
            match check {
                $(stringify!($check) => $check(make, config, options),)+
                _ => panic!("there is no check {check:?} of {}", $contract),
            }
        }

        /// Runs all checks up to the first violation. `make` makes a fresh allocator without memory each time.
        ///
        /// # Errors
        ///
        /// The violation that was found.
        pub fn run_all<A: $subject>(
            mut make: impl FnMut() -> A,
            config: &$crate::conformance::Config,
            options: &$options,
        ) -> Result<(), $crate::conformance::Violation> {
            CHECKS.iter().try_for_each(|check| run(check, &mut make, config, options))
        }

        #[doc(hidden)]
        pub fn run_or_panic<A: $subject>(check: &str, make: impl FnMut() -> A, options: &$options) {
            let config = $crate::conformance::Config::from_env();
            std::println!("{check}: {}={}", $crate::conformance::Config::SEED_VARIABLE, config.seed);
            if let Err(violation) = run(check, make, &config, options) {
                panic!("{violation}");
            }
        }
    };
}

mod arena;
mod bench;
pub mod bytes;
mod config;
pub mod ids;
pub mod pages;

pub use bytes::ByteOptions;
pub use config::{Config, Violation};
pub use ids::IdOptions;
pub use pages::{PageOptions, Runs};

/// One `#[test]` for each check of a contract. The function shares its name with the module, which it can because
/// functions and modules do not share a namespace; so `$make` sees what the caller sees, without a glob import.
#[doc(hidden)]
#[macro_export]
macro_rules! __conformance_tests {
    ([$($(#[$doc:meta])* $check:ident,)+] $contract:ident, $name:ident, $make:expr, $options:expr) => {
        #[cfg(test)]
        fn $name(check: &str) {
            $crate::conformance::$contract::run_or_panic(check, || $make, &$options);
        }

        #[cfg(test)]
        mod $name {
            $(
                #[test]
                fn $check() {
                    super::$name(stringify!($check));
                }
            )+
        }
    };
}
