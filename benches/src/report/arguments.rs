//! The command line, and the plan that follows from it and from what this build has.

use std::collections::BTreeSet;
use std::fmt::{self, Display, Formatter};
use std::ops::RangeInclusive;
use std::path::PathBuf;

use clap::{Args, CommandFactory, Parser};

use crate::lab::{self, AllocatorInfo, Options};
use crate::results::{Contender, Family, Role, Workload};

/// How often each pair is run where the command line does not say.
const DEFAULT_ROUNDS: usize = 7;
/// The same for `--quick`.
const QUICK_ROUNDS: usize = 5;
/// Fewer rounds give no median to rely on; more take days.
pub(super) const ROUNDS: RangeInclusive<usize> = 5..=1000;

/// Compares the allocators of this build on the same work, and writes a page to look at.
#[derive(Clone, Debug, Parser)]
#[command(name = "report", disable_version_flag = true)]
pub struct Arguments {
    /// Cut the workloads short, for a look within minutes
    #[arg(long)]
    pub quick: bool,
    /// The workloads and allocators that take part.
    #[command(flatten)]
    pub choice: Choice,
    /// How often each allocator does each workload, in turn with the others (at least 5)
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub rounds: Option<usize>,
    /// Where all random numbers come from
    #[arg(long, value_name = "S", default_value_t = lab::DEFAULT_SEED, allow_negative_numbers = true)]
    pub seed: u64,
    /// Where `index.html` and `results.json` go; `report` in the target folder if not said
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Print the table in Markdown, between the markers that `--write` looks for
    #[arg(long)]
    pub markdown: bool,
    /// Put the Markdown between the markers of this file
    #[arg(long, value_name = "FILE", requires = "markdown")]
    pub write: Option<PathBuf>,
    /// Draw the comparison with the best peers to this file, as SVG for a README
    #[arg(long, value_name = "FILE")]
    pub chart: Option<PathBuf>,
    /// Measure nothing: draw what an earlier run has found
    #[arg(long, value_name = "RESULTS", conflicts_with_all = ["quick", "only", "allocators", "rounds", "seed"])]
    pub from: Option<PathBuf>,
    /// Name the ratios that differ from those of this run by more than 15 %
    #[arg(long, value_name = "RESULTS")]
    pub against: Option<PathBuf>,
    /// Measure nothing: fail unless this file holds every pair of a workload and an allocator
    #[arg(long, value_name = "RESULTS", conflicts_with_all = ["from", "against", "out", "markdown", "chart", "rounds", "seed"])]
    pub check: Option<PathBuf>,
    /// List the families, workloads and allocators of this build, and stop
    #[arg(long)]
    pub list: bool,
}

/// The workloads and allocators that take part.
#[derive(Args, Clone, Debug)]
pub struct Choice {
    /// Run only these families or workloads (a name, or the start of one up to a slash), separated by commas
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub only: Vec<String>,
    /// Run only these allocators, separated by commas
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub allocators: Vec<String>,
}

/// What takes part in a run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What goes for all trials.
    pub options: Options,
    /// How often each pair is run.
    pub rounds: usize,
    /// The workloads, in the order of the page.
    pub workloads: Vec<Workload>,
    /// The allocators, in the order of the page.
    pub allocators: Vec<AllocatorInfo>,
    /// What was named on the command line and has nothing to do, in a sentence each.
    pub idle: Vec<String>,
}

/// Everything that a build can run.
#[derive(Clone, Debug)]
pub struct Available {
    /// All workloads.
    pub workloads: Vec<Workload>,
    /// All allocators.
    pub allocators: Vec<AllocatorInfo>,
}

/// What is wrong with the command line, in a line, and below it the names that exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadArgument {
    error: String,
    choices: Vec<(&'static str, Vec<String>)>,
}

impl Display for BadArgument {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.error)?;
        for (what, names) in &self.choices {
            write!(f, "\n{what}:")?;
            let one_a_line = names.iter().any(|name| name.contains('/'));
            for (i, name) in names.iter().enumerate() {
                let before = match (one_a_line, i) {
                    (true, _) => "\n  ",
                    (false, 0) => " ",
                    (false, _) => ", ",
                };
                write!(f, "{before}{name}")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for BadArgument {}

impl Arguments {
    /// What a command line says.
    ///
    /// # Errors
    ///
    /// What `clap` returns for a command line that is wrong, or that asks for help.
    pub fn parse_from_line<T: Into<std::ffi::OsString> + Clone>(
        line: impl IntoIterator<Item = T>,
    ) -> Result<Self, clap::Error> {
        Self::try_parse_from(line)
    }

    /// What goes for all trials.
    pub fn options(&self) -> Options {
        Options { quick: self.quick, seed: self.seed }
    }

    /// Chooses from what there is.
    ///
    /// # Errors
    ///
    /// A name that does not exist, a choice that leaves nothing to run, or a number of rounds out of bounds.
    pub fn plan(&self, available: &Available) -> Result<Plan, BadArgument> {
        let rounds = self.rounds.unwrap_or(if self.quick { QUICK_ROUNDS } else { DEFAULT_ROUNDS });
        if !ROUNDS.contains(&rounds) {
            let error = format!("--rounds {rounds}: from {} to {} rounds make sense", ROUNDS.start(), ROUNDS.end());
            return Err(BadArgument { error, choices: Vec::new() });
        }
        let (workloads, allocators) = self.choice.choose(available)?;
        let idle = self.choice.idle(&workloads, &allocators);
        Ok(Plan { options: self.options(), rounds, workloads, allocators, idle })
    }
}

impl Choice {
    /// The workloads that some allocator of the choice takes part in, and the allocators that take part in one.
    ///
    /// # Errors
    ///
    /// A name that does not exist, or a choice that leaves nothing to run.
    pub fn choose(&self, available: &Available) -> Result<(Vec<Workload>, Vec<AllocatorInfo>), BadArgument> {
        let workloads = self.chosen_workloads(available)?;
        let allocators = self.chosen_allocators(available, &workloads)?;
        let taking_part = |workload: &Workload| allocators.iter().any(|a| a.families.contains(&workload.family));
        Ok((workloads.into_iter().filter(taking_part).collect(), allocators))
    }

    /// The names of the choice that have nothing to do beside the others, in a sentence each.
    fn idle(&self, workloads: &[Workload], allocators: &[AllocatorInfo]) -> Vec<String> {
        let only = self.only.iter().filter(|name| !workloads.iter().any(|w| is_meant(w, name)));
        let only = only.map(|name| format!("none of these allocators takes part in {name}"));
        let alone = self.allocators.iter().filter(|name| !allocators.iter().any(|a| a.name == **name));
        only.chain(alone.map(|name| format!("{name} takes part in none of these workloads"))).collect()
    }

    fn chosen_workloads(&self, available: &Available) -> Result<Vec<Workload>, BadArgument> {
        if let Some(name) = self.only.iter().find(|name| !available.workloads.iter().any(|w| is_meant(w, name))) {
            return Err(BadArgument {
                error: format!("--only {name}: no family or workload has this name"),
                choices: vec![("families", available.families()), ("workloads", available.workload_names())],
            });
        }
        let meant = |w: &&Workload| self.only.is_empty() || self.only.iter().any(|name| is_meant(w, name));
        Ok(available.workloads.iter().filter(meant).cloned().collect())
    }

    fn chosen_allocators(
        &self,
        available: &Available,
        workloads: &[Workload],
    ) -> Result<Vec<AllocatorInfo>, BadArgument> {
        let choices = vec![("allocators", available.allocator_names())];
        if let Some(name) = self.allocators.iter().find(|name| !available.allocators.iter().any(|a| a.name == **name)) {
            return Err(BadArgument { error: format!("--allocators {name}: no allocator has this name"), choices });
        }
        let chosen = |a: &&AllocatorInfo| {
            (self.allocators.is_empty() || self.allocators.iter().any(|name| name == a.name))
                && workloads.iter().any(|w| a.families.contains(&w.family))
        };
        let allocators: Vec<_> = available.allocators.iter().filter(chosen).copied().collect();
        if allocators.is_empty() && !available.allocators.is_empty() {
            let error = "none of these allocators takes part in any of these workloads".to_owned();
            let able = available
                .allocators
                .iter()
                .filter(|a| workloads.iter().any(|w| a.families.contains(&w.family)))
                .map(|a| a.name.to_owned())
                .collect();
            return Err(BadArgument { error, choices: vec![("allocators that do", able)] });
        }
        Ok(allocators)
    }
}

impl Plan {
    /// Every pair of a workload and an allocator that takes part in it.
    pub fn pairs(&self) -> impl Iterator<Item = (&Workload, &AllocatorInfo)> {
        self.workloads.iter().flat_map(|workload| {
            let able = self.allocators.iter().filter(|a| a.families.contains(&workload.family));
            able.map(move |allocator| (workload, allocator))
        })
    }
}

impl Available {
    /// All that this build has.
    pub fn in_this_build(options: &Options) -> Self {
        Self { workloads: lab::workloads(options), allocators: lab::allocators() }
    }

    fn families(&self) -> Vec<String> {
        let families: BTreeSet<Family> = self.workloads.iter().map(|w| w.family).collect();
        families.into_iter().map(|family| family.name().to_owned()).collect()
    }

    fn workload_names(&self) -> Vec<String> {
        self.workloads.iter().map(|w| w.name.clone()).collect()
    }

    fn allocator_names(&self) -> Vec<String> {
        self.allocators.iter().map(|a| a.name.to_owned()).collect()
    }
}

impl Display for Available {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "families: {}\n\nworkloads:", self.families().join(", "))?;
        let width = self.workloads.iter().map(|w| w.name.len()).max().unwrap_or(0);
        for workload in &self.workloads {
            writeln!(f, "  {:width$}  {}", workload.name, workload.title)?;
        }
        writeln!(f, "\nallocators:")?;
        let width = self.allocators.iter().map(|a| a.name.len()).max().unwrap_or(0);
        for allocator in &self.allocators {
            writeln!(f, "  {:width$}  {}", allocator.name, allocator.description)?;
        }
        Ok(())
    }
}

impl Family {
    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::Collections => "collections",
            Self::Pages => "pages",
            Self::Objects => "objects",
            Self::Fill => "fill",
            Self::Latency => "latency",
        }
    }
}

impl From<&AllocatorInfo> for Contender {
    fn from(info: &AllocatorInfo) -> Self {
        let role = match (info.is_floor, info.is_ours) {
            (true, _) => Role::Floor,
            (false, true) => Role::Ours,
            (false, false) => Role::Peer,
        };
        Self {
            name: info.name.to_owned(),
            role,
            in_pool: info.in_pool,
            description: info.description.to_owned(),
            built_with: info.built_with.to_owned(),
        }
    }
}

/// Whether a name of `--only` means this workload: its family, its name, or a folder of its name.
fn is_meant(workload: &Workload, name: &str) -> bool {
    let name = name.strip_suffix('/').unwrap_or(name);
    let below = workload.name.strip_prefix(name);
    workload.family.name() == name
        || below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) && !name.is_empty()
}

/// What `clap` found wrong with the arguments `A`, in a line, and the options that there are.
pub fn one_line<A: CommandFactory>(error: &clap::Error) -> BadArgument {
    let text = error.render().to_string();
    // Its first paragraph: what is missing stands on lines of its own.
    let first: Vec<&str> = text.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
    let first = first.join(" ");
    let options = A::command().get_arguments().filter_map(|a| a.get_long().map(|l| format!("--{l}"))).collect();
    BadArgument { error: first.trim_start_matches("error: ").to_owned(), choices: vec![("options", options)] }
}

#[cfg(test)]
mod tests;
