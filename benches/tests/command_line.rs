//! Which work a bench leaves out for the command line that it was given.

#[path = "../benches/groups/command_line.rs"]
mod command_line;

use command_line::CommandLine;

fn line(arguments: &str) -> CommandLine {
    CommandLine::of(arguments.split_whitespace().map(str::to_owned))
}

#[test]
fn without_filters_all_is_asked_for() {
    assert!(line("--bench").asks_for("bytes/lifo-64/slab"));
    assert!(line("--bench --quick -v").asks_for("bytes/lifo-64/slab"));
}

#[test]
fn a_filter_is_a_part_of_a_name() {
    let line = line("--bench lifo-64");
    assert!(line.asks_for("bytes/lifo-64/slab"));
    assert!(!line.asks_for("bytes/fixed-64/100-live/slab"));
}

#[test]
fn the_value_of_an_option_is_no_filter() {
    for options in
        ["--save-baseline main", "--measurement-time 1", "-b main", "--color=always", "--sample-size 10 --list"]
    {
        assert!(line(options).asks_for("bytes/lifo-64/slab"), "{options}");
        let with_filter = line(&format!("{options} pages/"));
        assert!(
            with_filter.asks_for("pages/hot-pair/4g/radix") && !with_filter.asks_for("bytes/lifo-64/slab"),
            "{options}"
        );
    }
}

#[test]
fn what_may_be_a_pattern_is_left_to_criterion() {
    assert!(line("^bytes.*slab$").asks_for("anything"));
}

#[test]
fn a_list_is_noticed() {
    assert!(line("--bench --list").lists && !line("--bench list").lists);
}
