//! Values of the configuration, each with its origin, in dictionaries that keep Python's order.

use std::collections::{HashMap, HashSet};

use crate::input::source_map::SourceId;
use crate::parse::python;
use crate::parse::tree::{Entry, Mapping, Node, Span, Style, Value};

/// A value and where it comes from.
#[derive(Clone, Debug)]
pub struct Setting {
    /// What it is.
    pub content: Content,
    /// Where it comes from; of a section, where it was first mentioned.
    pub origin: Origin,
}

/// What a setting holds.
#[derive(Clone, Debug)]
pub enum Content {
    /// A scalar or a list, which is taken or replaced as a whole.
    Value(Value),
    /// A dictionary: every entry has an origin of its own.
    Section(Section),
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// Somebody wrote it.
    Written {
        /// In what.
        layer: Layer,
        /// Where it stands.
        span: Span,
    },
    /// Patroni's own default.
    Default,
    /// Patroni computes it, as this text says.
    Computed(String),
}

/// What a value is written in.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Layer {
    /// A configuration file.
    File,
    /// The environment variable of this name.
    Environment(String),
    /// The document in the environment variable `PATRONI_CONFIGURATION`.
    ConfigurationVariable,
    /// The key `/config` in the DCS.
    Dynamic,
    /// `bootstrap.dcs` of the local configuration, which becomes `/config` when the cluster is initialized.
    Bootstrap,
}

/// A dictionary with an origin for every entry, in the order of first assignment.
#[derive(Clone, Debug, Default)]
pub struct Section {
    entries: Vec<Option<(Value, Setting)>>,
    index: HashMap<String, usize>,
    ignores_case: bool,
}

impl Setting {
    /// Patroni's default `value`.
    pub fn default_value(value: Value) -> Self {
        Self { content: Content::Value(value), origin: Origin::Default }
    }

    /// An empty section.
    pub fn empty_section(origin: Origin) -> Self {
        Self { content: Content::Section(Section::default()), origin }
    }

    /// What is written in a tree.
    pub fn read(node: &Node, layer: &Layer) -> Self {
        let content = match &node.value {
            Value::Mapping(mapping) => Content::Section(Section::read(mapping, layer)),
            value => Content::Value(value.clone()),
        };
        Self { content, origin: Origin::Written { layer: layer.clone(), span: node.span } }
    }

    /// The value without origins.
    pub fn value(&self) -> Value {
        match &self.content {
            Content::Value(value) => value.clone(),
            Content::Section(section) => section.value(),
        }
    }

    /// The scalar or list, if it is one.
    pub fn content_value(&self) -> Option<&Value> {
        match &self.content {
            Content::Value(value) => Some(value),
            Content::Section(_) => None,
        }
    }

    /// The section, if it is one.
    pub fn section(&self) -> Option<&Section> {
        match &self.content {
            Content::Section(section) => Some(section),
            Content::Value(_) => None,
        }
    }

    /// The section to change, if it is one.
    pub fn section_mut(&mut self) -> Option<&mut Section> {
        match &mut self.content {
            Content::Section(section) => Some(section),
            Content::Value(_) => None,
        }
    }

    /// The settings in it, each with its route behind `path`, in order; itself if it is no section, or an empty one.
    pub fn leaves(&self, path: &[String]) -> Vec<(Vec<String>, &Self)> {
        match self.section().filter(|section| !section.is_empty()) {
            Some(section) => section.leaves_below(path),
            None => vec![(path.to_vec(), self)],
        }
    }

    /// `bool(value)`
    pub fn is_truthy(&self) -> bool {
        match &self.content {
            Content::Value(value) => python::truthy(value),
            Content::Section(section) => !section.is_empty(),
        }
    }

    /// Whether it is `None`.
    pub fn is_null(&self) -> bool {
        matches!(self.content, Content::Value(Value::Null))
    }

    /// The string, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        match &self.content {
            Content::Value(Value::String(text)) => Some(text),
            _ => None,
        }
    }
}

impl Section {
    /// A dictionary whose keys compare without regard to case, like `CaseInsensitiveDict`.
    pub fn ignoring_case() -> Self {
        Self { ignores_case: true, ..Self::default() }
    }

    /// What is written in a mapping.
    pub fn read(mapping: &Mapping, layer: &Layer) -> Self {
        let mut section = Self::default();
        for entry in mapping.effective() {
            section.insert(entry.key.value.clone(), Setting::read(&entry.value, layer));
        }
        section
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// The entries in order.
    pub fn iter(&self) -> impl Iterator<Item = (&Value, &Setting)> {
        self.entries.iter().flatten().map(|(key, setting)| (key, setting))
    }

    /// Every setting in it that is no section, or an empty one, with its route, in order.
    pub fn leaves(&self) -> Vec<(Vec<String>, &Setting)> {
        self.leaves_below(&[])
    }

    fn leaves_below(&self, path: &[String]) -> Vec<(Vec<String>, &Setting)> {
        self.iter().flat_map(|(key, setting)| setting.leaves(&[path, &[python::str(key)]].concat())).collect()
    }

    /// The entries in order, to change.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&Value, &mut Setting)> {
        self.entries.iter_mut().flatten().map(|(key, setting)| (&*key, setting))
    }

    /// The entries in order, for good.
    pub fn into_entries(self) -> impl Iterator<Item = (Value, Setting)> {
        self.entries.into_iter().flatten()
    }

    /// The entry of a string key.
    pub fn get(&self, name: &str) -> Option<&Setting> {
        let at = *self.index.get(&self.identity_of_name(name))?;
        self.entries[at].as_ref().map(|(_, setting)| setting)
    }

    /// The key as it is kept, and the entry, of a string key.
    pub fn entry(&self, name: &str) -> Option<(&Value, &Setting)> {
        let at = *self.index.get(&self.identity_of_name(name))?;
        self.entries[at].as_ref().map(|(key, setting)| (key, setting))
    }

    /// The entry of a string key, to change.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Setting> {
        self.find_mut(&Value::String(name.to_owned()))
    }

    /// The entry of a key.
    pub fn find(&self, key: &Value) -> Option<&Setting> {
        let at = *self.index.get(&self.identity(key))?;
        self.entries[at].as_ref().map(|(_, setting)| setting)
    }

    /// The entry of a key, to change.
    pub fn find_mut(&mut self, key: &Value) -> Option<&mut Setting> {
        let at = *self.index.get(&self.identity(key))?;
        self.entries[at].as_mut().map(|(_, setting)| setting)
    }

    /// The entry at a route of string keys.
    pub fn at(&self, route: &[&str]) -> Option<&Setting> {
        let (first, rest) = route.split_first()?;
        rest.iter().try_fold(self.get(first)?, |setting, name| setting.section()?.get(name))
    }

    /// Sets a string key; gives back what it replaced.
    pub fn set(&mut self, name: &str, setting: Setting) -> Option<Setting> {
        self.insert(Value::String(name.to_owned()), setting)
    }

    /// Sets a key; gives back what it replaced.
    pub fn insert(&mut self, key: Value, setting: Setting) -> Option<Setting> {
        let identity = self.identity(&key);
        let Some(at) = self.index.get(&identity) else {
            self.index.insert(identity, self.entries.len());
            self.entries.push(Some((key, setting)));
            return None;
        };
        let (known, old) = self.entries[*at].take()?;
        // A plain dictionary keeps the key that it has; one that ignores case takes the new spelling.
        self.entries[*at] = Some((if self.ignores_case { key } else { known }, setting));
        Some(old)
    }

    /// Takes a string key out.
    pub fn remove(&mut self, name: &str) -> Option<Setting> {
        self.take(&Value::String(name.to_owned()))
    }

    /// Takes a key out.
    pub fn take(&mut self, key: &Value) -> Option<Setting> {
        let at = self.index.remove(&self.identity(key))?;
        self.entries[at].take().map(|(_, setting)| setting)
    }

    /// The entry of a string key; `default` is put there if it has none.
    pub fn or_insert(&mut self, name: &str, default: impl FnOnce() -> Setting) -> &mut Setting {
        if self.get(name).is_none() {
            self.set(name, default());
        }
        self.get_mut(name).expect("it was put there if it was not")
    }

    /// The origins of sections that stand at several places, as aliases make them.
    pub fn repeated_sections(&self) -> HashSet<Origin> {
        let (mut seen, mut repeated) = (HashSet::new(), HashSet::new());
        self.each_section(&mut |setting| {
            if matches!(setting.origin, Origin::Written { .. }) && !seen.insert(setting.origin.clone()) {
                repeated.insert(setting.origin.clone());
            }
        });
        repeated
    }

    fn each_section(&self, visit: &mut impl FnMut(&Setting)) {
        for (_, setting) in self.iter() {
            if let Some(section) = setting.section() {
                visit(setting);
                section.each_section(visit);
            }
        }
    }

    /// The routes of all sections in it.
    pub fn section_paths(&self) -> Vec<Vec<String>> {
        let mut paths = Vec::new();
        for (key, setting) in self.iter() {
            let Some(section) = setting.section() else { continue };
            let key = python::str(key);
            paths.extend(section.section_paths().into_iter().map(|mut path| {
                path.insert(0, key.clone());
                path
            }));
            paths.push(vec![key]);
        }
        paths
    }

    /// Puts a section to every place that has its origin.
    pub fn replace_alike(&mut self, new: &Setting) {
        for (_, setting) in self.iter_mut() {
            if setting.section().is_some() && setting.origin == new.origin {
                *setting = new.clone();
            } else if let Some(section) = setting.section_mut() {
                section.replace_alike(new);
            }
        }
    }

    /// Says that everything in it counts as written in `layer`; what Patroni computes stays as it is.
    pub fn change_layer(&mut self, layer: &Layer) {
        for (_, setting) in self.iter_mut() {
            if let Origin::Written { layer: old, .. } = &mut setting.origin {
                *old = layer.clone();
            }
            if let Some(section) = setting.section_mut() {
                section.change_layer(layer);
            }
        }
    }

    /// The dictionary as a tree, its keys where their values are written; `source` is where it is of itself.
    pub fn tree(&self, source: SourceId) -> Node {
        let node = |value: Value, span: Span| Node { value, span, style: Style::Block };
        let entries = self.iter().map(|(key, setting)| {
            let span = match &setting.origin {
                Origin::Written { span, .. } => *span,
                Origin::Default | Origin::Computed(_) => Span::new(source, 0, 0),
            };
            let value = match &setting.content {
                Content::Section(section) => Node { span, ..section.tree(source) },
                Content::Value(value) => node(value.clone(), span),
            };
            Entry { key: node(key.clone(), span), value, merged: false }
        });
        node(Value::Mapping(Mapping { entries: entries.collect() }), Span::new(source, 0, 0))
    }

    /// The dictionary without origins.
    pub fn value(&self) -> Value {
        let nowhere = Span::new(SourceId(u32::MAX), 0, 0);
        let node = |value: Value| Node { value, span: nowhere, style: Style::Plain };
        let entries = self.iter().map(|(key, setting)| Entry {
            key: node(key.clone()),
            value: node(setting.value()),
            merged: false,
        });
        Value::Mapping(Mapping { entries: entries.collect() })
    }

    fn identity(&self, key: &Value) -> String {
        match key {
            Value::Null => "none".to_owned(),
            Value::Bool(value) => format!("#{}", i128::from(*value)),
            Value::Int(value) => format!("#{value}"),
            Value::Float(value) if *value as i128 as f64 == *value => format!("#{}", *value as i128),
            Value::Float(value) => format!("f{}", value.to_bits()),
            Value::String(text) => self.identity_of_name(text),
            Value::Secret(secret) => self.identity(secret.expose()),
            other => format!("{}{}", python::type_name(other), python::str(other)),
        }
    }

    fn identity_of_name(&self, name: &str) -> String {
        let mut identity = String::with_capacity(1 + name.len());
        identity.push('s');
        match self.ignores_case {
            true => identity.push_str(&name.to_lowercase()),
            false => identity.push_str(name),
        }
        identity
    }
}
