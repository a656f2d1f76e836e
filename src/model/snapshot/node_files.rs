//! The configuration of one node from several files and the environment of its daemon.

use crate::input::source_map::SourceId;
use crate::model::config::effective::Environment;
use crate::model::snapshot::{LocalConfiguration, MadeOf, Start};
use crate::model::version::PatroniVersion;
use crate::parse::python;
use crate::parse::tree::{Entry, Mapping, Node, Span, Style, Value};

impl LocalConfiguration {
    /// The files that it is made of, in the order in which Patroni reads them; `None`: it is started without any.
    pub fn files(&self) -> Option<&[Self]> {
        match &self.made_of {
            MadeOf::OneFile => Some(std::slice::from_ref(self)),
            MadeOf::FileAndEnvironment(file) => Some(std::slice::from_ref(file)),
            MadeOf::Files(files) => Some(files),
            MadeOf::NoFile => None,
        }
    }

    /// What Patroni is started with to read it.
    pub fn start(&self) -> Start {
        match self.made_of {
            MadeOf::OneFile | MadeOf::FileAndEnvironment(_) => Start::File,
            MadeOf::Files(_) => Start::Directory,
            MadeOf::NoFile => Start::Environment,
        }
    }

    /// The configuration that Patroni makes of the files of a directory, of which `source` is the first.
    pub fn of_files(source: SourceId, files: Vec<Self>) -> Self {
        let nowhere =
            Node { value: Value::Mapping(Mapping::default()), span: Span::new(source, 0, 0), style: Style::Plain };
        let error = files.iter().find_map(|file| file.error.clone());
        let mappings =
            files.iter().filter_map(|file| file.document.as_ref()).filter(|file| file.as_mapping().is_some());
        let document = mappings.cloned().reduce(over).unwrap_or(nowhere);
        let node = files.iter().rev().find_map(|file| file.node.clone());
        let made_of = MadeOf::Files(files);
        let document = Some(document).filter(|_| error.is_none());
        Self { source, node, scope: None, document, error, made_of, environment: None }.named()
    }

    /// The same as the only file of a directory.
    pub fn into_directory(self) -> Self {
        match self.made_of {
            MadeOf::OneFile => Self::of_files(self.source, vec![self]),
            _ => self,
        }
    }

    /// The configuration of a daemon that is started with an environment, and with these files if there are any.
    ///
    /// Source: patroni/config.py, `Config.__init__` and `_load_config_file`, 4.1.5.
    ///
    /// Variables on which Patroni raises an exception are left out.
    pub fn with_environment(files: Option<Self>, environment: Environment, version: PatroniVersion) -> Self {
        let variables = environment.tree(version).ok();
        let mut configuration = match files {
            Some(file) if matches!(file.made_of, MadeOf::OneFile) => {
                let made_of = MadeOf::FileAndEnvironment(Box::new(file.clone()));
                Self { made_of, ..Self::of_files(file.source, vec![file]) }
            }
            Some(files) => files,
            None => Self {
                source: environment.source(),
                node: None,
                scope: None,
                document: None,
                error: None,
                made_of: MadeOf::NoFile,
                environment: None,
            },
        };
        let whole = environment.document().filter(|_| matches!(configuration.made_of, MadeOf::NoFile));
        match whole {
            Some(Ok(document)) if python::truthy(&document.value) => configuration.document = Some(document.clone()),
            Some(Err(error)) => configuration.error = Some(error.clone()),
            _ if configuration.error.is_some() => {}
            _ => configuration.document = configuration.document.into_iter().chain(variables).reduce(over),
        }
        configuration.environment = Some(environment);
        configuration.named()
    }

    /// The files alone; `None`: there are none.
    pub fn without_environment(&self) -> Option<Self> {
        match &self.made_of {
            MadeOf::OneFile => Some(self.clone()),
            MadeOf::FileAndEnvironment(file) => Some((**file).clone()),
            MadeOf::Files(files) => Some(Self::of_files(self.source, files.clone())),
            MadeOf::NoFile => None,
        }
    }

    /// Says that the ids of its sources have grown by so much.
    pub(super) fn renumber(&mut self, by: u32) {
        self.source = self.source.renumbered(by);
        self.document.iter_mut().for_each(|document| document.renumber(by));
        self.error.iter_mut().for_each(|error| error.span.renumber(by));
        self.environment.iter_mut().for_each(|environment| environment.renumber(by));
        match &mut self.made_of {
            MadeOf::OneFile | MadeOf::NoFile => {}
            MadeOf::FileAndEnvironment(file) => file.renumber(by),
            MadeOf::Files(files) => files.iter_mut().for_each(|file| file.renumber(by)),
        }
    }

    /// Name and scope as the document tells them.
    fn named(mut self) -> Self {
        let text = |name: &str| self.document.as_ref()?.get(name)?.as_str().map(str::to_owned);
        let (node, scope) = (text("name"), text("scope"));
        self.scope = scope;
        self.node = node.or(self.node);
        self
    }
}

/// A document with another over it.
fn over(mut one: Node, other: Node) -> Node {
    if let (Value::Mapping(known), Value::Mapping(more)) = (&mut one.value, other.value) {
        patch(known, more);
    }
    one
}

/// Puts the entries of a mapping over those of another; what gives way is dropped.
///
/// Source: patroni/utils.py, `patch_config`, 4.1.5. What an alias repeats is a value of its own here.
fn patch(known: &mut Mapping, more: Mapping) {
    let more: Vec<_> = more.effective().cloned().collect();
    for entry in more {
        if entry.value.value == Value::Null {
            known.remove(&entry.key.value);
            continue;
        }
        match known.entry_mut(&entry.key.value) {
            None => known.entries.push(entry),
            Some(old) => match (&mut old.value.value, entry.value.value) {
                (Value::Mapping(known), Value::Mapping(more)) => patch(known, more),
                (one, other) if python::str(one) == python::str(&other) => {}
                (_, value) => *old = Entry { value: Node { value, ..entry.value }, ..entry },
            },
        }
    }
}
