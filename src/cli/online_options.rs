//! Looking at a live cluster.

use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use patrolint::capture::{Picture, Progress, Scale, Target, take};
use patrolint::input::online;
use patrolint::input::online::settings::{Dcs, Limits};
use patrolint::model::config::connection;

use crate::cli::Failure;
use crate::cli::configuration_options::ConfigurationOptions;

/// Options of every command that can look at a live cluster.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Live cluster")]
pub struct OnlineOptions {
    /// Read the live cluster that the configuration of -c leads to, its DCS and its REST APIs; nothing is changed
    #[arg(long)]
    pub online: bool,

    /// The DCS in place of the configuration's, as patronictl takes it: etcd3://HOST:PORT/NAMESPACE; implies --online
    #[arg(long, visible_alias = "dcs-url", value_name = "URL")]
    pub dcs: Option<String>,

    /// Look at every cluster below the namespace
    #[arg(long, conflicts_with = "scope")]
    pub all_scopes: bool,

    /// Trust any certificate of the DCS and the REST APIs
    #[arg(short = 'k', long)]
    pub insecure: bool,

    /// Ask etcd through gRPC instead of its JSON gateway, which Patroni uses
    #[arg(long)]
    pub grpc: bool,

    /// Wait for the DCS at most this long
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub dcs_timeout: Duration,

    /// Wait for a member's answer at most this long; Patroni itself waits 2 seconds
    #[arg(long, value_name = "SECONDS", default_value = "2", value_parser = seconds)]
    pub rest_timeout: Duration,
}

/// A positive number of seconds, at most a day.
pub fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "a number of seconds is needed".to_owned())?;
    match 0.0 < seconds && seconds <= 86_400.0 {
        true => Ok(Duration::from_secs_f64(seconds)),
        false => Err("more than 0 and at most 86400 seconds are needed".to_owned()),
    }
}

impl OnlineOptions {
    /// Whether a live cluster is asked for.
    pub fn is_asked(&self) -> bool {
        self.online || self.dcs.is_some()
    }

    /// Takes a picture of the cluster, and tells on standard error what did not work.
    ///
    /// # Errors
    ///
    /// The options and the configuration lead nowhere, or nothing answers there.
    pub fn take(
        &self,
        configuration: &ConfigurationOptions,
        scope: Option<&str>,
        scale: Scale,
    ) -> Result<Picture, Failure> {
        let target = self.target(configuration, scope, scale)?;
        let bar = Bar::new();
        let picture = online::run(take(&target, &bar))?;
        bar.0.finish_and_clear();
        let picture = picture?;
        for failure in &picture.failures {
            Failure::new(failure).warn();
        }
        Ok(picture)
    }

    fn target(
        &self,
        configuration: &ConfigurationOptions,
        scope: Option<&str>,
        scale: Scale,
    ) -> Result<Target, Failure> {
        if !configuration.is_given() && self.dcs.is_none() {
            return Err(Failure::new("--online needs to know where the cluster is")
                .with_help("name Patroni's or patronictl's configuration with -c, or the DCS with --dcs"));
        }
        let (files, environment) = configuration.read()?;
        let mut connection = connection::read(&files, environment.as_ref(), self.dcs.as_deref())?;
        if self.insecure {
            connection.trust_any();
        }
        match &mut connection.dcs {
            Dcs::Etcd3(etcd) => etcd.grpc = self.grpc,
            _ if self.grpc => return Err(Failure::new("--grpc is for etcd with the API v3 alone")),
            _ => {}
        }
        let scope = match (self.all_scopes, scope.map(str::to_owned).or(connection.scope)) {
            (true, _) => None,
            (false, Some(scope)) => Some(scope),
            (false, None) => {
                return Err(Failure::new("nothing tells which cluster to look at")
                    .with_help("name it with --scope, or take all below the namespace with --all-scopes"));
            }
        };
        let limits = Limits { dcs: self.dcs_timeout, rest_api: self.rest_timeout, ..Limits::default() };
        Ok(Target {
            dcs: connection.dcs,
            namespace: connection.namespace,
            scope,
            rest_api: connection.rest_api,
            own_api_url: connection.own_api_url,
            limits,
            scale,
        })
    }
}

/// Shows on a terminal how many members have answered; nothing elsewhere.
struct Bar(ProgressBar);

impl Bar {
    fn new() -> Self {
        let style = ProgressStyle::with_template("{msg} {pos}/{len}").expect("the template is sound");
        Self(ProgressBar::new(0).with_style(style).with_message("asking members"))
    }
}

impl Progress for Bar {
    fn members(&self, done: usize, all: usize) {
        self.0.set_length(all as u64);
        self.0.set_position(done as u64);
    }
}
