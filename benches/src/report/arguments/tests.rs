use super::*;
use crate::report::synthetic;

fn parse(line: &str) -> Arguments {
    Arguments::parse_from_line(["report"].into_iter().chain(line.split_whitespace())).expect("the line is good")
}

fn bad_plan(line: &str) -> String {
    parse(line).plan(&synthetic::available()).expect_err("the line is bad").to_string()
}

fn bad_line(line: &str) -> String {
    let parsed = Arguments::parse_from_line(["report"].into_iter().chain(line.split_whitespace()));
    one_line::<Arguments>(&parsed.expect_err("the line is bad")).to_string()
}

fn plan(line: &str) -> Plan {
    parse(line).plan(&synthetic::available()).expect("the line is good")
}

#[test]
fn without_arguments_all_take_part() {
    let (plan, available) = (plan(""), synthetic::available());
    assert_eq!(plan.workloads, available.workloads);
    assert_eq!(plan.allocators.len(), available.allocators.len());
    assert_eq!((plan.rounds, plan.options.seed, plan.options.quick), (DEFAULT_ROUNDS, lab::DEFAULT_SEED, false));
    assert_eq!(self::plan("--quick").rounds, QUICK_ROUNDS);
}

#[test]
fn families_workloads_and_folders_of_them_can_be_chosen() {
    let chosen = |line| plan(line).workloads.iter().map(|w| w.name.clone()).collect::<Vec<_>>();
    assert_eq!(chosen("--only fill,latency"), ["fill/brink/small", "fill/brink/large", "latency/mixed"]);
    assert_eq!(chosen("--only bytes/4-1024"), ["bytes/4-1024/10000-live", "bytes/4-1024/100000-live"]);
    assert_eq!(chosen("--only bytes/pair-64"), ["bytes/pair-64"]);
}

#[test]
fn who_has_no_part_in_what_was_chosen_is_left_out() {
    let plan = plan("--only pages");
    assert_eq!(plan.allocators.iter().map(|a| a.name).collect::<Vec<_>>(), ["radix", "bitmap-allocator"]);
    assert_eq!(plan.pairs().count(), 4);
    let plan = self::plan("--allocators radix");
    assert!(plan.workloads.iter().all(|w| w.family == Family::Pages) && !plan.workloads.is_empty());
}

#[test]
fn an_unknown_workload_is_answered_with_those_there_are() {
    let text = bad_plan("--only bytes,nonsense");
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("error: --only nonsense: no family or workload has this name"));
    assert_eq!(lines.next(), Some("families: bytes, pages, objects, fill, latency"));
    assert!(text.contains("\n  bytes/4-1024/10000-live\n"), "{text}");
    assert!(bad_plan("--only byte").starts_with("error: --only byte:"), "a part of a name is not a name");
    assert!(bad_plan("--only=").starts_with("error: --only :"), "{}", bad_plan("--only="));
}

#[test]
fn an_unknown_allocator_is_answered_with_those_there_are() {
    let text = bad_plan("--allocators slab,mimallok");
    assert!(
        text.starts_with("error: --allocators mimallok: no allocator has this name\nallocators: slab, radix, rlsf")
    );
}

#[test]
fn a_choice_that_leaves_nothing_is_refused() {
    let text = bad_plan("--only pages --allocators slab");
    assert_eq!(
        text,
        "error: none of these allocators takes part in any of these workloads\nallocators that do: radix, bitmap-allocator"
    );
}

#[test]
fn rounds_have_bounds() {
    assert_eq!(bad_plan("--rounds 4"), "error: --rounds 4: from 5 to 1000 rounds make sense");
    assert!(bad_plan("--rounds 0").starts_with("error: --rounds 0"));
    assert!(bad_plan("--rounds 99999999").contains("1000"));
    assert_eq!(plan("--rounds 5").rounds, 5);
}

#[test]
fn what_is_no_command_line_is_refused_in_a_line_with_the_options() {
    for (line, start) in [
        ("--rounds many", "error: invalid value 'many' for '--rounds <N>'"),
        ("--rounds -3", "error: invalid value '-3' for '--rounds <N>'"),
        ("--seed 1.5", "error: invalid value '1.5' for '--seed <S>'"),
        ("--frobnicate", "error: unexpected argument '--frobnicate' found"),
        ("--write README.md", "error: the following required arguments were not provided: --markdown"),
        ("--from a.json --quick", "error: the argument '--from <RESULTS>' cannot be used with"),
    ] {
        let text = bad_line(line);
        assert!(text.starts_with(start), "{line}: {text}");
        assert_eq!(text.lines().count(), 2, "{line}: {text}");
        assert!(text.lines().nth(1).unwrap().starts_with("options: --quick, --only, --allocators"), "{line}: {text}");
    }
}

#[test]
fn what_there_is_is_listed() {
    let list = synthetic::available().to_string();
    assert!(list.contains("families: bytes, pages") && list.contains("latency/mixed") && list.contains("  rlsf"));
}

#[test]
fn a_slash_may_end_a_folder() {
    assert_eq!(plan("--only bytes/4-1024/").workloads.len(), 2);
}

#[test]
fn what_has_nothing_to_do_is_named() {
    let idle = |line| plan(line).idle;
    assert_eq!(idle("--only pages,bytes/pair-64 --allocators slab"), ["none of these allocators takes part in pages"]);
    assert_eq!(idle("--only bytes --allocators slab,radix"), ["radix takes part in none of these workloads"]);
    assert!(idle("").is_empty());
}
