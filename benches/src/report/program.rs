//! What the program does, from the command line to the exit code.

use std::env;
use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::error::ErrorKind as ClapErrorKind;

use super::arguments::{Arguments, Available, Plan, one_line};
use super::charts::comparison;
use super::summary::{Part, summarise};
use super::{check, compare, markdown, page, run, table};
use crate::results::Results;

/// The command line was wrong.
const BAD_ARGUMENTS: u8 = 2;

/// Reads the command line and does what it says.
///
/// The exit code is 0 for success, 1 for a check that failed or a file that cannot be read or written, and 2 for bad
/// arguments.
pub fn main() -> ExitCode {
    let arguments = match Arguments::parse_from_line(env::args_os()) {
        Ok(arguments) => arguments,
        Err(help) if help.kind() == ClapErrorKind::DisplayHelp => {
            return ended(write_out(|out| write!(out, "{}", help.render())));
        }
        Err(error) => return bad_arguments(&one_line::<Arguments>(&error)),
    };
    let available = Available::in_this_build(&arguments.options());
    if arguments.list {
        return ended(write_out(|out| write!(out, "{available}")));
    }
    if let Some(file) = &arguments.check {
        return checked(file, &arguments);
    }
    let source = match (&arguments.from, arguments.plan(&available)) {
        (Some(file), _) => Source::File(file),
        (None, Ok(plan)) => Source::Run(plan),
        (None, Err(bad)) => return bad_arguments(&bad),
    };
    ended(report(&arguments, source))
}

/// Where the results come from.
enum Source<'a> {
    File(&'a Path),
    Run(Plan),
}

/// Reads what was measured, or measures what was planned, and delivers it.
fn report(arguments: &Arguments, source: Source<'_>) -> Result<(), String> {
    // Before anything is measured: what a long run ends in should not be a missing file.
    let other = arguments.against.as_deref().map(read).transpose()?;
    let folder = arguments.out.clone().unwrap_or_else(default_folder);
    make_writable(&folder)?;
    if let Some(file) = &arguments.write {
        put_into(file, "")?;
    }
    if let Some(folder) = arguments.chart.as_deref().and_then(Path::parent).filter(|folder| *folder != Path::new("")) {
        make_writable(folder)?;
    }
    let results = match source {
        Source::File(file) => read(file)?,
        Source::Run(plan) => {
            plan.idle.iter().for_each(|idle| complain(&format!("note: {idle}")));
            run::run(&plan)
        }
    };
    deliver(arguments, &folder, &results, other.as_ref())
}

/// Writes the files, then prints: a reader who closes the pipe has the files all the same.
fn deliver(arguments: &Arguments, folder: &Path, results: &Results, other: Option<&Results>) -> Result<(), String> {
    let mut agreements = vec![compare::halves(results)];
    agreements.extend(other.map(|other| compare::runs(results, other)));

    let json = serde_json::to_string(results).map_err(|error| format!("results.json: {error}"))?;
    let page_file = folder.join("index.html");
    write_file(&page_file, &page::page(results, &agreements))?;
    write_file(&folder.join("results.json"), &(json + "\n"))?;

    if let Some(file) = &arguments.chart {
        let nothing = || format!("{}: there is nothing to compare with a peer", file.display());
        write_file(file, &comparison::draw(&summarise(results, Part::All)).ok_or_else(nothing)?)?;
    }
    let tables = markdown::tables(results, &agreements);
    if let Some(file) = &arguments.write {
        write_file(file, &put_into(file, &tables)?)?;
    }
    write_out(|out| {
        if arguments.markdown {
            return if arguments.write.is_some() { Ok(()) } else { out.write_all(tables.as_bytes()) };
        }
        table::write(out, results)?;
        for agreement in &agreements {
            writeln!(out)?;
            table::write_agreement(out, agreement)?;
        }
        writeln!(out, "\nThe page: {}", page_file.display())
    })
}

fn checked(file: &Path, arguments: &Arguments) -> ExitCode {
    let results = match read(file) {
        Ok(results) => results,
        Err(why) => return failed(&why),
    };
    // What there is can depend on what the run was asked for.
    let arguments = Arguments { quick: results.quick, seed: results.seed, ..arguments.clone() };
    let plan = match arguments.plan(&Available::in_this_build(&arguments.options())) {
        Ok(plan) => plan,
        Err(bad) => return bad_arguments(&bad),
    };
    let (pairs, missing) = (plan.pairs().count(), check::missing(&results, &plan));
    if missing.is_empty() {
        let without = check::without_figure(&results, &plan);
        let say = format!("all {pairs} pairs are there; {without} of them say why there is no figure");
        return ended(write_out(|out| writeln!(out, "{}: {say}", file.display())));
    }
    let list: String = missing.iter().map(|line| format!("\n  {line}")).collect();
    failed(&format!("{}: not complete, {} complaints about {pairs} pairs:{list}", file.display(), missing.len()))
}

/// `report` in the folder that cargo builds this program into.
fn default_folder() -> PathBuf {
    // The program lies in `target/release`, or below it if it was built for a named target.
    let target = env::current_exe().ok().and_then(|program| {
        program.ancestors().find(|folder| folder.join("CACHEDIR.TAG").is_file()).map(Path::to_path_buf)
    });
    target.unwrap_or_else(|| PathBuf::from("target")).join("report")
}

fn read(file: &Path) -> Result<Results, String> {
    let text = fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    serde_json::from_str(&text).map_err(|error| format!("{}: no results of a report: {error}", file.display()))
}

/// The text of a file with the tables between its markers.
fn put_into(file: &Path, tables: &str) -> Result<String, String> {
    let text = fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    markdown::put_into(&text, tables).map_err(|why| format!("{}: {why}", file.display()))
}

/// Makes a folder in which files can be made, where there is none yet.
fn make_writable(folder: &Path) -> Result<(), String> {
    let say = |error: io::Error| format!("{}: {error}", folder.display());
    fs::create_dir_all(folder).map_err(say)?;
    let probe = folder.join(".writable");
    fs::write(&probe, "").and_then(|()| fs::remove_file(&probe)).map_err(say)
}

fn write_file(file: &Path, text: &str) -> Result<(), String> {
    fs::write(file, text).map_err(|error| format!("{}: {error}", file.display()))
}

/// Prints. A closed pipe is no error.
pub(crate) fn write_out(print: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), String> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    match print(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(format!("standard output: {error}")),
        _ => {
            // Dropped, it would try again to write what nobody takes.
            let _ = out.into_parts();
            Ok(())
        }
    }
}

/// The exit code of what succeeded, or failed; the reason of a failure is printed.
pub(crate) fn ended(result: Result<(), String>) -> ExitCode {
    result.map_or_else(|why| failed(&why), |()| ExitCode::SUCCESS)
}

fn failed(why: &str) -> ExitCode {
    complain(&format!("error: {why}"));
    ExitCode::FAILURE
}

/// The exit code of a command line that is wrong; what is wrong is printed.
pub(crate) fn bad_arguments(bad: &dyn std::fmt::Display) -> ExitCode {
    complain(&bad.to_string());
    ExitCode::from(BAD_ARGUMENTS)
}

/// Prints a line to standard error, if that can be written to.
fn complain(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}
