//! The sections of the page on the allocators, on how they were measured, and on how far the numbers can be trusted.

use std::fmt::Write as _;

use super::{ALL, Section};
use crate::report::compare::{Agreement, TOLERANCE, clock, noise};
use crate::report::html::{Table, escape};
use crate::report::number;
use crate::report::statistics::difference;
use crate::results::Results;

/// All allocators, with their releases.
pub(super) fn allocators(results: &Results) -> Section {
    let mut table = Table::new(&["", "side", "release", "memory from", "what it is", "built with"]);
    for contender in &results.allocators {
        table.row(
            &contender.name,
            &[
                contender.role.name().to_owned(),
                // The release of a package is a word, not a number to line up.
                results.versions.get(&contender.name).map_or_else(String::new, |release| format!("`{release}`")),
                if contender.in_pool { "a pool" } else { "the system" }.to_owned(),
                contender.description.clone(),
                contender.built_with.clone(),
            ],
        );
    }
    section("allocators", "The allocators", table.finish())
}

/// The machine, and the way of measuring.
pub(super) fn measuring(results: &Results) -> Section {
    let machine = &results.machine;
    let memory = if machine.memory_bytes == 0 { "unknown".to_owned() } else { number::bytes(machine.memory_bytes) };
    let facts = [
        ("Processor", format!("{}, {} cores", machine.cpu, machine.cores)),
        ("Memory", memory),
        ("System", machine.os.clone()),
        ("Compiler", machine.rustc.clone()),
        ("Seed", results.seed.to_string()),
        ("Rounds", results.rounds.to_string()),
        ("Workloads", if results.quick { "cut short (quick)" } else { "full" }.to_owned()),
        ("Noise", noise(results.noise)),
        ("Clock", clock(machine)),
    ];
    let mut html = "<dl>".to_owned();
    for (name, fact) in facts {
        write!(html, "<dt>{name}</dt><dd>{}</dd>", escape(&fact)).expect(ALL);
    }
    html.push_str(
        "</dl>\n<ul>\n<li>Each workload is a list of operations, made once from the seed; every allocator replays \
         exactly that list.</li>\n<li>The allocators take turns, and each time another one is the first (A B C, B C \
         A, …): a machine whose speed drifts hurts all alike. Four turns each make a round, one in a quick \
         run.</li>\n<li>A figure is the median of its rounds; the whisker on a bar goes from the least to the \
         greatest round. Of latencies, all operations of all rounds are taken together; where one number stands for \
         them, it is the 99th percentile.</li>\n<li>A ratio is the median of the ratios within each round, in which \
         two allocators run shortly one after the other: what slows the machine for a while slows both. It may \
         differ from the quotient of two figures.</li>\n<li>The time of an operation that is not timed by itself \
         does not include the clock: the whole list is timed, and divided by its length. The list is cut into slices \
         of about 25 µs, and gone through again and again in the turns of a round; of each slice the fastest pass of \
         the round counts, since what else a machine does makes a slice slower, never faster. (Who is fast has more \
         passes in the time of a turn, and so a little more luck.) What an allocator itself does only now and then \
         counts in full, as each pass does the same. Slow work ends when its time is up, and is divided by what was \
         done. Work that cannot be ended and takes more than 10 s is done in one round only.</li>\n</ul>\n",
    );
    section("method", "How it was measured", html)
}

/// Which ratios to trust.
pub(super) fn agreement(results: &Results, agreements: &[Agreement]) -> Section {
    let mut html = String::new();
    for agreement in agreements {
        writeln!(html, "<p>{}</p>", escape(&agreement.sentence())).expect(ALL);
        if agreement.apart.is_empty() {
            continue;
        }
        let (percent, count) = ((TOLERANCE * 100.0).round(), agreement.apart.len());
        // A long list is there for those who look for one figure; it should not push the rest away.
        let open = if count <= 20 { " open" } else { "" };
        let summary = format!("{count} that differ by more than {percent} %; do not rely on them");
        let table = apart(agreement);
        writeln!(html, "<details{open}><summary>{summary}</summary>\n{table}</details>").expect(ALL);
    }
    html.push_str(
        "<p>Half the rounds are a shorter run than all of them, so halves differ more than two runs would. Nothing \
         else should run meanwhile: other programs move ratios more than anything else does.</p>\n",
    );
    writeln!(html, "<p>During this run: {}.</p>", escape(&noise(results.noise))).expect(ALL);
    section("agreement", "What to rely on", html)
}

/// The ratios on which the two sides do not agree.
fn apart(agreement: &Agreement) -> String {
    let mut table = Table::new(&["", "workload", "ratio to", "one", "the other", "apart"]);
    for (ratio, other) in &agreement.apart {
        let cells = [
            ratio.workload.clone(),
            ratio.base.to_owned(),
            number::times(ratio.value),
            number::times(*other),
            format!("{:.0} %", difference(ratio.value, *other) * 100.0),
        ];
        table.row(&ratio.allocator, &cells);
    }
    table.finish()
}

fn section(id: &str, title: &str, html: String) -> Section {
    Section { id: id.to_owned(), title: title.to_owned(), parts: Vec::new(), html }
}
