//! Which file of a crate names which, circles among them, and their order in the table of `lib.rs`.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::modules::{Module, ModulePath, Modules, Named, Sources, Visibility, modules};

/// A file that names something of another, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Import {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) named: Named,
}

impl Import {
    fn text(&self) -> String {
        format!("{}:{} names {} of {}", self.from, self.named.line, self.named.path.join("::"), self.to)
    }
}

/// The first import of each pair of files of the crate with this root. A parent that names what is below it, by `mod`, by
/// `pub use` or by a path from where it is, imports nothing.
pub(crate) fn imports(sources: &Sources, root: &str) -> Vec<Import> {
    let modules = modules(sources, root);
    let mut imports = BTreeMap::new();
    for (at, module) in &modules {
        let paths = module.paths.iter().map(|named| (named, Visibility::Private));
        let uses = module.uses.iter().map(|brought| (&brought.named, brought.visibility));
        for (named, visibility) in uses.chain(paths) {
            let Some(target) = resolve(&modules, at, &named.path, &mut BTreeSet::new()) else { continue };
            let up = named.path.iter().take_while(|name| *name == "super").count();
            let from_here = named.path[0] != "crate" && up <= module.depth_in_file;
            let file_at = &at[..at.len() - module.depth_in_file];
            if target.starts_with(file_at) && (from_here || visibility == Visibility::Public) {
                continue;
            }
            let to = &modules[&target].file;
            if *to != module.file {
                let import = Import { from: module.file.clone(), to: to.clone(), named: named.clone() };
                imports.entry((module.file.clone(), to.clone())).or_insert(import);
            }
        }
    }
    imports.into_values().collect()
}

/// The module that defines what the path names, seen from the module `at`: `None` for what is of another crate. `seen` are
/// the names whose `use` is being followed.
fn resolve(
    modules: &Modules,
    at: &ModulePath,
    path: &[String],
    seen: &mut BTreeSet<(ModulePath, String)>,
) -> Option<ModulePath> {
    let (first, rest) = path.split_first()?;
    let mut place = match first.as_str() {
        "crate" => ModulePath::new(),
        "self" => at.clone(),
        "super" => parent(at)?,
        name => return step(modules, at, name, rest, seen),
    };
    let mut rest = rest;
    while let Some((name, after)) = rest.split_first() {
        match name.as_str() {
            "self" => {}
            "super" => place = parent(&place)?,
            name => {
                let defined = step(modules, &place, name, after, seen);
                // A name that is not found is a macro's work.
                return defined.or_else(|| (!is_brought(&modules[&place], name)).then_some(place));
            }
        }
        rest = after;
    }
    Some(place)
}

/// What `name`, followed by `rest`, is in a module: a child, an item, or what a `use` brings.
fn step(
    modules: &Modules,
    place: &ModulePath,
    name: &str,
    rest: &[String],
    seen: &mut BTreeSet<(ModulePath, String)>,
) -> Option<ModulePath> {
    let child = [place.as_slice(), &[name.to_string()]].concat();
    if modules.contains_key(&child) {
        let below = [&["self".to_string()], rest].concat();
        return resolve(modules, &child, &below, seen);
    }
    let module = &modules[place];
    if module.items.contains(name) {
        return Some(place.clone());
    }
    if !seen.insert((place.clone(), name.into())) {
        return None;
    }
    let brought = module.uses.iter().find(|brought| brought.name.as_deref() == Some(name));
    if let Some(brought) = brought {
        return resolve(modules, place, &[&brought.named.path, rest].concat(), seen);
    }
    let all = module.uses.iter().filter(|brought| brought.name.is_none());
    all.filter_map(|brought| {
        let from = resolve(modules, place, &brought.named.path, &mut seen.clone())?;
        defines(&modules[&from], name).then(|| step(modules, &from, name, rest, seen)).flatten()
    })
    .next()
}

fn is_brought(module: &Module, name: &str) -> bool {
    module.uses.iter().any(|brought| brought.name.as_deref() == Some(name))
}

fn defines(module: &Module, name: &str) -> bool {
    module.items.contains(name) || is_brought(module, name)
}

fn parent(at: &ModulePath) -> Option<ModulePath> {
    at.split_last().map(|(_, parent)| parent.to_vec())
}

/// The circles: for each file that is on one, the shortest through it, each circle once.
pub(crate) fn circles(imports: &[Import]) -> Vec<Vec<&Import>> {
    let mut circles = Vec::new();
    let mut on_one = BTreeSet::new();
    for file in imports.iter().map(|import| &import.from) {
        if on_one.contains(file) {
            continue;
        }
        if let Some(circle) = shortest_circle(imports, file) {
            on_one.extend(circle.iter().map(|import| &import.from));
            circles.push(circle);
        }
    }
    circles
}

fn shortest_circle<'i>(imports: &'i [Import], file: &str) -> Option<Vec<&'i Import>> {
    let mut ways: VecDeque<Vec<&Import>> =
        imports.iter().filter(|import| import.from == file).map(|i| vec![i]).collect();
    let mut reached = BTreeSet::new();
    while let Some(way) = ways.pop_front() {
        let end = &way[way.len() - 1].to;
        if end == file {
            return Some(way);
        }
        if reached.insert(end) {
            ways.extend(
                imports.iter().filter(|import| import.from == *end).map(|next| [way.as_slice(), &[next]].concat()),
            );
        }
    }
    None
}

/// A circle as a message shows it.
pub(crate) fn describe(circle: &[&Import]) -> String {
    circle.iter().map(|import| format!("    {}\n", import.text())).collect()
}

/// What is wrong with the table of the files in the documentation of this root, if there is one: a module that is not in
/// it, or stands above one that it imports.
pub(crate) fn table_faults(sources: &Sources, root: &str) -> Vec<String> {
    let Some(table) = table(&sources[root]) else { return Vec::new() };
    let modules = modules(sources, root);
    let row = |module: &str| table.iter().position(|name| name == module);
    let children = modules.keys().filter(|path| path.len() == 1).map(|path| &path[0]);
    let mut faults: Vec<String> = children
        .filter(|child| row(child).is_none())
        .map(|child| format!("    the table in {root} lacks `{child}`\n"))
        .collect();
    let child_of = |file: &str| {
        let mut paths = modules.iter().filter(|(_, module)| module.file == file).map(|(path, _)| path);
        paths.find_map(|path| path.first())
    };
    for import in imports(sources, root) {
        let (Some(from), Some(to)) = (child_of(&import.from), child_of(&import.to)) else { continue };
        if let (Some(above), Some(below)) = (row(from), row(to))
            && above < below
        {
            faults.push(format!("    `{from}` is above `{to}` in the table of {root}, but {}\n", import.text()));
        }
    }
    faults
}

/// The names in the first column of the table of modules.
fn table(source: &str) -> Option<Vec<String>> {
    let mut lines = source.lines().skip_while(|line| !line.starts_with("//! | module | holds |"));
    lines.next()?;
    let rows = lines.map_while(|line| line.strip_prefix("//! | "));
    let column = rows.filter_map(|row| row.split(" |").next());
    let names = column.flat_map(|cell| cell.split('`').skip(1).step_by(2));
    Some(names.filter_map(|name| name.split("::").next()).map(String::from).collect())
}

#[cfg(test)]
mod tests {
    use super::{circles, imports, table_faults};
    use crate::modules::Sources;

    fn crate_of(files: &[(&str, &str)]) -> Sources {
        files.iter().map(|&(path, source)| (path.into(), source.into())).collect()
    }

    /// The imports, each as "from > to".
    fn edges(files: &[(&str, &str)]) -> Vec<String> {
        imports(&crate_of(files), "lib.rs").iter().map(|import| format!("{} > {}", import.from, import.to)).collect()
    }

    /// The circles, each as its files.
    fn circles_of(files: &[(&str, &str)]) -> Vec<Vec<String>> {
        let imports = imports(&crate_of(files), "lib.rs");
        circles(&imports).iter().map(|circle| circle.iter().map(|import| import.from.clone()).collect()).collect()
    }

    #[test]
    fn two_files_that_import_each_other_are_a_circle() {
        let files = [
            ("lib.rs", "mod a; mod b;"),
            ("a.rs", "use crate::b::B; pub struct A;"),
            ("b.rs", "pub struct B; fn f() -> super::a::A { todo!() }"),
        ];
        assert_eq!(circles_of(&files), [["a.rs", "b.rs"]]);
    }

    #[test]
    fn three_files_in_a_circle_are_found() {
        let files = [
            ("lib.rs", "mod a; mod b; mod c; mod d;"),
            ("a.rs", "use crate::{b::{self, B}, d::D};"),
            ("b.rs", "use super::c as other;"),
            ("c.rs", "fn f() { crate::a::f::<u8>() }"),
            ("d.rs", "pub struct D;"),
        ];
        assert_eq!(circles_of(&files), [["a.rs", "b.rs", "c.rs"]]);
    }

    #[test]
    fn files_in_order_are_no_circle() {
        let files = [
            ("lib.rs", "mod a; mod b; mod c; pub use a::A;"),
            ("a.rs", "use crate::b::B; use crate::c::C; pub struct A;"),
            ("b.rs", "use crate::c::C; pub struct B;"),
            ("c.rs", "pub struct C;"),
        ];
        assert_eq!(edges(&files), ["a.rs > b.rs", "a.rs > c.rs", "b.rs > c.rs"]);
        assert!(circles_of(&files).is_empty());
    }

    #[test]
    fn a_re_export_leads_to_the_file_that_defines_the_name() {
        let files = [
            ("lib.rs", "mod a; mod b; pub use self::a::inner::{A as Public, LIMIT}; pub use b::*;"),
            ("a/mod.rs", "pub mod inner;"),
            ("a/inner.rs", "use crate::Beta; pub struct A; pub const LIMIT: usize = 1;"),
            ("b.rs", "pub struct Beta; fn f() -> crate::Public { crate::LIMIT }"),
        ];
        assert_eq!(edges(&files), ["a/inner.rs > b.rs", "b.rs > a/inner.rs"]);
    }

    #[test]
    fn what_the_root_brings_from_elsewhere_is_no_import() {
        let files = [
            ("lib.rs", "mod a; mod b; pub use lock_api; use core::fmt;"),
            ("a.rs", "use crate::lock_api::Mutex; use super::fmt::Debug; use core::crate_b; use ::b::B;"),
            ("b.rs", "use core::a::X; fn f() { x.a::<u8>(); y::a::z() }"),
        ];
        assert_eq!(edges(&files), [""; 0]);
    }

    #[test]
    fn a_parent_may_name_what_is_below_it() {
        let files = [
            ("lib.rs", "mod a;"),
            ("a.rs", "mod low; pub(crate) use low::Low; use self::low::help; fn f() { low::run() }"),
            ("a/low.rs", "use super::A; pub struct Low;"),
        ];
        assert_eq!(edges(&files), ["a/low.rs > a.rs"]);
    }

    #[test]
    fn a_parent_that_imports_what_is_below_it_from_the_root_does_so() {
        let files = [
            ("lib.rs", "mod a;"),
            ("a.rs", "mod low; use crate::a::low::Low; pub struct A;"),
            ("a/low.rs", "use super::A; pub struct Low;"),
        ];
        assert_eq!(circles_of(&files), [["a.rs", "a/low.rs"]]);
    }

    #[test]
    fn a_grandparent_is_two_steps_up_and_a_module_in_braces_one() {
        let files = [
            ("lib.rs", "mod a; mod b;"),
            ("a/mod.rs", "mod low; mod inline { use super::super::b::B; mod deep { use super::super::low::Low; } }"),
            ("a/low.rs", "use super::super::b::{B, super_name};"),
            ("b.rs", "pub struct B;"),
        ];
        assert_eq!(edges(&files), ["a/low.rs > b.rs", "a/mod.rs > b.rs"]);
    }

    #[test]
    fn tests_do_not_count() {
        let files = [
            ("lib.rs", "mod a; mod b; #[cfg(all(test, not(loom)))] mod tests;"),
            (
                "a.rs",
                "use crate::b::B; #[cfg(test)] mod tests { use crate::a::A; } #[cfg(not(test))] use crate::b::C;
                struct S { #[cfg(test)] field: crate::b::Field, other: u8 }",
            ),
            (
                "b.rs",
                "#[cfg(test)] #[derive(Debug)] pub fn f<A, B>(a: crate::a::A) { if true { crate::a::g() } }
                #[cfg(test)] use crate::{a::{A, B}, a::C}; #[cfg(doctest)] mod misuse; pub struct B;",
            ),
        ];
        assert_eq!(edges(&files), ["a.rs > b.rs"]);
    }

    #[test]
    fn a_macro_names_only_what_it_says_is_of_its_crate() {
        let files = [
            ("lib.rs", "mod a; mod b;"),
            ("a.rs", "macro_rules! m { ($x:ident) => { super::b::f(); $crate::b::g() } }"),
            ("b.rs", "macro_rules! n { () => { super::a::f() } } pub(in crate::b) use n;"),
        ];
        assert_eq!(edges(&files), ["a.rs > b.rs"]);
    }

    #[test]
    fn a_table_that_is_not_bottom_up_is_found() {
        let table = |rows: &str| format!("//! | module | holds |\n//! | --- | --- |\n{rows}\nmod a; mod b; mod c;");
        let faults = |rows: &str| {
            let root = table(rows);
            let files = [("lib.rs", root.as_str()), ("a.rs", "use crate::b;"), ("b.rs", ""), ("c.rs", "use crate::a;")];
            table_faults(&crate_of(&files), "lib.rs")
        };
        assert_eq!(faults("//! | [`b`], `b::x` | `a` |\n//! | `a`, `c::{d, e}` | |"), [""; 0]);
        let missing = faults("//! | `b` | |\n//! | `a` | `c` |");
        assert_eq!(missing, ["    the table in lib.rs lacks `c`\n"]);
        let upside_down = faults("//! | `a` | |\n//! | `b` | |\n//! | [`c`](X) | |");
        assert_eq!(upside_down, ["    `a` is above `b` in the table of lib.rs, but a.rs:1 names crate::b of b.rs\n"]);
    }
}
