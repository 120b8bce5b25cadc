//! The macro that makes the public functions of a contract out of its table of checks.

/// A function for each check, `CHECKS`, `run` and `run_all`.
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
                config: &$crate::Config,
                options: &$options,
            ) -> Result<(), $crate::Violation> {
                $crate::config::judge($contract, stringify!($check), config, |step| {
                    let terrain = terrain::<A>(options);
                    $module::$check(&mut Fixture::new(&mut make, config, options, step, terrain))
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
            config: &$crate::Config,
            options: &$options,
        ) -> Result<(), $crate::Violation> {
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
            config: &$crate::Config,
            options: &$options,
        ) -> Result<(), $crate::Violation> {
            CHECKS.iter().try_for_each(|check| run(check, &mut make, config, options))
        }

        #[doc(hidden)]
        pub fn run_or_panic<A: $subject>(check: &str, make: impl FnMut() -> A, options: &$options) {
            let config = $crate::Config::from_env();
            std::println!("{check}: {}={}", $crate::Config::SEED_VARIABLE, config.seed);
            if let Err(violation) = run(check, make, &config, options) {
                panic!("{violation}");
            }
        }
    };
}

pub(super) use checks;
