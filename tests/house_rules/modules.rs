//! The modules of a crate: which file each is in, what it defines, and which paths it names.

use std::collections::{BTreeMap, BTreeSet};

use crate::tokens::{Token, tokens};

/// The sources of a crate, by path.
pub(crate) type Sources = BTreeMap<String, String>;

/// A name that a path begins with or goes on with, from the root of the crate on.
pub(crate) type ModulePath = Vec<String>;

/// A path in a source, as it is written there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) path: Vec<String>,
    pub(crate) line: usize,
}

/// One name that a `use` brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Use {
    pub(crate) named: Named,
    /// `None` for all names of the path.
    pub(crate) name: Option<String>,
    /// Whether others may use the name from here.
    pub(crate) visibility: Visibility,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Visibility {
    Private,
    Public,
}

/// A module that is not for tests only.
#[derive(Debug, Default)]
pub(crate) struct Module {
    pub(crate) file: String,
    /// How many modules there are around it in its file.
    pub(crate) depth_in_file: usize,
    pub(crate) items: BTreeSet<String>,
    pub(crate) uses: Vec<Use>,
    pub(crate) paths: Vec<Named>,
}

/// The modules of one crate, by their paths; the root has the empty path.
pub(crate) type Modules = BTreeMap<ModulePath, Module>;

/// Reads the crate with this root, `src/lib.rs` for instance.
///
/// # Panics
///
/// When the file of a module is not there.
pub(crate) fn modules(sources: &Sources, root: &str) -> Modules {
    let mut modules = Modules::new();
    let folder = root.rsplit_once('/').map_or("", |(folder, _)| folder);
    read_file(sources, &mut modules, root, folder, Vec::new());
    modules
}

fn read_file(sources: &Sources, modules: &mut Modules, file: &str, folder: &str, path: ModulePath) {
    let source = sources.get(file).unwrap_or_else(|| panic!("{file} is missing"));
    let tokens = tokens(source);
    let mut reader = Reader { sources, modules, file, tokens: &tokens, at: 0 };
    reader.module(folder, path, 0);
}

/// Where a reader is in a file.
struct Reader<'r> {
    sources: &'r Sources,
    modules: &'r mut Modules,
    file: &'r str,
    tokens: &'r [Token<'r>],
    at: usize,
}

impl Reader<'_> {
    fn peek(&self, ahead: usize) -> &str {
        self.tokens.get(self.at + ahead).map_or("", |token| token.text)
    }

    fn is_word(&self, ahead: usize) -> bool {
        self.tokens.get(self.at + ahead).is_some_and(Token::is_word)
    }

    /// Whether the token before this one is `text`.
    fn follows(&self, text: &str) -> bool {
        self.at > 0 && self.tokens[self.at - 1].text == text
    }

    /// Reads up to the brace that closes the module, or to the end of the file.
    fn module(&mut self, folder: &str, path: ModulePath, depth_in_file: usize) {
        let mut module = Module { file: self.file.into(), depth_in_file, ..Module::default() };
        let (mut depth, mut visibility) = (0, Visibility::Private);
        while self.at < self.tokens.len() {
            match self.peek(0) {
                "}" if depth == 0 => break,
                "#" => {
                    if self.attribute_is_for_tests() {
                        self.skip_item();
                    }
                    continue;
                }
                "pub" => {
                    visibility = Visibility::Public;
                    self.at += 1;
                    self.skip_group("(");
                    continue;
                }
                "use" => {
                    self.at += 1;
                    let uses = self.use_tree(visibility);
                    if depth == 0 {
                        module.uses.extend(uses);
                    } else {
                        module.paths.extend(uses.into_iter().map(|brought| brought.named));
                    }
                }
                "mod" if depth == 0 && self.is_word(1) => {
                    let name = self.peek(1).to_string();
                    module.items.insert(name.clone());
                    self.at += 2;
                    self.child(folder, &path, &name, depth_in_file);
                }
                "macro_rules" if self.peek(1) == "!" => {
                    if depth == 0 {
                        module.items.insert(self.peek(2).into());
                    }
                    self.at += 3;
                    module.paths.extend(self.macro_body());
                }
                "fn" | "struct" | "enum" | "union" | "trait" | "type" | "const" | "static"
                    if depth == 0 && !self.follows("*") =>
                {
                    let ahead = if self.peek(1) == "mut" { 2 } else { 1 };
                    if self.is_word(ahead) {
                        module.items.insert(self.peek(ahead).into());
                    }
                    self.at += 1;
                }
                mark @ ("{" | "(" | "[" | "}" | ")" | "]") => {
                    depth = if matches!(mark, "{" | "(" | "[") { depth + 1 } else { depth - 1 };
                    self.at += 1;
                }
                _ => module.paths.extend(self.path_or_token()),
            }
            visibility = Visibility::Private;
        }
        self.modules.insert(path, module);
    }

    /// The module of this name: in braces here, or in a file of its own.
    fn child(&mut self, folder: &str, parent: &[String], name: &str, depth_in_file: usize) {
        let path = [parent, &[name.to_string()]].concat();
        let folder = if folder.is_empty() { name.to_string() } else { format!("{folder}/{name}") };
        if self.peek(0) == "{" {
            self.at += 1;
            self.module(&folder, path, depth_in_file + 1);
            return;
        }
        let beside = format!("{folder}.rs");
        let file = if self.sources.contains_key(&beside) { beside } else { format!("{folder}/mod.rs") };
        read_file(self.sources, self.modules, &file, &folder, path);
    }

    /// Passes over an attribute; whether it leaves what follows to tests.
    fn attribute_is_for_tests(&mut self) -> bool {
        self.at += 1;
        if self.peek(0) == "!" {
            self.at += 1;
        }
        let begin = self.at;
        self.skip_group("[");
        let attribute: Vec<&str> = self.tokens[begin..self.at].iter().map(|token| token.text).collect();
        let negated = |at: usize| at >= 2 && attribute[at - 2..at] == ["not", "("];
        let is_test = |at: usize| matches!(attribute[at], "test" | "doctest") && !negated(at);
        attribute.get(1) == Some(&"cfg") && (2..attribute.len()).any(is_test)
    }

    /// Passes over a group in parentheses, brackets or braces, if one begins here with `open`.
    fn skip_group(&mut self, open: &str) {
        if self.peek(0) != open {
            return;
        }
        let mut depth = 0;
        while self.at < self.tokens.len() {
            match self.peek(0) {
                "(" | "[" | "{" => depth += 1,
                ")" | "]" | "}" => depth -= 1,
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                return;
            }
        }
    }

    /// Passes over what an attribute stands before, with its further attributes: an item, or a field or an argument.
    fn skip_item(&mut self) {
        const ITEMS: [&str; 11] =
            ["fn", "impl", "struct", "enum", "union", "trait", "mod", "type", "const", "static", "macro_rules"];
        let (mut is_item, mut is_use) = (false, false);
        while self.at < self.tokens.len() {
            match self.peek(0) {
                // The end of what the item is in: a last field or argument.
                "}" | ")" | "]" => return,
                ";" => {
                    self.at += 1;
                    return;
                }
                "," if !is_item && !is_use => {
                    self.at += 1;
                    return;
                }
                "{" => {
                    self.skip_group("{");
                    if !is_use {
                        return;
                    }
                }
                open @ ("(" | "[") => {
                    let open = open.to_string();
                    self.skip_group(&open);
                }
                word => {
                    is_use |= word == "use";
                    is_item |= ITEMS.contains(&word);
                    self.at += 1;
                }
            }
        }
    }

    /// What a macro names of its own crate. All else that it names means something where it is used.
    fn macro_body(&mut self) -> Vec<Named> {
        let begin = self.at;
        let open = self.peek(0).to_string();
        self.skip_group(&open);
        let end = self.at;
        let mut paths = Vec::new();
        self.at = begin;
        while self.at < end {
            if self.peek(0) == "$" && self.peek(1) == "crate" {
                self.at += 1;
                paths.extend(self.path_or_token());
            } else {
                self.at += 1;
            }
        }
        paths
    }

    /// The path that begins here, if it has more than one name; passes over it, or over one token.
    fn path_or_token(&mut self) -> Option<Named> {
        let line = self.tokens[self.at].line;
        if !self.is_word(0) || self.follows("::") || self.follows(".") {
            self.at += 1;
            return None;
        }
        let path = self.names();
        (path.len() > 1).then_some(Named { path, line })
    }

    /// Names with `::` between them.
    fn names(&mut self) -> Vec<String> {
        let mut names = Vec::new();
        while self.is_word(0) {
            names.push(self.peek(0).to_string());
            self.at += 1;
            if self.peek(0) != "::" || !self.is_word(1) {
                break;
            }
            self.at += 1;
        }
        names
    }

    /// All names that a `use` brings; its word has been read.
    fn use_tree(&mut self, visibility: Visibility) -> Vec<Use> {
        let mut uses = Vec::new();
        // `use ::name` is of another crate.
        if self.peek(0) != "::" {
            self.use_branch(&[], visibility, &mut uses);
        }
        while !matches!(self.peek(0), ";" | "") {
            self.at += 1;
        }
        uses
    }

    fn use_branch(&mut self, prefix: &[String], visibility: Visibility, uses: &mut Vec<Use>) {
        let line = self.tokens[self.at].line;
        let mut path = [prefix, &self.names()].concat();
        if self.peek(0) == "::" {
            self.at += 1;
        }
        match self.peek(0) {
            "{" => {
                self.at += 1;
                while !matches!(self.peek(0), "}" | "") {
                    self.use_branch(&path, visibility, uses);
                    if self.peek(0) == "," {
                        self.at += 1;
                    }
                }
                self.at += 1;
            }
            "*" => {
                self.at += 1;
                uses.push(Use { named: Named { path, line }, name: None, visibility });
            }
            next => {
                let renamed = next == "as";
                if path.len() > 1 && path.last().is_some_and(|name| name == "self") {
                    path.pop();
                }
                let mut name = path.last().cloned().unwrap_or_default();
                if renamed {
                    name = self.peek(1).to_string();
                    self.at += 2;
                } else if path.len() == prefix.len() && self.peek(0) != "}" && self.peek(0) != "," {
                    // Nothing that could be read: a macro's variable.
                    self.at += 1;
                    return;
                }
                uses.push(Use { named: Named { path, line }, name: Some(name), visibility });
            }
        }
    }
}
