//! `patrolint diff`

use clap::Args;
use patrolint::decision::change::cluster::cluster_changes;
use patrolint::input::offline;
use patrolint::input::source_map::SourceId;
use patrolint::model::config::edit::{Edits, edited};
use patrolint::model::snapshot::{ClusterSnapshot, LocalConfiguration, Overlaid, Snapshot};
use patrolint::parse::document::ViewKind;
use patrolint::parse::secrets::{is_secret_key, mask};
use patrolint::parse::tree::Node;
use patrolint::parse::{json as parse_json, yaml};
use patrolint::report::diff::{Report, json, text};
use patrolint::rules::comparison::compare;
use patrolint::rules::{Options, check};

use crate::cli::configuration_options::TwoConfigurations;
use crate::cli::input_options::{ClusterChoice, InputOptions, PostgresOption};
#[cfg(feature = "online")]
use crate::cli::online_options::OnlineOptions;
use crate::cli::output_options::{Format, OutputOptions};
use crate::cli::rule_options::{FailOn, RuleOptions};
use crate::cli::{Exit, Failure};

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct Arguments {
    /// The cluster or node as it is: a file, a directory, or - for standard input; may be left out where -c or --online tells it
    #[arg(value_name = "BEFORE")]
    before: Option<String>,

    /// The same with the change; what it does not hold is as in BEFORE
    #[arg(value_name = "AFTER")]
    after: Option<String>,

    #[command(flatten)]
    edit: EditOptions,

    #[command(flatten)]
    choice: ClusterChoice,

    #[command(flatten)]
    configurations: TwoConfigurations,

    #[cfg(feature = "online")]
    #[command(flatten)]
    online: OnlineOptions,

    #[command(flatten)]
    postgres: PostgresOption,

    #[command(flatten)]
    output: OutputOptions,

    /// Exit with 1 when a finding that appears is at least this bad
    #[arg(long, value_enum, value_name = "SEVERITY", default_value_t = FailOn::Error, help_heading = "Judgement")]
    fail_on: FailOn,

    #[command(flatten)]
    rules: RuleOptions,
}

/// Changes of the dynamic configuration, as patronictl edit-config takes them.
#[derive(Debug, Args)]
#[command(next_help_heading = "Change, as for patronictl edit-config")]
struct EditOptions {
    /// Set a key of the dynamic configuration, for example ttl=20; null removes it; may be repeated
    #[arg(short, long, value_name = "KEY=VALUE", conflicts_with = "after")]
    set: Vec<String>,

    /// Set a parameter of PostgreSQL: -p work_mem=8MB is -s postgresql.parameters.work_mem=8MB
    #[arg(short = 'p', long = "pg", value_name = "KEY=VALUE", conflicts_with = "after")]
    parameter: Vec<String>,

    /// Put the settings of a file over the dynamic configuration
    #[arg(long, value_name = "FILE", conflicts_with = "after")]
    apply: Option<String>,

    /// Replace the dynamic configuration by a file
    #[arg(long, value_name = "FILE", conflicts_with = "after")]
    replace: Option<String>,
}

const AFTER_HELP: &str = "\
Parts:
  AFTER may be a part of BEFORE: the new patroni.yml of one node, or of several in a directory, a
  dump of /config, or the dynamic configuration as patronictl show-config prints it. The change can
  also be told as to patronictl edit-config; --replace takes what AFTER does not recognise.

One node:
  -c and --env-file are those of \"patrolint check\". Given twice, they tell one node before and
  after; given once, they hold for both. An empty file is an empty environment.
  A reload makes Patroni read its files again, but never its environment.

Live cluster:
  With --online the running cluster is BEFORE, and a PATH alone is AFTER. Nothing is changed in it.

Exit codes:
  0  no finding at or above --fail-on appears
  1  one does, or Patroni does not take the new configuration
  2  wrong usage, or an input that cannot be read or understood
  3  nothing could be compared

Examples:
  patrolint diff patroni.yml patroni.yml.new
  patrolint diff capture/ --set synchronous_mode=quorum
  patrolint diff -c /etc/patroni.d -c new.d --env-file /etc/default/patroni dump.json
  patrolint diff -c patroni.yml --env-file /etc/default/patroni --env-file patroni.env.new
  patrolint diff --online -c /etc/patroni.yml --set ttl=20
  patrolint diff --online -c /etc/patroni.yml patroni.yml.new
  patrolint diff --fail-on warning dump.json --pg max_connections=500";

/// Compares, and prints the report.
pub fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let (first, second) = arguments.paths()?;
    let input = arguments.input(first)?;
    let version = arguments.choice.one_release()?;
    let (mut before, named) = input.load_named(None)?;
    let named = named.map(|index| only_of_its_node(&mut before, index, first)).transpose()?;
    let newer = second.map(|path| arguments.choice.load_change(path)).transpose()?.unwrap_or_default();
    let mut after = before.overlaid(&newer)?;
    arguments.configurations.change(&mut after, &before, named, version)?;
    let edit = match second {
        Some(path) => is_dynamic_alone(&newer).then(|| format!("--replace {}", quoted(path))),
        None if arguments.edit.is_given() => {
            arguments.edit.carry_out(&mut after)?;
            Some(arguments.edit.command())
        }
        None => None,
    };
    let postgres = arguments.postgres.postgres_version;
    let registry = arguments.rules.registry()?;
    let options = Options { patroni_version: version.map(|version| version.to_string()), postgres_version: postgres };
    let cluster = cluster_changes(&before, &after, version, postgres);
    cluster.settle(&mut after);
    let judged = |snapshot: &Snapshot| check(&registry, snapshot, &options);
    let (judged_before, judged_after) = (judged(&before), judged(&after.snapshot));
    let findings = compare((&before, &judged_before), (&after.snapshot, &judged_after));
    let names = arguments.names(first, second);
    let report = Report::new(names, &before, &after, cluster, findings, edit.as_deref());
    let mut out = Vec::new();
    let written = match arguments.output.format {
        Format::Text => text::write(&report, arguments.output.look(), &mut out),
        Format::Json => json::write(&report, &mut out),
    };
    written.expect("writing to memory does not fail");
    arguments.output.deliver(&out)?;
    let fails = arguments.fail_on.threshold().is_some_and(|severity| report.reaches(severity));
    Ok(if fails || report.is_refused() {
        Exit::Findings
    } else if report.is_uncompared() {
        Exit::Unjudged
    } else {
        Exit::Clean
    })
}

/// Drops what BEFORE, a capture say, also holds of the node whose configuration is given with `-c`; gives back where that is then.
fn only_of_its_node(before: &mut Snapshot, named: usize, path: Option<&str>) -> Result<usize, Failure> {
    let LocalConfiguration { node, scope, .. } = before.configurations[named].clone();
    let is_known = |known: &LocalConfiguration| node.is_some() && known.node == node && known.scope == scope;
    let mut kept = Vec::new();
    let mut place = named;
    for (index, known) in std::mem::take(&mut before.configurations).into_iter().enumerate() {
        if index == named {
            place = kept.len();
        } else if is_known(&known) {
            let file = &before.sources.get(known.source).name;
            if path == Some(file) {
                let node = node.as_deref().unwrap_or_default();
                return Err(Failure::new(format!("{file} is a configuration of {node}, and so is that of -c"))
                    .with_help("give it before and after with -c: -c OLD -c NEW"));
            }
            continue;
        }
        kept.push(known);
    }
    before.configurations = kept;
    Ok(place)
}

impl Arguments {
    /// BEFORE and AFTER: one path by itself is what nothing else tells.
    fn paths(&self) -> Result<(Option<&str>, Option<&str>), Failure> {
        let tells_before = self.configurations.name_one() || self.is_live();
        let tells_change = self.configurations.tell_change() || self.edit.is_given();
        match (self.before.as_deref(), self.after.as_deref()) {
            (None, _) if !tells_before && !self.configurations.tell_change() => {
                Err(Failure::new("no input: name what to compare, BEFORE and AFTER")
                    .with_help("BEFORE is a file or directory, a node's configuration (-c), or the live cluster (--online)"))
            }
            (Some(path), None) if tells_before && !tells_change => Ok((None, Some(path))),
            (_, None) if !tells_change => Err(Failure::new("nothing tells the change").with_help(
                "name AFTER, give -c or --env-file a second time, or tell the change with --set, --pg, --apply or --replace",
            )),
            paths => Ok(paths),
        }
    }

    fn is_live(&self) -> bool {
        #[cfg(feature = "online")]
        return self.online.is_asked();
        #[cfg(not(feature = "online"))]
        return false;
    }

    /// What is read of the first side.
    fn input(&self, before: Option<&str>) -> Result<InputOptions, Failure> {
        Ok(InputOptions {
            paths: before.map(str::to_owned).into_iter().collect(),
            choice: self.choice.clone(),
            configuration: self.configurations.before()?,
            #[cfg(feature = "online")]
            online: self.online.clone(),
        })
    }

    /// What the user calls the two sides.
    fn names(&self, before: Option<&str>, after: Option<&str>) -> [String; 2] {
        let [of_before, of_after] = self.configurations.names();
        let live = self.is_live().then_some("the live cluster");
        let edit = self.edit.is_given().then(|| format!("edit-config {}", self.edit.command()));
        let join = |parts: &mut dyn Iterator<Item = &str>| parts.collect::<Vec<_>>().join(", ");
        [
            join(&mut live.into_iter().chain(before).chain(of_before)),
            join(&mut after.into_iter().chain(of_after).chain(edit.as_deref())),
        ]
    }
}

impl EditOptions {
    fn is_given(&self) -> bool {
        !self.set.is_empty() || !self.parameter.is_empty() || self.apply.is_some() || self.replace.is_some()
    }

    /// Makes the changes.
    fn carry_out(&self, after: &mut Overlaid) -> Result<(), Failure> {
        let before = &after.snapshot;
        let with_dynamic: Vec<usize> =
            (0..before.clusters.len()).filter(|index| dynamic(before, *index).is_some()).collect();
        let [index] = with_dynamic.as_slice() else {
            let scopes: Vec<&str> = with_dynamic.iter().map(|index| before.clusters[*index].scope.as_str()).collect();
            return Err(match scopes.as_slice() {
                [] => Failure::new("the input holds no dynamic configuration to change")
                    .with_help("give a dump of the DCS with the key /config, or what patronictl show-config prints"),
                scopes => Failure::new("the input holds several clusters")
                    .with_help(format!("choose with --scope: {}", scopes.join(", "))),
            });
        };
        let config = dynamic(before, *index).expect("it has just been found");
        let file = |path: &Option<String>| path.as_deref().map(read_yaml).transpose();
        let parameters = self.parameter.iter().map(|pair| format!("postgresql.parameters.{}", pair.trim_start()));
        let edits = Edits {
            replace: file(&self.replace)?,
            apply: file(&self.apply)?,
            set: self.set.iter().cloned().chain(parameters).collect(),
        };
        let text = edited(&config, &edits)?;
        after.snapshot.replace_dynamic(*index, &text);
        after.has_dynamic = true;
        Ok(())
    }

    /// The same as arguments of patronictl edit-config, secrets masked.
    fn command(&self) -> String {
        let files = [("--replace", &self.replace), ("--apply", &self.apply)];
        let files = files.into_iter().filter_map(|(option, file)| Some((option, file.clone()?)));
        let pairs = self.set.iter().map(|pair| ("-s", masked(pair)));
        let parameters = self.parameter.iter().map(|pair| ("-p", masked(pair)));
        let all = files.chain(pairs).chain(parameters).map(|(option, value)| format!("{option} {}", quoted(&value)));
        all.collect::<Vec<_>>().join(" ")
    }
}

/// As a word of a shell.
fn quoted(text: &str) -> String {
    let is_plain = |letter: char| letter.is_alphanumeric() || "=._-/:,*".contains(letter);
    match text.chars().all(is_plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', "'\\''")),
    }
}

/// Whether an input is a dynamic configuration and nothing else.
fn is_dynamic_alone(snapshot: &Snapshot) -> bool {
    let is_view = |cluster: &ClusterSnapshot| {
        cluster.dcs.is_none() && cluster.rest.is_empty() && cluster.views.contains_key(&ViewKind::Config)
    };
    snapshot.configurations.is_empty() && matches!(snapshot.clusters.as_slice(), [only] if is_view(only))
}

/// `KEY=VALUE` without the value if it is a secret.
fn masked(pair: &str) -> String {
    match pair.split_once('=') {
        Some((key, _)) if key.split('.').any(is_secret_key) => format!("{key}=***"),
        _ => mask(pair, &[]),
    }
}

/// The dynamic configuration of a cluster with its secrets, which are to be written again; nothing prints it.
fn dynamic(snapshot: &Snapshot, cluster: usize) -> Option<Node> {
    let cluster = &snapshot.clusters[cluster];
    match &cluster.dcs {
        Some(dcs) => {
            let key = dcs.keys.get("config")?;
            parse_json::parse(SourceId(u32::MAX), &key.value.0).ok().or_else(|| key.json.clone())
        }
        None => cluster.views.get(&ViewKind::Config).map(|view| view.tree.clone()),
    }
}

fn read_yaml(path: &str) -> Result<Node, Failure> {
    let files = offline::read_configuration(path)?;
    let [file] = files.as_slice() else { return Err(Failure::new(format!("cannot read {path}: it is a directory"))) };
    let source = SourceId(u32::MAX);
    let tree = yaml::decode(source, &file.bytes).and_then(|text| yaml::parse(source, text));
    tree.map_err(|error| Failure::new(format!("cannot read {path}: it is no YAML: {}", error.message)))
}
