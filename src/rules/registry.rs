//! All rules: the built-in pages, the table of known bugs, and a user's own pages.

use std::borrow::Cow;
use std::ops::Deref;

use crate::rules::expression::{self, Conditions};
use crate::rules::finding::{Confidence, Severity};
use crate::rules::functions::{self, Function};
use crate::rules::page::{Affects, At, Each, Need, Page, PageError, Text};

/// The built-in pages, by code.
static BUILT_IN: &[Page] = include!(concat!(env!("OUT_DIR"), "/pages.rs"));

/// A set of rules, sorted by code.
pub struct Registry {
    rules: Vec<Rule>,
    pub(super) conditions: Conditions,
}

/// One rule.
pub struct Rule {
    page: Source,
    pub(super) function: Option<Function>,
}

/// Where a page comes from; the built-in ones are not copied.
enum Source {
    BuiltIn(&'static Page),
    Own(Box<Page>),
}

impl Deref for Source {
    type Target = Page;

    fn deref(&self) -> &Page {
        match self {
            Self::BuiltIn(page) => page,
            Self::Own(page) => page,
        }
    }
}

impl Registry {
    /// The rules that come with patrolint. Their conditions are compiled when they are first asked for.
    pub fn builtin() -> Self {
        let rule = |page: &'static Page| Rule::new(Source::BuiltIn(page)).unwrap_or_else(|message| panic!("{message}"));
        Self { rules: BUILT_IN.iter().map(rule).collect(), conditions: Conditions::default() }
    }

    /// These rules and those of more pages, each a file name and its text; a page with the code of another replaces it.
    ///
    /// # Errors
    ///
    /// Of the authors: every page that cannot be read, with the line.
    pub fn with_pages<'a>(
        mut self,
        pages: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, Vec<PageError>> {
        let mut errors = Vec::new();
        for (name, text) in pages {
            let error = |message| PageError { page: name.to_owned(), line: 1, message };
            let added = Page::read(name, text).and_then(|page| self.add(page).map_err(error));
            errors.extend(added.err());
        }
        if errors.is_empty() { Ok(self) } else { Err(errors) }
    }

    fn add(&mut self, page: Page) -> Result<(), String> {
        try_compiling(&page)?;
        let rule = Rule::new(Source::Own(Box::new(page)))?;
        self.rules.retain(|other| other.code() != rule.code());
        if self.rules.iter().any(|other| other.slug() == rule.slug()) {
            return Err(format!("two rules have the slug {}", rule.slug()));
        }
        let index = self.rules.partition_point(|other| other.code() < rule.code());
        self.rules.insert(index, rule);
        Ok(())
    }

    /// All rules, by code.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The rule of this very code.
    pub(super) fn rule(&self, code: &str) -> Option<&Rule> {
        self.rules.binary_search_by(|rule| rule.code().cmp(code)).ok().map(|index| &self.rules[index])
    }

    /// The rule of a code or a slug, in any case of letters.
    pub fn find(&self, code_or_slug: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| {
            rule.page.code.eq_ignore_ascii_case(code_or_slug) || rule.page.slug.eq_ignore_ascii_case(code_or_slug)
        })
    }
}

/// Compiles what a user's page holds of expressions and templates, to tell what is wrong.
fn try_compiling(page: &Page) -> Result<(), String> {
    let environment = expression::environment();
    for (place, condition) in conditions(page) {
        environment.compile_expression(condition).map_err(|error| format!("{place}: {error}"))?;
    }
    let labels = page.at.iter().map(|at| ("a label", &at.text));
    let notes = page.notes.iter().map(|note| ("a note", note));
    let help = page.help.iter().map(|help| ("help", help));
    for (name, text) in [("message", &page.message)].into_iter().chain(help).chain(notes).chain(labels) {
        environment.template_from_named_str(name, text).map_err(|error| format!("{name}: {error}"))?;
    }
    Ok(())
}

/// The conditions of a page, and where they stand in it.
fn conditions(page: &Page) -> impl Iterator<Item = (String, &Text)> {
    let whole = [("when", &page.when), ("applies", &page.applies)];
    let whole = whole.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text.as_ref()?)));
    let severities = page.severity.iter();
    let severities = severities.filter_map(|(level, text)| Some((format!("severity {level:?}"), text.as_ref()?)));
    let places = page.at.iter().filter_map(|at| Some((format!("place {}", at.route), at.when.as_ref()?)));
    whole.chain(severities).chain(places)
}

impl Rule {
    fn new(page: Source) -> Result<Self, String> {
        let find = |name: &Text| functions::find(name).ok_or_else(|| format!("there is no function {name}"));
        Ok(Self { function: page.function.as_ref().map(find).transpose()?, page })
    }

    /// For example `PTL201`.
    pub fn code(&self) -> &str {
        &self.page.code
    }

    /// For example `timing-rule-violated`.
    pub fn slug(&self) -> &str {
        &self.page.slug
    }

    /// The folder of its page, for example `timing`.
    pub fn group(&self) -> &str {
        &self.page.group
    }

    /// One line: what it finds.
    pub fn title(&self) -> &str {
        &self.page.title
    }

    /// The severities that it can have, most important condition first: `error`, or `error or warning`.
    pub fn severity_text(&self) -> String {
        let mut names: Vec<&str> = Vec::new();
        for (severity, _) in self.page.severity.iter() {
            let name = match severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
                Severity::Info => "info",
            };
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names.join(" or ")
    }

    /// The prose of its page in Markdown, from the heading on.
    pub fn markdown(&self) -> &str {
        &self.page.text
    }

    /// All of its page.
    pub fn page(&self) -> &Page {
        &self.page
    }
}
