//! All rules: the built-in pages, the table of known bugs, and a user's own pages.

use std::borrow::Cow;

use minijinja::Environment;

use crate::rules::expression;
use crate::rules::finding::{Confidence, Severity};
use crate::rules::functions::{self, Function};
use crate::rules::page::{Affects, At, Each, Need, Page, PageError, Text};

/// The built-in pages, by code.
static BUILT_IN: &[Page] = include!(concat!(env!("OUT_DIR"), "/pages.rs"));

/// A set of rules, sorted by code.
pub struct Registry {
    rules: Vec<Rule>,
    environment: Environment<'static>,
}

/// One rule.
pub struct Rule {
    page: Cow<'static, Page>,
    pub(super) function: Option<Function>,
}

impl Registry {
    /// The rules that come with patrolint. Their conditions are compiled when they are first asked for.
    pub fn builtin() -> Self {
        let mut environment = expression::environment();
        environment.set_loader(|name| {
            let (code, condition) = name.split_once(' ').unwrap_or_default();
            let page =
                BUILT_IN.binary_search_by(|page| page.code.as_ref().cmp(code)).ok().map(|index| &BUILT_IN[index]);
            Ok(page
                .and_then(|page| conditions(page).find(|(name, _)| name == condition))
                .map(|(_, text)| template(text)))
        });
        let rule = |page: &'static Page| Rule::new(Cow::Borrowed(page)).unwrap_or_else(|message| panic!("{message}"));
        Self { rules: BUILT_IN.iter().map(rule).collect(), environment }
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
        self.compile(&page)?;
        let rule = Rule::new(Cow::Owned(page))?;
        self.rules.retain(|other| other.code() != rule.code());
        if self.rules.iter().any(|other| other.slug() == rule.slug()) {
            return Err(format!("two rules have the slug {}", rule.slug()));
        }
        let index = self.rules.partition_point(|other| other.code() < rule.code());
        self.rules.insert(index, rule);
        Ok(())
    }

    /// Compiles what a user's page holds of expressions and templates, to tell what is wrong.
    fn compile(&mut self, page: &Page) -> Result<(), String> {
        for (place, text) in conditions(page) {
            let name = format!("{} {place}", page.code);
            self.environment.add_template_owned(name, template(text)).map_err(|error| format!("{place}: {error}"))?;
        }
        let labels = page.at.iter().map(|at| ("a label", &at.text));
        let notes = page.notes.iter().map(|note| ("a note", note));
        let help = page.help.iter().map(|help| ("help", help));
        for (name, text) in [("message", &page.message)].into_iter().chain(help).chain(notes).chain(labels) {
            self.environment.template_from_named_str(name, text).map_err(|error| format!("{name}: {error}"))?;
        }
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

    pub(super) fn environment(&self) -> &Environment<'static> {
        &self.environment
    }
}

/// The conditions of a page, by the names that they are asked for with behind its code.
fn conditions(page: &Page) -> impl Iterator<Item = (Cow<'static, str>, &Text)> {
    let whole = [("when", &page.when), ("applies", &page.applies)];
    let whole = whole.into_iter().filter_map(|(name, text)| Some((Cow::Borrowed(name), text.as_ref()?)));
    let severities = page.severity.iter().enumerate();
    let severities =
        severities.filter_map(|(index, (_, text))| Some((format!("severity {index}").into(), text.as_ref()?)));
    let places = page.at.iter().enumerate();
    let places = places.filter_map(|(index, at)| Some((format!("place {index}").into(), at.when.as_ref()?)));
    whole.chain(severities).chain(places)
}

/// A condition as a template, which gives a text if it holds.
fn template(condition: &str) -> String {
    format!("{{% if {condition} %}}1{{% endif %}}")
}

impl Rule {
    fn new(page: Cow<'static, Page>) -> Result<Self, String> {
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
