//! Writes every mutant of the files below a folder into one build: each expression that can be mutated becomes a `match` on
//! `crate::mutant::at`, which asks the environment for the mutant to be. Prints the mutants as lines of JSON.
//!
//! `mutants ROOT FOLDER EXCLUDED`: rewrites `ROOT/FOLDER` in place and adds `ROOT/src/mutant.rs`. `EXCLUDED` is a file with a
//! key in every line; a mutant or a whole place that it names is left as it is, because it does not compile.

#![allow(clippy::disallowed_methods, reason = "the list is for patrolint")]

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt::Write as _;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::{env, fs};

use proc_macro2::Span;
use serde_json::json;
use syn::parse::{ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{BinOp, Expr, Lit, Token, UnOp};

/// Macros whose arguments are expressions, separated by commas.
const OF_EXPRESSIONS: &[&str] = &["format", "write", "writeln", "vec", "assert", "assert_eq", "assert_ne", "panic"];

/// Methods that answer yes or no; they are negated.
const PREDICATES: &[&str] = &[
    "is_some",
    "is_none",
    "is_ok",
    "is_err",
    "is_some_and",
    "is_none_or",
    "is_ok_and",
    "is_empty",
    "contains",
    "contains_key",
    "starts_with",
    "ends_with",
    "eq_ignore_ascii_case",
    "is_subset",
    "is_superset",
    "any",
    "all",
    "matches",
    "leader_matches",
    "has",
];

/// Methods that are exchanged for another of the same type.
const EXCHANGED: &[(&str, &str)] = &[("any", "all"), ("all", "any"), ("min", "max"), ("max", "min")];

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [root, folder, excluded] = arguments.as_slice() else { return Err("mutants ROOT FOLDER EXCLUDED".into()) };
    let root = Path::new(root);
    let excluded: BTreeSet<String> = fs::read_to_string(excluded)?.lines().map(str::to_owned).collect();
    let mut next = 1;
    for path in rust_files(&root.join(folder))? {
        let file = path.strip_prefix(root)?.to_string_lossy().into_owned();
        let text = fs::read_to_string(&path)?;
        let mut places = Places { text: &text, found: Vec::new(), inside: Vec::new(), is_condition: false };
        places.visit_file(&syn::parse_file(&text)?);
        let mut writer = Writer {
            file,
            text: &text,
            excluded: &excluded,
            places: places.found,
            seen: BTreeMap::new(),
            next,
            out: String::new(),
        };
        writer.places.sort_by_key(|place| (place.range.start, usize::MAX - place.range.end));
        writer.write(0, writer.places.len(), 0..text.len());
        fs::write(&path, &writer.out)?;
        next = writer.next;
    }
    fs::write(root.join("src/mutant.rs"), SWITCH.replace("COUNT", &next.to_string()))?;
    let library = root.join("src/lib.rs");
    let text = fs::read_to_string(&library)?;
    fs::write(library, format!("{text}\n#[allow(missing_docs, clippy::all)]\npub mod mutant;\n"))?;
    Ok(())
}

fn rust_files(folder: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(rust_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// An expression, and what may stand in its place.
struct Place {
    range: Range<usize>,
    function: String,
    kind: &'static str,
    /// What a reader is shown, and the code.
    mutants: Vec<(String, String)>,
    /// For a function's body the mutants are put before its first statement.
    is_start_of_body: bool,
}

/// Finds the places of a file.
struct Places<'a> {
    text: &'a str,
    found: Vec<Place>,
    inside: Vec<String>,
    /// Whether the next expression decides a branch, so that `true` and `false` may stand for it.
    is_condition: bool,
}

impl Places<'_> {
    fn code(&self, span: Span) -> &str {
        &self.text[span.byte_range()]
    }

    fn within(&mut self, name: String, visit: impl FnOnce(&mut Self)) {
        self.inside.push(name);
        visit(self);
        self.inside.pop();
    }

    fn condition(&mut self, expression: &Expr) {
        self.is_condition = true;
        self.visit_expr(expression);
        self.is_condition = false;
    }

    /// Looks for places in a tree of its own, which does not live as long as that of the file.
    fn look_into(&mut self, visit: impl FnOnce(&mut Places<'_>)) {
        let inside = self.inside.clone();
        let mut places = Places { text: self.text, found: Vec::new(), inside, is_condition: false };
        visit(&mut places);
        self.found.append(&mut places.found);
    }

    /// `left`, then each of `operators` in turn, then `right`.
    fn with_operators(&self, left: &Expr, operators: &[&str], right: &Expr) -> Vec<String> {
        let (left, right) = (self.code(left.span()), self.code(right.span()));
        operators.iter().map(|operator| format!("{left} {operator} {right}")).collect()
    }

    fn of_binary(&self, binary: &syn::ExprBinary) -> Vec<String> {
        let (left, right) = (&*binary.left, &*binary.right);
        let is_text = |side: &Expr| {
            matches!(side, Expr::Lit(lit) if matches!(lit.lit, Lit::Str(_))) || matches!(side, Expr::Reference(_))
        };
        let operators: &[&str] = match binary.op {
            BinOp::And(_) if has_let(left) || has_let(right) => &[],
            BinOp::And(_) => &["||"],
            BinOp::Or(_) => &["&&"],
            BinOp::Eq(_) => &["!="],
            BinOp::Ne(_) => &["=="],
            BinOp::Lt(_) => &["<=", ">="],
            BinOp::Le(_) => &["<", ">"],
            BinOp::Gt(_) => &[">=", "<="],
            BinOp::Ge(_) => &[">", "<"],
            BinOp::Add(_) if !is_text(left) && !is_text(right) => &["-"],
            BinOp::Sub(_) => &["+"],
            BinOp::Mul(_) => &["+"],
            BinOp::Div(_) => &["*"],
            BinOp::Rem(_) => &["/"],
            BinOp::BitAnd(_) => &["|"],
            BinOp::BitOr(_) => &["&"],
            BinOp::BitXor(_) => &["|"],
            BinOp::Shl(_) => &[">>"],
            BinOp::Shr(_) => &["<<"],
            BinOp::AddAssign(_) if !is_text(right) => &["-="],
            BinOp::SubAssign(_) => &["+="],
            BinOp::BitAndAssign(_) => &["|="],
            BinOp::BitOrAssign(_) => &["&="],
            _ => &[],
        };
        self.with_operators(left, operators, right)
    }

    fn of_method(&self, call: &syn::ExprMethodCall, is_condition: bool) -> Vec<String> {
        let whole = self.code(call.span());
        let name = call.method.to_string();
        let mut mutants = Vec::new();
        if !is_condition && PREDICATES.contains(&name.as_str()) {
            mutants.push(format!("!{whole}"));
        }
        for (_, other) in EXCHANGED.iter().filter(|(from, _)| *from == name) {
            let at = call.method.span().byte_range();
            let start = call.span().byte_range().start;
            mutants.push(format!("{}{other}{}", &whole[..at.start - start], &whole[at.end - start..]));
        }
        mutants
    }

    fn of_literal(&self, literal: &syn::ExprLit) -> Vec<String> {
        match &literal.lit {
            Lit::Bool(value) => vec![(!value.value).to_string()],
            Lit::Int(number) => {
                let Ok(value) = number.base10_parse::<u128>() else { return Vec::new() };
                vec![format!("{}{}", value.saturating_add(1), number.suffix())]
            }
            _ => Vec::new(),
        }
    }

    fn of_range(&self, range: &syn::ExprRange) -> Vec<String> {
        let Some(end) = &range.end else { return Vec::new() };
        let start = range.start.as_ref().map_or("", |start| self.code(start.span()));
        let end = self.code(end.span());
        match range.limits {
            syn::RangeLimits::HalfOpen(_) => vec![format!("{start}..({end}) + 1")],
            syn::RangeLimits::Closed(_) => vec![format!("{start}..=({end}) - 1")],
        }
    }

    fn mutants_of(&self, expression: &Expr, is_condition: bool) -> Vec<String> {
        let mut mutants = match expression {
            Expr::Binary(binary) => self.of_binary(binary),
            Expr::Unary(unary) if matches!(unary.op, UnOp::Not(_)) => vec![self.code(unary.expr.span()).to_owned()],
            Expr::MethodCall(call) => self.of_method(call, is_condition),
            Expr::Lit(literal) => self.of_literal(literal),
            Expr::Range(range) => self.of_range(range),
            Expr::Macro(call) if !is_condition && call.mac.path.is_ident("matches") => {
                vec![format!("!{}", self.code(call.span()))]
            }
            _ => Vec::new(),
        };
        let is_leaf = matches!(
            expression,
            Expr::Path(_) | Expr::Field(_) | Expr::Call(_) | Expr::MethodCall(_) | Expr::Macro(_) | Expr::Index(_)
        );
        if is_condition && is_leaf {
            mutants.extend(["true".to_owned(), "false".to_owned()]);
        }
        mutants
    }

    fn body(&mut self, signature: &syn::Signature, block: &syn::Block) {
        if let syn::ReturnType::Type(_, returned) = &signature.output
            && self.code(returned.span()) == "bool"
        {
            let start = block.brace_token.span.open().byte_range().end;
            let mutants = ["true", "false"].map(|value| (value.to_owned(), format!("return {value}"))).to_vec();
            let function = self.inside.join("::");
            let kind = "condition";
            self.found.push(Place { range: start..start, function, kind, mutants, is_start_of_body: true });
        }
        self.visit_block(block);
    }
}

impl<'ast> Visit<'ast> for Places<'_> {
    fn visit_expr(&mut self, expression: &'ast Expr) {
        let is_condition = std::mem::take(&mut self.is_condition);
        let mutants = self.mutants_of(expression, is_condition);
        if !mutants.is_empty() {
            let mutants = mutants.into_iter().map(|code| (code.clone(), code)).collect();
            let function = self.inside.join("::");
            let kind = kind_of(expression, is_condition);
            let range = expression.span().byte_range();
            self.found.push(Place { range, function, kind, mutants, is_start_of_body: false });
        }
        match expression {
            Expr::Paren(inner) if is_condition => self.condition(&inner.expr),
            Expr::Binary(binary) if matches!(binary.op, BinOp::And(_) | BinOp::Or(_)) => {
                self.condition(&binary.left);
                self.condition(&binary.right);
            }
            Expr::Let(binding) => self.visit_expr(&binding.expr),
            Expr::If(branch) => {
                self.condition(&branch.cond);
                self.visit_block(&branch.then_branch);
                if let Some((_, other)) = &branch.else_branch {
                    self.visit_expr(other);
                }
            }
            Expr::While(repeated) => {
                self.visit_expr(&repeated.cond);
                self.visit_block(&repeated.body);
            }
            Expr::Repeat(repeated) => self.visit_expr(&repeated.expr),
            _ => visit::visit_expr(self, expression),
        }
    }

    fn visit_arm(&mut self, arm: &'ast syn::Arm) {
        if let Some((_, guard)) = &arm.guard {
            self.condition(guard);
        }
        self.visit_expr(&arm.body);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        if call.path.is_ident("matches") {
            let parse = |input: ParseStream<'_>| {
                let value: Expr = input.parse()?;
                input.parse::<Token![,]>()?;
                syn::Pat::parse_multi_with_leading_vert(input)?;
                let has_guard = input.parse::<Option<Token![if]>>()?.is_some();
                let guard: Option<Expr> = if has_guard { Some(input.parse()?) } else { None };
                input.parse::<Option<Token![,]>>()?;
                Ok((value, guard))
            };
            if let Ok((value, guard)) = parse.parse2(call.tokens.clone()) {
                self.look_into(|places| {
                    places.visit_expr(&value);
                    if let Some(guard) = &guard {
                        places.condition(guard);
                    }
                });
            }
        } else if OF_EXPRESSIONS.iter().any(|name| call.path.is_ident(name)) {
            let parse = Punctuated::<Expr, Token![,]>::parse_terminated;
            if let Ok(arguments) = parse.parse2(call.tokens.clone()) {
                self.look_into(|places| arguments.iter().for_each(|argument| places.visit_expr(argument)));
            }
        }
    }

    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        if function.sig.constness.is_none() && !is_for_tests(&function.attrs) {
            self.within(function.sig.ident.to_string(), |places| places.body(&function.sig, &function.block));
        }
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        if function.sig.constness.is_none() && !is_for_tests(&function.attrs) {
            self.within(function.sig.ident.to_string(), |places| places.body(&function.sig, &function.block));
        }
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        if !is_for_tests(&item.attrs) {
            let name = self.code(item.self_ty.span()).split('<').next().unwrap_or_default().to_owned();
            self.within(name, |places| item.items.iter().for_each(|part| places.visit_impl_item(part)));
        }
    }

    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if !is_for_tests(&module.attrs) {
            visit::visit_item_mod(self, module);
        }
    }

    // What has to be constant, and what is no code.
    fn visit_item_const(&mut self, _: &'ast syn::ItemConst) {}
    fn visit_impl_item_const(&mut self, _: &'ast syn::ImplItemConst) {}
    fn visit_item_static(&mut self, _: &'ast syn::ItemStatic) {}
    fn visit_item_enum(&mut self, _: &'ast syn::ItemEnum) {}
    fn visit_attribute(&mut self, _: &'ast syn::Attribute) {}
    fn visit_pat(&mut self, _: &'ast syn::Pat) {}
    fn visit_type(&mut self, _: &'ast syn::Type) {}
}

fn kind_of(expression: &Expr, is_condition: bool) -> &'static str {
    match expression {
        Expr::Binary(binary) => match binary.op {
            BinOp::And(_) | BinOp::Or(_) => "logic",
            BinOp::Eq(_) | BinOp::Ne(_) | BinOp::Lt(_) | BinOp::Le(_) | BinOp::Gt(_) | BinOp::Ge(_) => "comparison",
            _ => "other",
        },
        Expr::Unary(_) => "logic",
        Expr::MethodCall(_) | Expr::Macro(_) => "condition",
        _ if is_condition => "condition",
        _ => "other",
    }
}

fn has_let(expression: &Expr) -> bool {
    match expression {
        Expr::Let(_) => true,
        Expr::Binary(binary) => has_let(&binary.left) || has_let(&binary.right),
        _ => false,
    }
}

fn is_for_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        syn::Meta::Path(path) => path.is_ident("test"),
        syn::Meta::List(list) => list.path.is_ident("cfg") && list.tokens.to_string() == "test",
        syn::Meta::NameValue(_) => false,
    })
}

/// Writes a file with its mutants.
struct Writer<'a> {
    file: String,
    text: &'a str,
    excluded: &'a BTreeSet<String>,
    places: Vec<Place>,
    /// How often a mutant's key was given.
    seen: BTreeMap<String, usize>,
    /// The number of the next mutant.
    next: usize,
    out: String,
}

impl Writer<'_> {
    /// Writes `range` of the text, in which the places from `first` to `last` lie.
    fn write(&mut self, first: usize, last: usize, range: Range<usize>) {
        let mut at = range.start;
        let mut index = first;
        while index < last {
            let place = self.places[index].range.clone();
            let inner = (index + 1..last).find(|inner| place.end <= self.places[*inner].range.start);
            let after = inner.unwrap_or(last);
            self.out.push_str(&self.text[at..place.start]);
            self.write_place(index, after);
            at = place.end;
            index = after;
        }
        self.out.push_str(&self.text[at..range.end]);
    }

    fn write_place(&mut self, index: usize, after: usize) {
        let Place { range, function, kind, mutants, is_start_of_body } = &self.places[index];
        let (range, kind, is_start_of_body) = (range.clone(), *kind, *is_start_of_body);
        let original = if is_start_of_body { "the body".to_owned() } else { one_line(&self.text[range.clone()]) };
        let line = self.text[..range.start].matches('\n').count() + 1;
        let mut kept = Vec::new();
        for (shown, code) in mutants {
            let key = format!("{} {function}: {original} → {}", self.file, one_line(shown));
            let count = self.seen.entry(key.clone()).or_insert(0);
            *count += 1;
            let key = if *count == 1 { key } else { format!("{key} #{count}") };
            if !self.excluded.contains(&key) {
                kept.push((key, code.clone()));
            }
        }
        if kept.is_empty() {
            self.write(index + 1, after, range);
            return;
        }
        let first = self.next;
        self.next += kept.len();
        let start = self.out.len();
        let _ = write!(
            self.out,
            "{}match crate::mutant::at({first}, {}) {{ ",
            if is_start_of_body { "" } else { "(" },
            kept.len()
        );
        let mut lines = Vec::new();
        for (number, (key, code)) in kept.into_iter().enumerate() {
            let _ = write!(self.out, "{} => ", number + 1);
            let from = self.out.len();
            self.out.push_str(&code);
            lines.push((first + number, key, from..self.out.len()));
            self.out.push_str(", ");
        }
        if is_start_of_body {
            self.out.push_str("_ => {} }");
            self.write(index + 1, after, range);
        } else {
            self.out.push_str("_ => ");
            self.write(index + 1, after, range);
            self.out.push_str(" })");
        }
        for (id, key, code) in lines {
            let place = json!([start, self.out.len()]);
            println!(
                "{}",
                json!({"id": id, "place": first, "kind": kind, "key": key, "file": self.file, "line": line, "code": [code.start, code.end], "around": place})
            );
        }
    }
}

fn one_line(code: &str) -> String {
    code.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The module that chooses: number `PATROLINT_MUTANT`, or none. With `PATROLINT_MUTANTS_REACHED`, the places that are reached
/// are added to this file instead.
const SWITCH: &str = r#"//! Which mutant this process is.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};

struct State {
    chosen: u32,
    reached: Option<File>,
}

static STATE: LazyLock<State> = LazyLock::new(|| State {
    chosen: std::env::var("PATROLINT_MUTANT").ok().and_then(|text| text.parse().ok()).unwrap_or(0),
    reached: std::env::var_os("PATROLINT_MUTANTS_REACHED").and_then(|path| OpenOptions::new().create(true).append(true).open(path).ok()),
});

static SEEN: [AtomicBool; COUNT] = [const { AtomicBool::new(false) }; COUNT];

/// Which of `count` mutants from `first` on it is, from 1 on; 0: none of them.
#[inline]
pub fn at(first: u32, count: u32) -> u32 {
    let state = &*STATE;
    if let Some(file) = &state.reached {
        reach(first, file);
    }
    let number = state.chosen.wrapping_sub(first);
    if number < count { number + 1 } else { 0 }
}

#[cold]
fn reach(first: u32, mut file: &File) {
    if !SEEN[first as usize].swap(true, Ordering::Relaxed) {
        let _ = file.write_all(format!("{first}\n").as_bytes());
    }
}
"#;
