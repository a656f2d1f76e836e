//! Files to a [`Snapshot`]: which keys, answers and configurations belong to which cluster.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use crate::input::RawFile;
use crate::input::source_map::{SourceId, SourceMap};
use crate::model::snapshot::{
    ClusterSnapshot, Dcs, DcsKey, DcsKind, DcsServer, LocalConfiguration, MadeOf, RawValue, RestAnswer, Skipped,
    Snapshot, View,
};
use crate::model::time::{ParsedTime, parse_time};
use crate::parse::document::{
    Capture, Configuration, Content, DocumentError, MemberAnswer, Problem, View as ViewDocument, ViewKind, identify,
};
use crate::parse::dump::paths::Stat;
use crate::parse::dump::{DumpedKey, KeyDump, KeyPath, StoredValue};
use crate::parse::tree::Node;
use crate::parse::{json, python, secrets, yaml};

/// `namespace` where nothing tells another one.
///
/// Source: patroni/dcs/__init__.py, `AbstractDCS.__init__`, 4.1.5.
const DEFAULT_NAMESPACE: &str = "service";

/// The source of trees that belong to no [`SourceMap`] yet.
const NOWHERE: SourceId = SourceId(u32::MAX);

/// Why files make no snapshot; whoever chose them is to blame.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
pub enum SnapshotError {
    /// A file that the user named is not understood.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Document(#[from] DocumentError),
    /// Two files say different things about the same.
    #[error("{one} and {two} contradict each other: {what} differs")]
    #[diagnostic(help("give the files of one cluster at one point in time"))]
    Contradiction {
        /// What they differ in.
        what: String,
        /// The file that came first.
        one: String,
        /// The file that came later.
        two: String,
    },
    /// No file tells anything about Patroni.
    #[error("none of the inputs tells anything about a Patroni cluster")]
    Nothing {
        /// What the files are instead, or what is expected.
        #[help]
        help: String,
    },
}

impl Snapshot {
    /// Puts files together by cluster.
    ///
    /// Keys of the DCS are told apart by `/<namespace>/<scope>/[<group>/]`. Whatever does not name its cluster belongs to
    /// the one that the files of its directory speak of, or those of the nearest directory above it that speak of any.
    /// If a directory holds the same dump in several forms, the one that tells most is used.
    ///
    /// # Errors
    ///
    /// A file that the user named is not understood; two files contradict each other; or no file tells anything.
    pub fn assemble(files: Vec<RawFile>) -> Result<Self, SnapshotError> {
        let mut assembly = Assembly::default();
        for file in files {
            let named = file.named;
            match identify(file) {
                Ok(document) => assembly.sort_in(document.name, document.content),
                Err(error) if named => return Err(error.into()),
                Err(error) if error.is_known_form => assembly.snapshot.problems.push(error),
                Err(error) => assembly.skip(error.name, error.problem.to_string()),
            }
        }
        assembly.finish()
    }
}

impl Snapshot {
    /// Reads a file as a local configuration, whatever it holds; it does not join [`Snapshot::configurations`].
    pub fn read_configuration(&mut self, file: RawFile) -> LocalConfiguration {
        let (text, tree) = match yaml::decode(NOWHERE, &file.bytes) {
            Ok(text) => (text.to_owned(), yaml::parse(NOWHERE, text)),
            Err(mut error) => {
                // The bad byte has become U+FFFD, three bytes long.
                error.span.end = error.span.start + '\u{fffd}'.len_utf8();
                (String::from_utf8_lossy(&file.bytes).into_owned(), Err(error))
            }
        };
        self.local_configuration(&file.name, Configuration { text, tree })
    }

    fn local_configuration(&mut self, file: &str, configuration: Configuration) -> LocalConfiguration {
        let Configuration { text, tree } = configuration;
        let source = self.sources.add(file, text.as_str());
        let (mut document, error) = match tree {
            Ok(tree) => (Some(tree), None),
            Err(mut error) => {
                error.span.source = source;
                (None, Some(error))
            }
        };
        if let Some(tree) = &mut document {
            tree.rebase(source);
        }
        hide(&mut self.sources, source, &text, document.as_mut());
        let string = |name: &str| document.as_ref().and_then(|tree| tree.get(name)).and_then(Node::as_str);
        let (scope, node) = (string("scope").map(str::to_owned), string("name").map(str::to_owned));
        LocalConfiguration { source, node, scope, document, error, made_of: MadeOf::OneFile, environment: None }
    }
}

impl Snapshot {
    /// Adds a text that may be JSON, with its secrets hidden.
    pub(super) fn read_json(&mut self, name: String, text: &str) -> (SourceId, Option<Node>) {
        let source = self.sources.add(name, text);
        let mut json = json::parse(source, text).ok();
        hide(&mut self.sources, source, text, json.as_mut());
        (source, json)
    }
}

/// Hides the secrets of a text and its tree.
fn hide(sources: &mut SourceMap, source: SourceId, text: &str, tree: Option<&mut Node>) {
    let spans = tree.map(secrets::conceal).unwrap_or_default();
    sources.mask(source, secrets::mask(text, &spans));
}

/// Namespace, scope and Citus group.
type ClusterId = (String, String, Option<u32>);

#[derive(Default)]
struct Assembly {
    snapshot: Snapshot,
    /// Directories, each with a cluster that a file in it names.
    places: BTreeSet<(String, usize)>,
    /// The clusters of each scope.
    scopes: HashMap<String, Vec<usize>>,
    /// When the keys of a cluster were read, as their times of expiry tell.
    read_at: HashMap<usize, f64>,
    /// Which file a member's answer comes from, by cluster and member.
    answer_files: HashMap<(usize, String), String>,
    dumps: Vec<(String, KeyDump)>,
    /// Stats of ZooKeeper's nodes by the directory of their file.
    stats: HashMap<String, BTreeMap<String, Stat>>,
    lease_ttls: HashMap<String, i64>,
    servers: Vec<(String, Vec<DcsServer>)>,
    members: Vec<(String, MemberAnswer)>,
    silent: Vec<(String, Vec<(String, String)>)>,
    views: Vec<(String, ViewDocument)>,
    configurations: Vec<(String, Configuration)>,
    captures: Vec<(String, Capture)>,
    unreachable: Vec<(String, String)>,
    patronictl_versions: Vec<(String, String)>,
}

impl Assembly {
    fn sort_in(&mut self, name: String, content: Content) {
        match content {
            Content::Keys(dump) => self.dumps.push((name, dump)),
            Content::Stats(stats) => self.stats.entry(directory(&name).to_owned()).or_default().extend(stats),
            Content::Leases(leases) => {
                self.lease_ttls.extend(leases.into_iter().map(|lease| (lease.id, lease.ttl_seconds)));
            }
            Content::Servers(servers) => self.servers.push((name, servers)),
            Content::Member(answer) => self.members.push((name, answer)),
            Content::Silent(members) => self.silent.push((name, members)),
            Content::View(view) => self.views.push((name, view)),
            Content::Configuration(configuration) => self.configurations.push((name, configuration)),
            Content::Capture(capture) => self.captures.push((name, capture)),
            Content::DcsUnreachable(reason) => self.unreachable.push((name, reason)),
            Content::PatronictlVersion(version) => self.patronictl_versions.push((name, version)),
            Content::Unused(what) => self.skip(name, format!("it is {what}")),
            Content::Unread(reason) => self.skip(name, reason),
        }
    }

    fn finish(mut self) -> Result<Snapshot, SnapshotError> {
        let empty_dumps = self.add_dumps()?;
        self.add_clusters_without_keys();
        self.add_members()?;
        self.add_silent_members();
        self.add_empty_dumps(empty_dumps);
        self.add_views();
        self.add_servers_and_versions();
        self.add_times();
        self.add_configurations();
        let snapshot = self.snapshot;
        let has_facts = !snapshot.clusters.is_empty() || !snapshot.configurations.is_empty();
        if has_facts || !snapshot.problems.is_empty() {
            return Ok(snapshot);
        }
        let seen: Vec<String> =
            snapshot.skipped.iter().take(5).map(|skipped| format!("{}: {}", skipped.name, skipped.reason)).collect();
        let help = "give patroni.yml, a dump of the DCS or the members' answers of GET /patroni";
        let help = if seen.is_empty() { help.to_owned() } else { format!("{help}\n{}", seen.join("\n")) };
        Err(SnapshotError::Nothing { help })
    }

    fn skip(&mut self, name: String, reason: impl Into<String>) {
        self.snapshot.skipped.push(Skipped { name, reason: reason.into() });
    }

    fn problem(&mut self, name: &str, reason: impl Into<String>) {
        let problem = Problem::Unusable(reason.into());
        self.snapshot.problems.push(DocumentError { name: name.to_owned(), problem, is_known_form: true });
    }

    /// The clusters that the files in the nearest directory speak of.
    fn nearest(&self, name: &str) -> Vec<usize> {
        for above in above(name) {
            // All places that start with `above/` lie between it and `above0`, for `0` is next to `/`.
            let here = (above.to_owned(), 0)..=(above.to_owned(), usize::MAX);
            let below = (format!("{above}/"), 0)..(format!("{above}0"), 0);
            let found: BTreeSet<usize> =
                self.places.range(here).chain(self.places.range(below)).map(|(_, cluster)| *cluster).collect();
            if !found.is_empty() {
                return found.into_iter().collect();
            }
        }
        (0..self.snapshot.clusters.len()).collect()
    }

    /// The clusters of a scope, those of the nearest directory if there are any.
    fn of_scope(&self, scope: &str, name: &str) -> Vec<usize> {
        let all = self.scopes.get(scope).map(Vec::as_slice).unwrap_or_default();
        if all.len() < 2 {
            return all.to_vec();
        }
        let nearest = self.nearest(name);
        let near: Vec<usize> = all.iter().copied().filter(|index| nearest.contains(index)).collect();
        if near.is_empty() { all.to_vec() } else { near }
    }

    /// The one of several clusters (of Citus, say) that has a member of this name.
    fn with_member(&self, clusters: &[usize], member: &str) -> Option<usize> {
        let has_member = |index: &&usize| {
            let cluster = &self.snapshot.clusters[**index];
            cluster.rest.contains_key(member) || has_key(cluster, &format!("members/{member}"))
        };
        match clusters {
            [only] => Some(*only),
            _ => match clusters.iter().filter(has_member).collect::<Vec<_>>().as_slice() {
                [only] => Some(**only),
                _ => None,
            },
        }
    }

    fn add_cluster(&mut self, (namespace, scope, group): ClusterId, dcs: Option<Dcs>) -> usize {
        let index = self.snapshot.clusters.len();
        self.scopes.entry(scope.clone()).or_default().push(index);
        self.snapshot.clusters.push(ClusterSnapshot { namespace, scope, group, dcs, ..ClusterSnapshot::default() });
        index
    }

    fn place(&mut self, name: &str, cluster: usize) {
        self.places.insert((directory(name).to_owned(), cluster));
    }

    /// Adds the clusters whose keys are there; gives back the dumps without any key.
    fn add_dumps(&mut self) -> Result<Vec<(String, KeyDump)>, SnapshotError> {
        let dumps = std::mem::take(&mut self.dumps);
        let (empty, dumps): (Vec<_>, Vec<_>) = dumps.into_iter().partition(|(_, dump)| dump.keys.is_empty());
        let scopes = self.known_scopes();
        let mut chosen: BTreeMap<ClusterId, Part> = BTreeMap::new();
        let mut names_only = Vec::new();
        let mut unused: Vec<(String, String)> = Vec::new();
        let mut used_files = Vec::new();
        for (file, dump) in dumps {
            if dump.has_only_names() {
                names_only.push((file, dump));
                continue;
            }
            let parts = split(&file, dump, &scopes);
            if parts.is_empty() {
                self.problem(&file, "none of its keys is one of Patroni's");
            }
            for (id, part) in parts {
                match chosen.remove(&id) {
                    None => chosen.insert(id, part),
                    Some(earlier) => {
                        let (better, worse) = choose(&id, earlier, part)?;
                        unused.push((worse.file, format!("it is another form of {}", better.file)));
                        chosen.insert(id, better)
                    }
                };
            }
        }
        for (id, part) in chosen {
            let (file, read_at) = (part.file.clone(), part.read_at());
            let dcs = self.dcs(&id, part);
            let cluster = self.add_cluster(id, Some(dcs));
            self.read_at.extend(read_at.map(|read_at| (cluster, read_at)));
            self.place(&file, cluster);
            used_files.push(file);
        }
        for (file, reason) in unused {
            if !used_files.contains(&file) {
                self.skip(file, reason);
            }
        }
        for (file, dump) in names_only {
            let parts = split(&file, dump, &scopes);
            let is_known = |id: &ClusterId| self.snapshot.clusters.iter().any(|cluster| is_id(cluster, id));
            match parts.keys().all(is_known) {
                true => self.skip(file, "it names keys without their values"),
                false => self.problem(&file, "it names keys without their values (--keys-only)"),
            }
        }
        Ok(empty)
    }

    /// Scopes that files other than dumps name; they tell a scope that is a number from a Citus group.
    fn known_scopes(&self) -> BTreeSet<String> {
        let configured = self.configurations.iter().filter_map(|(_, configuration)| text(configuration, "scope"));
        let answered = self.members.iter().filter_map(|(_, answer)| answer.scope.as_deref());
        let captured = self.captures.iter().map(|(_, capture)| capture.scope.as_str());
        configured.chain(answered).chain(captured).map(str::to_owned).collect()
    }

    fn dcs(&mut self, id: &ClusterId, part: Part) -> Dcs {
        let base = base(id);
        let kind = match part.kind {
            DcsKind::Unknown => self.kind(&part.file, &id.1),
            kind => kind,
        };
        let mut keys = BTreeMap::new();
        for (name, key) in part.keys {
            let path = format!("{base}/{name}");
            let value = match key.value {
                StoredValue::Text(value) => value,
                StoredValue::NotUtf8(offset) => {
                    self.problem(&part.file, format!("the value of {path} is not UTF-8 at byte {offset}"));
                    continue;
                }
                StoredValue::Missing => continue,
            };
            let (source, json) = self.snapshot.read_json(format!("dcs:{path}"), &value);
            let stat = self.stats.get(directory(&part.file)).and_then(|stats| stats.get(&path));
            let revision = key.revision.or_else(|| stat.and_then(|stat| stat.revision));
            let lease = key.lease.or_else(|| stat.and_then(|stat| stat.session.clone()));
            let of_lease = || lease.as_ref().and_then(|lease| self.lease_ttls.get(lease)).copied();
            let ttl_seconds = key.ttl_seconds.or_else(of_lease);
            keys.insert(name, DcsKey { source, value: RawValue(value), json, revision, lease, ttl_seconds });
        }
        Dcs {
            kind,
            revision: part.revision,
            keys,
            servers: Vec::new(),
            incomplete: part.incomplete,
            doubts: part.doubts,
        }
    }

    /// What the files beside a dump tell of its kind.
    fn kind(&self, file: &str, scope: &str) -> DcsKind {
        if self.stats.contains_key(directory(file)) {
            return DcsKind::ZooKeeper;
        }
        self.captures.iter().find(|(_, capture)| capture.scope == scope).map_or(DcsKind::Unknown, |(_, it)| it.dcs)
    }

    fn hide(&mut self, source: SourceId, text: &str, tree: Option<&mut Node>) {
        hide(&mut self.snapshot.sources, source, text, tree);
    }

    /// Adds the clusters that only configurations, REST answers or descriptions of captures name.
    fn add_clusters_without_keys(&mut self) {
        let mut named: Vec<(String, ClusterId)> = Vec::new();
        for (file, configuration) in &self.configurations {
            let Some(scope) = text(configuration, "scope") else { continue };
            let namespace = text(configuration, "namespace").unwrap_or(DEFAULT_NAMESPACE).trim_matches('/');
            named.push((file.clone(), (namespace.to_owned(), scope.to_owned(), group(configuration))));
        }
        let scopes = self.captures.iter().map(|(file, capture)| (file, Some(&capture.scope)));
        let scopes = scopes.chain(self.members.iter().map(|(file, answer)| (file, answer.scope.as_ref())));
        let scopes = scopes.chain(self.views.iter().map(|(file, view)| (file, view.scope.as_ref())));
        named
            .extend(scopes.filter_map(|(file, scope)| {
                Some((file.clone(), (DEFAULT_NAMESPACE.to_owned(), scope?.clone(), None)))
            }));
        for (file, id) in named {
            let of_scope = self.of_scope(&id.1, &file);
            let is_of_group = |index: &usize| {
                id.2.is_none() || self.snapshot.clusters[*index].group.is_none_or(|group| Some(group) == id.2)
            };
            let fitting: Vec<usize> = of_scope.into_iter().filter(is_of_group).collect();
            let clusters = if fitting.is_empty() { vec![self.add_cluster(id, None)] } else { fitting };
            clusters.into_iter().for_each(|cluster| self.place(&file, cluster));
        }
    }

    fn add_members(&mut self) -> Result<(), SnapshotError> {
        for (file, answer) in std::mem::take(&mut self.members) {
            let clusters = match &answer.scope {
                Some(scope) => self.of_scope(scope, &file),
                None => self.nearest(&file),
            };
            let name = answer.name.clone().or_else(|| self.member_by_file(&clusters, &file));
            let Some(name) = name else {
                self.problem(&file, "it does not tell which member answered; name the file or its directory after it");
                continue;
            };
            let Some(cluster) = self.with_member(&clusters, &name) else {
                let reason = format!("it does not tell which cluster the member {name} belongs to");
                self.problem(&file, reason);
                continue;
            };
            if let Some(earlier) = self.answer_files.get(&(cluster, name.clone())) {
                let RestAnswer::Answered { json, .. } = &self.snapshot.clusters[cluster].rest[&name] else { continue };
                let mut tree = answer.body.tree;
                secrets::conceal(&mut tree);
                if json.as_ref() != Some(&tree) {
                    let what =
                        format!("the answer of member {name} of cluster {}", self.snapshot.clusters[cluster].scope);
                    return Err(SnapshotError::Contradiction { what, one: earlier.clone(), two: file });
                }
                let reason = format!("it is the same as {earlier}");
                self.skip(file, reason);
                continue;
            }
            let (source, json) = self.snapshot.read_json(format!("rest:{name}/patroni"), &answer.body.text);
            self.snapshot.clusters[cluster].rest.insert(name.clone(), RestAnswer::Answered { source, json });
            self.answer_files.insert((cluster, name), file);
        }
        Ok(())
    }

    /// The member that a file is named after: the directory, as in `rest/pg1/patroni.json`, or the file, as in `pg1.json`
    /// or `patroni-pg1.json`.
    fn member_by_file(&self, clusters: &[usize], file: &str) -> Option<String> {
        let file_name = file.rsplit('/').next().unwrap_or(file);
        let stem = file_name.split_once('.').map_or(file_name, |(stem, _)| stem);
        let parent = directory(file).rsplit('/').next().unwrap_or_default();
        let short = stem.trim_start_matches("patroni").trim_end_matches("patroni").trim_matches(['-', '_']);
        let silent = self.silent.iter().flat_map(|(_, members)| members).map(|(name, _)| name.as_str());
        let captured = self.captures.iter().flat_map(|(_, capture)| &capture.nodes).map(String::as_str);
        let keys = clusters.iter().filter_map(|index| self.snapshot.clusters[*index].dcs.as_ref());
        let keys = keys.flat_map(|dcs| dcs.keys.keys()).filter_map(|key| key.strip_prefix("members/"));
        let known: BTreeSet<&str> = silent.chain(captured).chain(keys).collect();
        let by_name = [parent, stem, short].into_iter().find(|name| known.contains(name));
        let only = || known.first().copied().filter(|_| known.len() == 1);
        let guess = || if short.is_empty() { Some(parent).filter(|name| *name != "rest") } else { Some(short) };
        by_name.or_else(only).or_else(guess).filter(|name| !name.is_empty()).map(str::to_owned)
    }

    fn add_silent_members(&mut self) {
        for (file, members) in std::mem::take(&mut self.silent) {
            let clusters = self.nearest(&file);
            for (name, reason) in members {
                match self.with_member(&clusters, &name) {
                    Some(cluster) => {
                        let rest = &mut self.snapshot.clusters[cluster].rest;
                        rest.entry(name).or_insert(RestAnswer::Unreachable { reason });
                    }
                    None => {
                        let reason = format!("it does not tell which cluster the silent member {name} belongs to");
                        self.problem(&file, reason);
                    }
                }
            }
        }
    }

    /// A dump without keys is that of the one cluster that is known from elsewhere.
    fn add_empty_dumps(&mut self, dumps: Vec<(String, KeyDump)>) {
        for (file, dump) in dumps {
            let nearest = self.nearest(&file);
            match nearest.as_slice() {
                [only] if self.snapshot.clusters[*only].dcs.is_none() => {
                    let KeyDump { kind, revision, incomplete, doubts, .. } = dump;
                    let dcs = Dcs { kind, revision, keys: BTreeMap::new(), servers: Vec::new(), incomplete, doubts };
                    self.snapshot.clusters[*only].dcs = Some(dcs);
                }
                _ => self.problem(&file, "it holds no keys; was the prefix right?"),
            }
        }
    }

    fn add_views(&mut self) {
        for (file, view) in std::mem::take(&mut self.views) {
            let mut clusters = match &view.scope {
                Some(scope) => self.of_scope(scope, &file),
                None => self.nearest(&file),
            };
            if self.snapshot.clusters.is_empty() && view.kind == ViewKind::Config {
                clusters = vec![self.add_cluster((DEFAULT_NAMESPACE.to_owned(), String::new(), None), None)];
                self.place(&file, clusters[0]);
            }
            let [cluster] = clusters.as_slice() else {
                self.skip(file, "it does not tell which cluster it belongs to");
                continue;
            };
            if self.snapshot.clusters[*cluster].dcs.is_some() {
                self.skip(file, "the dump of the DCS tells the same");
                continue;
            }
            if self.snapshot.clusters[*cluster].views.contains_key(&view.kind) {
                self.skip(file, "another member tells the same");
                continue;
            }
            let source = self.snapshot.sources.add(file, view.body.text.as_str());
            let mut tree = view.body.tree;
            tree.rebase(source);
            self.hide(source, &view.body.text, Some(&mut tree));
            self.snapshot.clusters[*cluster].views.insert(view.kind, View { source, tree });
        }
    }

    fn add_servers_and_versions(&mut self) {
        for (file, servers) in std::mem::take(&mut self.servers) {
            for cluster in self.nearest(&file) {
                let Some(dcs) = &mut self.snapshot.clusters[cluster].dcs else { continue };
                for server in &servers {
                    match dcs.servers.iter_mut().find(|known| known.endpoint == server.endpoint) {
                        Some(known) => known.version = known.version.take().or_else(|| server.version.clone()),
                        None => dcs.servers.push(server.clone()),
                    }
                }
            }
        }
        for (file, version) in std::mem::take(&mut self.patronictl_versions) {
            for cluster in self.nearest(&file) {
                self.snapshot.clusters[cluster].patronictl_version.get_or_insert_with(|| version.clone());
            }
        }
        for (file, reason) in std::mem::take(&mut self.unreachable) {
            for cluster in self.nearest(&file) {
                if self.snapshot.clusters[cluster].dcs.is_none() {
                    self.snapshot.clusters[cluster].dcs_unreachable.get_or_insert_with(|| reason.clone());
                }
            }
        }
    }

    /// When each cluster was read: as the description of the capture says, else when a member last saw the DCS or as the
    /// keys' times of expiry tell, whatever is later.
    fn add_times(&mut self) {
        for (file, capture) in std::mem::take(&mut self.captures) {
            let Some(ParsedTime::Zoned { seconds: started, .. }) = capture.started.as_deref().map(parse_time) else {
                continue;
            };
            for cluster in self.of_scope(&capture.scope, &file) {
                self.snapshot.clusters[cluster].taken_at.get_or_insert(started);
            }
        }
        for (index, cluster) in self.snapshot.clusters.iter_mut().enumerate() {
            let last_seen = cluster.rest.values().filter_map(|answer| match answer {
                RestAnswer::Answered { json, .. } => python::int(&json.as_ref()?.get("dcs_last_seen")?.value),
                RestAnswer::Unreachable { .. } => None,
            });
            let last_seen = last_seen.max().map(|seconds| seconds as f64);
            let read_at = self.read_at.get(&index).copied();
            let latest = last_seen.into_iter().chain(read_at).reduce(f64::max);
            cluster.taken_at = cluster.taken_at.or(latest);
        }
    }

    fn add_configurations(&mut self) {
        for (file, configuration) in std::mem::take(&mut self.configurations) {
            let mut configuration = self.snapshot.local_configuration(&file, configuration);
            configuration.node = configuration.node.or_else(|| self.node_by_file(&file));
            self.snapshot.configurations.push(configuration);
        }
    }

    /// The node that a configuration's directory is named after, as in `config/pg1/patroni.yml`.
    fn node_by_file(&self, file: &str) -> Option<String> {
        let mut parts = file.rsplit('/').skip(1);
        let (parent, grandparent) = (parts.next()?, parts.next());
        let is_member = |cluster: &ClusterSnapshot| {
            cluster.rest.contains_key(parent) || has_key(cluster, &format!("members/{parent}"))
        };
        let is_node = grandparent == Some("config") || self.snapshot.clusters.iter().any(is_member);
        is_node.then(|| parent.to_owned())
    }
}

/// The keys of one cluster in one dump.
struct Part {
    file: String,
    kind: DcsKind,
    form: crate::parse::dump::Form,
    revision: Option<u64>,
    keys: BTreeMap<String, DumpedKey>,
    incomplete: Option<String>,
    doubts: Vec<String>,
}

impl Part {
    /// When it was read, in seconds since 1970, if keys tell both when they expire and how long they live. etcd v2 rounds
    /// the latter up to seconds, so that this is too early by less than one.
    fn read_at(&self) -> Option<f64> {
        let read_at = |key: &DumpedKey| match parse_time(key.expiration.as_deref()?) {
            ParsedTime::Zoned { seconds, .. } => Some(seconds - key.ttl_seconds? as f64),
            _ => None,
        };
        self.keys.values().filter_map(read_at).reduce(f64::max)
    }
}

/// Tells the keys of a dump apart by cluster. Keys below a cluster that Patroni does not know stay with it.
fn split(file: &str, dump: KeyDump, scopes: &BTreeSet<String>) -> BTreeMap<ClusterId, Part> {
    let is_scope = |scope: &str| scopes.contains(scope);
    let mut ids: HashMap<String, ClusterId> = HashMap::new();
    for path in dump.keys.keys() {
        if let Some(found) = KeyPath::parse(path, is_scope) {
            let id = (found.namespace.to_owned(), found.scope.to_owned(), found.group);
            ids.insert(path[..path.len() - found.key.len() - 1].to_owned(), id);
        }
    }
    let directories: HashSet<String> = dump.keys.keys().flat_map(|path| above(path)).map(str::to_owned).collect();
    let mut parts: BTreeMap<ClusterId, Part> = BTreeMap::new();
    for (path, key) in dump.keys {
        let Some(base) = above(&path).find(|above| ids.contains_key(*above)) else { continue };
        let name = &path[base.len() + 1..];
        let is_directory = name == "members" || name == "optime" || directories.contains(&path);
        if is_directory && key.value == StoredValue::Text(String::new()) {
            continue;
        }
        let part = parts.entry(ids[base].clone()).or_insert_with(|| Part {
            file: file.to_owned(),
            kind: dump.kind,
            form: dump.form,
            revision: dump.revision,
            keys: BTreeMap::new(),
            incomplete: dump.incomplete.clone(),
            doubts: dump.doubts.clone(),
        });
        part.keys.insert(name.to_owned(), key);
    }
    parts
}

/// Of two dumps of the same cluster the one to use, and the other one.
fn choose(id: &ClusterId, earlier: Part, later: Part) -> Result<(Part, Part), SnapshotError> {
    let are_forms_of_one = directory(&earlier.file) == directory(&later.file) && earlier.form != later.form;
    let value = |part: &Part, name: &str| part.keys.get(name).map(|key| key.value.clone());
    if !are_forms_of_one {
        let mut names = earlier.keys.keys().chain(later.keys.keys());
        if let Some(name) = names.find(|name| value(&earlier, name) != value(&later, name)) {
            let what = format!("{}/{name}", base(id));
            return Err(SnapshotError::Contradiction { what, one: earlier.file, two: later.file });
        }
    }
    Ok(if earlier.form < later.form { (later, earlier) } else { (earlier, later) })
}

/// The path of a cluster in the DCS.
///
/// Source: patroni/dcs/__init__.py, `AbstractDCS.client_path`, 4.1.5.
fn base((namespace, scope, group): &ClusterId) -> String {
    let namespace = if namespace.is_empty() { String::new() } else { format!("/{namespace}") };
    let group = group.map(|group| format!("/{group}")).unwrap_or_default();
    format!("{namespace}/{scope}{group}")
}

fn is_id(cluster: &ClusterSnapshot, (namespace, scope, group): &ClusterId) -> bool {
    cluster.namespace == *namespace && cluster.scope == *scope && cluster.group == *group
}

fn has_key(cluster: &ClusterSnapshot, key: &str) -> bool {
    cluster.dcs.as_ref().is_some_and(|dcs| dcs.keys.contains_key(key))
}

/// The directories above a path, the nearest one first, without the root.
fn above(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(directory(path)), |above| Some(directory(above))).take_while(|above| !above.is_empty())
}

/// The path before the last slash; empty if there is none.
fn directory(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(directory, _)| directory)
}

fn text<'a>(configuration: &'a Configuration, name: &str) -> Option<&'a str> {
    configuration.tree.as_ref().ok()?.get(name)?.as_str()
}

/// `citus.group`
fn group(configuration: &Configuration) -> Option<u32> {
    let group = configuration.tree.as_ref().ok()?.at(&["citus", "group"])?;
    python::int(&group.value).and_then(|group| u32::try_from(group).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Files that were found in a directory.
    fn assemble(files: &[(&str, &str)]) -> Result<Snapshot, SnapshotError> {
        let file = |(name, text): &(&str, &str)| RawFile {
            name: (*name).to_owned(),
            bytes: text.as_bytes().to_vec(),
            named: false,
            unread: None,
        };
        Snapshot::assemble(files.iter().map(file).collect())
    }

    /// Each cluster as `namespace/scope[/group]: keys; members`.
    fn check(files: &[(&str, &str)], expect: &[&str]) -> Snapshot {
        let snapshot = assemble(files).expect("it is sound");
        let clusters: Vec<String> = snapshot
            .clusters
            .iter()
            .map(|cluster| {
                let id = (cluster.namespace.clone(), cluster.scope.clone(), cluster.group);
                let keys = cluster.dcs.as_ref().map(|dcs| dcs.keys.keys().cloned().collect::<Vec<_>>().join(" "));
                let rest = cluster.rest.iter().map(|(name, answer)| match answer {
                    RestAnswer::Answered { .. } => name.clone(),
                    RestAnswer::Unreachable { reason } => format!("{name} ({reason})"),
                });
                let rest = rest.collect::<Vec<_>>().join(" ");
                format!("{}: {}; {rest}", &base(&id)[1..], keys.as_deref().unwrap_or("no DCS"))
            })
            .collect();
        assert_eq!(clusters, expect);
        snapshot
    }

    /// The problems that the files have, as `file: problem`.
    fn problems(files: &[(&str, &str)]) -> Vec<String> {
        let snapshot = assemble(files).expect("problems are no errors");
        snapshot.problems.iter().map(|problem| format!("{}: {}", problem.name, problem.problem)).collect()
    }

    const DEMO: &str = r#"{"/service/demo/leader": "pg1", "/service/demo/members/pg1": "{}"}"#;
    const PG1: &str =
        r#"{"patroni": {"version": "4.1.5", "scope": "demo", "name": "pg1"}, "dcs_last_seen": 1795403378}"#;

    #[test]
    fn one_dump_may_hold_many_clusters() {
        check(
            &[(
                "dump",
                r#"{"/service/a/leader": "x", "/service/b/config": {}, "/db/eu/a/members/x": {}, "/service/a/extra": "1",
                    "/service/ct/0/leader": "c", "/service/ct/1/members/w": {}, "/service/ct/0/failsafe": {},
                    "/other/thing": "1"}"#,
            )],
            &[
                "db/eu/a: members/x; ",
                "service/a: extra leader; ",
                "service/b: config; ",
                "service/ct/0: failsafe leader; ",
                "service/ct/1: members/w; ",
            ],
        );
    }

    #[test]
    fn directories_of_zookeeper_are_no_keys() {
        let snapshot = check(
            &[
                (
                    "zk.json",
                    r#"{"/service": "", "/service/ct": "", "/service/ct/0": "", "/service/ct/0/members": "",
                        "/service/ct/0/members/c": "{}", "/service/ct/0/failover": ""}"#,
                ),
                ("zk-stat.json", r#"{"/service/ct/0/members/c": {"mzxid": 9, "ephemeralOwner": 8}}"#),
            ],
            &["service/ct/0: failover members/c; "],
        );
        let dcs = snapshot.clusters[0].dcs.as_ref().expect("there is a dump");
        assert_eq!(dcs.kind, DcsKind::ZooKeeper);
        let key = &dcs.keys["members/c"];
        assert_eq!((key.revision, key.lease.as_deref()), (Some(9), Some("8")));
    }

    #[test]
    fn a_scope_may_be_a_number() {
        let dump = ("dump", r#"{"/service/17/leader": "x"}"#);
        check(&[dump], &["service/17: leader; "]);
        let dump = ("dump", r#"{"/a/b/17/leader": "x"}"#);
        check(&[dump], &["a/b/17: leader; "]);
        let configuration = ("pg1.yml", "scope: '17'\nnamespace: /a/b/\nname: x\n");
        let snapshot = check(&[dump, configuration], &["a/b/17: leader; "]);
        assert_eq!((snapshot.clusters[0].namespace.as_str(), snapshot.clusters[0].group), ("a/b", None));
    }

    #[test]
    fn answers_and_configurations_make_a_cluster_without_keys() {
        let configuration = ("pg1.yml", "scope: demo\nname: pg1\nnamespace: /db/\n");
        check(&[("pg1.json", PG1)], &["service/demo: no DCS; pg1"]);
        let snapshot = check(&[configuration], &["db/demo: no DCS; "]);
        assert_eq!(snapshot.configurations[0].node.as_deref(), Some("pg1"));
        let snapshot = check(&[("pg1.json", PG1), configuration], &["db/demo: no DCS; pg1"]);
        assert_eq!(snapshot.clusters[0].taken_at, Some(1_795_403_378.0));
        let group = ("w.yml", "scope: demo\nname: w\ncitus:\n  group: 1\n");
        check(&[group], &["service/demo/1: no DCS; "]);
    }

    #[test]
    fn old_releases_do_not_tell_the_members_name() {
        let answer = PG1.replace(", \"name\": \"pg1\"", "");
        let answer = answer.as_str();
        check(&[("rest/pg7/patroni.json", answer)], &["service/demo: no DCS; pg7"]);
        check(&[("pg7.json", answer)], &["service/demo: no DCS; pg7"]);
        check(&[("patroni-pg7.json", answer)], &["service/demo: no DCS; pg7"]);
        check(&[("pg7.patroni.json", answer)], &["service/demo: no DCS; pg7"]);
        check(&[("x/answer.json", answer), ("x/dump", DEMO)], &["service/demo: leader members/pg1; pg1"]);
        let unnamed = "patroni.json: it does not tell which member answered; name the file or its directory after it";
        assert_eq!(problems(&[("patroni.json", answer)]), [unnamed]);
    }

    #[test]
    fn what_names_no_cluster_belongs_to_the_nearest() {
        let other = DEMO.replace("demo", "other").replace("pg1", "pg2");
        let silent = r#"{"pg3": {"/patroni": {"status": null, "error": "refused"}}}"#;
        let files = [
            ("a/dcs/dump.json", DEMO),
            ("b/dcs/dump.json", other.as_str()),
            ("b/rest/status.json", silent),
            ("a/patronictl/version.txt", "patronictl version 4.0.5\n"),
        ];
        let snapshot =
            check(&files, &["service/demo: leader members/pg1; ", "service/other: leader members/pg2; pg3 (refused)"]);
        assert_eq!(snapshot.clusters[0].patronictl_version.as_deref(), Some("4.0.5"));
        assert_eq!(snapshot.clusters[1].patronictl_version, None);
        assert_eq!(
            problems(&[files[0], files[1], ("status.json", silent)]),
            ["status.json: it does not tell which cluster the silent member pg3 belongs to"]
        );
    }

    #[test]
    fn members_of_citus_go_to_their_group() {
        let dump = r#"{"/service/demo/0/members/pg1": {}, "/service/demo/1/members/pg2": {}}"#;
        let pg2 = PG1.replace("pg1", "pg2");
        check(
            &[("dump", dump), ("pg1.json", PG1), ("pg2.json", &pg2)],
            &["service/demo/0: members/pg1; pg1", "service/demo/1: members/pg2; pg2"],
        );
    }

    #[test]
    fn an_empty_dump_is_that_of_the_only_cluster() {
        let empty = ("etcd.json", r#"{"header":{"cluster_id":1,"revision":7}}"#);
        check(&[empty, ("pg1.json", PG1)], &["service/demo: ; pg1"]);
        assert_eq!(problems(&[empty]), ["etcd.json: it holds no keys; was the prefix right?"]);
        assert_eq!(problems(&[empty, ("dump", DEMO)]), ["etcd.json: it holds no keys; was the prefix right?"]);
    }

    #[test]
    fn names_alone_are_used_for_nothing() {
        let names = ("b/names.txt", "/service/demo/leader\n\n/service/demo/sync\n\n");
        assert_eq!(problems(&[names]), ["b/names.txt: it names keys without their values (--keys-only)"]);
        let snapshot = check(&[names, ("a/dump", DEMO)], &["service/demo: leader members/pg1; "]);
        assert_eq!(snapshot.skipped[0].reason, "it names keys without their values");
    }

    #[test]
    fn views_replace_a_missing_dump() {
        let cluster = ("rest/pg1/cluster.json", r#"{"members": [{"name": "pg1", "role": "leader"}], "scope": "demo"}"#);
        let config = ("rest/pg1/config.json", r#"{"ttl": 30}"#);
        let snapshot = check(&[cluster, config], &["service/demo: no DCS; "]);
        let views = &snapshot.clusters[0].views;
        assert_eq!(views.keys().copied().collect::<Vec<_>>(), [ViewKind::Cluster, ViewKind::Config]);
        let ttl = views[&ViewKind::Config].tree.get("ttl").expect("it is there");
        assert_eq!(snapshot.sources.get(ttl.span.source).slice(ttl.span.start, ttl.span.end), "30");
        let snapshot = check(&[cluster, config, ("dump", DEMO)], &["service/demo: leader members/pg1; "]);
        assert!(snapshot.clusters[0].views.is_empty());
        assert_eq!(snapshot.skipped.len(), 2);
    }

    #[test]
    fn contradictions_name_both_files() {
        let error =
            |one: &str, two: &str| assemble(&[("a/1", one), ("b/2", two)]).expect_err("they differ").to_string();
        assert_eq!(
            error(DEMO, &DEMO.replace("\"pg1\"", "\"pg2\"")),
            "a/1 and b/2 contradict each other: /service/demo/leader differs"
        );
        assert_eq!(
            error(PG1, &PG1.replace("4.1.5", "4.0.5")),
            "a/1 and b/2 contradict each other: the answer of member pg1 of cluster demo differs"
        );
        check(&[("a/1", DEMO), ("b/2", DEMO), ("a/3", PG1), ("b/4", PG1)], &["service/demo: leader members/pg1; pg1"]);
    }

    #[test]
    fn a_broken_configuration_keeps_its_error_and_place() {
        let snapshot = assemble(&[("config/pg1/patroni.yml", "scope: demo\nname: [\n")]).expect("a rule reports it");
        let configuration = &snapshot.configurations[0];
        let error = configuration.error.as_ref().expect("it is broken");
        assert_eq!((error.span.source, configuration.node.as_deref()), (configuration.source, Some("pg1")));
        assert!(configuration.document.is_none());
    }

    #[test]
    fn a_file_that_the_user_named_must_be_understood() {
        let file = RawFile { name: "README".to_owned(), bytes: b"Read me".to_vec(), named: true, unread: None };
        let error = Snapshot::assemble(vec![file]).expect_err("it is nothing of ours").to_string();
        assert_eq!(error, "cannot understand README: it is text, which is none of the known forms");
        let error = assemble(&[("README", "Read me")]).expect_err("there is nothing else").to_string();
        assert_eq!(error, "none of the inputs tells anything about a Patroni cluster");
    }

    #[test]
    fn values_that_are_not_text_are_a_problem_only_in_patronis_keys() {
        let dump = |path: &str| {
            use base64::Engine as _;
            let key = base64::engine::general_purpose::STANDARD.encode(path);
            let leader = base64::engine::general_purpose::STANDARD.encode("/service/demo/leader");
            format!(
                r#"{{"header":{{"cluster_id":1}},"kvs":[{{"key":"{key}","value":"/w=="}},{{"key":"{leader}","value":"cGcx"}}]}}"#
            )
        };
        assert!(problems(&[("dump", &dump("/registry/pods/a"))]).is_empty());
        assert_eq!(
            problems(&[("dump", &dump("/service/demo/sync"))]),
            ["dump: the value of /service/demo/sync is not UTF-8 at byte 0"]
        );
    }

    #[test]
    fn secrets_stay_inside() {
        let config =
            r#"{"/service/demo/config": {"postgresql": {"authentication": {"superuser": {"password": "hunter2"}}}}}"#;
        let yaml = "scope: demo\npostgresql:\n  authentication:\n    superuser:\n      password: hunter2\n";
        let broken = "scope: demo\nname: [\nrestapi:\n  password: hunter2\n";
        let snapshot = assemble(&[("dump", config), ("pg1.yml", yaml), ("pg2.yml", broken)]).expect("it is sound");
        assert_eq!(snapshot.configurations.len(), 2);
        assert!(!format!("{snapshot:?}").contains("hunter2"));
        assert!(snapshot.sources.iter().all(|(_, source)| !source.text.contains("hunter2")));
    }
}
