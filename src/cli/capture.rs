//! `patrolint capture`

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};

use clap::Args;
use patrolint::capture::{Picture, Scale, bundle, redacted_configuration};
use patrolint::input::{RawFile, offline};
use patrolint::model::snapshot::Snapshot;
use patrolint::parse::secrets;

use crate::cli::configuration_options::ConfigurationOptions;
use crate::cli::online_options::OnlineOptions;
use crate::cli::{Exit, Failure};

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct Arguments {
    /// The file to write; - is standard output
    #[arg(short, long, value_name = "FILE", help_heading = "Output")]
    output: String,

    /// The cluster to look at; default: the configuration's
    #[arg(long, value_name = "NAME", help_heading = "Live cluster")]
    scope: Option<String>,

    #[command(flatten)]
    configuration: ConfigurationOptions,

    #[command(flatten)]
    online: OnlineOptions,

    /// Also keep the files of this directory, Patroni's logs, with whatever looks like a secret hidden
    #[arg(long, value_name = "DIR", help_heading = "Live cluster")]
    include_logs: Option<String>,
}

const AFTER_HELP: &str = "\
The file is a tar archive, compressed with zstd. For each cluster it holds the keys of the DCS, what the
servers of the DCS tell of themselves, the members' answers, the configuration of -c, and capture.json:
what was read, from where, when, what failed, and the sums of the files.

Exit codes:
  0  all that was asked for is in the file
  1  the file is written, but something did not answer; it is told, and stands in capture.json
  2  wrong usage, nothing answers, or the file cannot be written

Examples:
  patrolint capture -c /etc/patroni.yml -o demo.tar.zst
  patrolint capture --dcs etcd3://10.0.0.1:2379 --scope demo -o demo.tar.zst
  patrolint predict switchover --candidate pg2 demo.tar.zst";

/// Takes a picture and writes it.
pub fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    if arguments.output == "-" && io::stdout().is_terminal() {
        return Err(Failure::new("a bundle is no text for a terminal").with_help("name a file with -o"));
    }
    let mut picture = arguments.online.take(&arguments.configuration, arguments.scope.as_deref(), Scale::Everything)?;
    if let Some(file) = configuration(&arguments.configuration, &picture)? {
        picture.files.push(file);
    }
    if let Some(folder) = &arguments.include_logs {
        picture.files.extend(logs(folder)?);
    }
    let mut out = Vec::new();
    let count = picture.files.len();
    bundle::write(picture.files, picture.taken_at, &mut out).expect("writing to memory does not fail");
    write(&arguments.output, &out)?;
    if arguments.output != "-" {
        let _ = writeln!(io::stderr(), "{}: {count} files, {} KiB", arguments.output, out.len().div_ceil(1024));
    }
    Ok(if picture.failures.is_empty() { Exit::Clean } else { Exit::Findings })
}

/// The configuration of a node that `-c` names, secrets hidden, in the folder of its cluster.
///
/// One of several files is left out: as they lie in an archive nothing tells that they are parts of one.
fn configuration(options: &ConfigurationOptions, picture: &Picture) -> Result<Option<RawFile>, Failure> {
    let (mut files, _) = options.read()?;
    let (Some(file), true) = (files.pop(), files.is_empty()) else { return Ok(None) };
    let bytes = redacted_configuration(&file.bytes).into_bytes();
    let read = Snapshot::default().read_configuration(file);
    if read.document.as_ref().is_none_or(|document| document.get("postgresql").is_none()) {
        return Ok(None);
    }
    let folders: BTreeSet<&str> = picture.files.iter().filter_map(|file| Some(file.name.split_once('/')?.0)).collect();
    let own = |folder: &&&str| read.scope.as_deref() == Some(**folder);
    let folder = folders.iter().find(own).or_else(|| folders.first()).copied().unwrap_or_default();
    let node = read.node.as_deref().unwrap_or("node").replace(['/', '\\'], "_");
    Ok(Some(RawFile { name: format!("{folder}/config/{node}/patroni.yml"), bytes, ..RawFile::default() }))
}

/// The files of a directory, secrets hidden.
fn logs(folder: &str) -> Result<Vec<RawFile>, Failure> {
    let files = offline::read(std::slice::from_ref(&folder.to_owned()))?;
    let prefix = format!("{}/", folder.trim_end_matches('/'));
    Ok(files
        .into_iter()
        .filter(|file| file.unread.is_none())
        .map(|file| RawFile {
            name: format!("logs/{}", file.name.strip_prefix(&prefix).unwrap_or(&file.name).trim_start_matches('/')),
            bytes: secrets::mask(&String::from_utf8_lossy(&file.bytes), &[]).into_bytes(),
            ..RawFile::default()
        })
        .collect())
}

fn write(name: &str, bytes: &[u8]) -> Result<(), Failure> {
    let written = match name {
        "-" => io::stdout().lock().write_all(bytes),
        name => File::create(name).and_then(|file| {
            let mut file = BufWriter::new(file);
            file.write_all(bytes)?;
            file.flush()
        }),
    };
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(|error| Failure::new(format!("cannot write {name}: {error}"))),
    }
}
