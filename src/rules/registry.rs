//! All rules: the built-in pages, the table of known bugs, and a user's own pages.

use std::collections::{BTreeSet, HashMap};

use minijinja::Environment;

use crate::rules::expression;
use crate::rules::finding::Severity;
use crate::rules::functions::{self, Function};
use crate::rules::known_bugs;
use crate::rules::page::{Page, PageError};

/// The built-in pages: file name, front matter as JSON, prose.
const PAGES: &[(&str, &str, &str)] = include!(concat!(env!("OUT_DIR"), "/pages.rs"));

/// A set of rules, sorted by code.
pub struct Registry {
    rules: Vec<Rule>,
    environment: Environment<'static>,
}

/// One rule.
pub struct Rule {
    page: Page,
    pub(super) function: Option<Function>,
}

impl Registry {
    /// The rules that come with patrolint. Their conditions are compiled when they are first asked for.
    pub fn builtin() -> Self {
        Self::read().unwrap_or_else(|errors| panic!("the built-in pages are tested: {}", errors[0]))
    }

    fn read() -> Result<Self, Vec<PageError>> {
        let pages =
            PAGES.iter().map(|(name, head, prose)| Ok(((*name).to_owned(), Page::built_in(name, head, prose)?)));
        let mut pages = pages.collect::<Result<Vec<_>, PageError>>().map_err(|error| vec![error])?;
        pages.extend(known_bugs::pages().map_err(|error| vec![error])?);
        let mut environment = expression::environment();
        let conditions: HashMap<String, String> = pages.iter().flat_map(|(_, page)| conditions(page)).collect();
        environment.set_loader(move |name| Ok(conditions.get(name).cloned()));
        let mut registry = Self { rules: Vec::new(), environment };
        registry.add(pages)?;
        Ok(registry)
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
        let mut read = Vec::new();
        let mut errors = Vec::new();
        for (name, text) in pages {
            match Page::read(name, text) {
                Ok(page) => read.push((name.to_owned(), page)),
                Err(error) => errors.push(error),
            }
        }
        for (name, page) in &read {
            let wrong = self.compile(page).err();
            errors.extend(wrong.map(|message| PageError { page: name.clone(), line: 1, message }));
        }
        if errors.is_empty() { self.add(read).map(|()| self) } else { Err(errors) }
    }

    fn add(&mut self, pages: Vec<(String, Page)>) -> Result<(), Vec<PageError>> {
        let mut errors = Vec::new();
        for (name, page) in pages {
            let function = page
                .function
                .as_ref()
                .map(|name| functions::find(name).ok_or_else(|| format!("there is no function {name}")));
            match function.transpose() {
                Ok(function) => {
                    self.rules.retain(|rule| rule.page.code != page.code);
                    self.rules.push(Rule { page, function });
                }
                Err(message) => errors.push(PageError { page: name, line: 1, message }),
            }
        }
        self.rules.sort_by(|one, two| one.page.code.cmp(&two.page.code));
        let mut slugs = BTreeSet::new();
        if let Some(twice) = self.rules.iter().map(|rule| &rule.page.slug).find(|slug| !slugs.insert(*slug)) {
            let message = format!("two rules have the slug {twice}");
            errors.push(PageError { page: "rules".to_owned(), line: 1, message });
        }
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }

    /// Compiles what a user's page holds of expressions and templates, to tell what is wrong.
    fn compile(&mut self, page: &Page) -> Result<(), String> {
        for (name, source) in conditions(page) {
            let (_, place) = name.split_once(' ').unwrap_or_default();
            let place = place.to_owned();
            self.environment.add_template_owned(name, source).map_err(|error| format!("{place}: {error}"))?;
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
        self.rules.binary_search_by(|rule| rule.page.code.as_str().cmp(code)).ok().map(|index| &self.rules[index])
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

/// The conditions of a page as templates, by the name that they are asked for with.
fn conditions(page: &Page) -> impl Iterator<Item = (String, String)> {
    let whole = [("when", &page.when), ("applies", &page.applies)];
    let whole = whole.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text.as_ref()?)));
    let severities = page.severity.iter().enumerate();
    let severities = severities.filter_map(|(index, (_, text))| Some((format!("severity {index}"), text.as_ref()?)));
    let places = page.at.iter().enumerate();
    let places = places.filter_map(|(index, at)| Some((format!("place {index}"), at.when.as_ref()?)));
    whole
        .chain(severities)
        .chain(places)
        .map(|(name, text)| (format!("{} {name}", page.code), format!("{{% if {text} %}}1{{% endif %}}")))
}

impl Rule {
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
        for (severity, _) in &self.page.severity {
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
