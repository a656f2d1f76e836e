//! Kubernetes' API, as Patroni's section `kubernetes` uses it: lists of objects, as they are.

use std::cell::RefCell;
use std::error::Error;

use http_body_util::{BodyExt, Limited};
use jiff::fmt::rfc2822;
use kube::api::ListParams;
use kube::client::{AuthError, Body};
use kube::config::{KubeConfigOptions, KubeconfigError};
use kube::core::Request;
use kube::{Client, Config};
use serde_json::Value;

use crate::input::dcs_server::DcsServer;
use crate::input::online::OnlineError;
use crate::input::online::clock::{self, Stopwatch};
use crate::input::online::http::{self, endpoint as shown};
use crate::input::online::settings::{Kubernetes as Settings, Limits};

/// The context of a kubeconfig if the configuration names none.
///
/// Source: patroni/dcs/kubernetes.py, `Kubernetes.__init__`, 4.1.5.
const CONTEXT: &str = "kind-kind";

/// Lists the objects of clusters.
pub struct Kubernetes {
    settings: Settings,
    limits: Limits,
    /// The address of the API, and the client that asks it.
    client: RefCell<Option<(String, Client)>>,
}

/// What the API answered.
#[derive(Clone, Debug)]
pub struct Lists {
    /// The address of the API.
    pub endpoint: String,
    /// JSON: the list of pods, and that of Endpoints or ConfigMaps, which was read first.
    pub texts: [String; 2],
    /// The API server's time, or ours if it does not tell, in seconds since 1970.
    pub now: f64,
}

/// One answer.
struct Answer {
    text: String,
    now: Option<f64>,
}

impl Kubernetes {
    /// Asks nothing yet.
    pub fn new(settings: &Settings, limits: Limits) -> Self {
        http::use_ring();
        Self { settings: settings.clone(), limits, client: RefCell::default() }
    }

    /// The objects of a cluster; `None`: of every cluster in the namespace.
    ///
    /// The lists are read one after the other, each as a majority of the servers has it: no request reads both at once.
    ///
    /// # Errors
    ///
    /// No way leads to the API, it does not answer in time, or not to us.
    pub async fn lists(&self, scope: Option<&str>) -> Result<Lists, OnlineError> {
        let asked = async {
            let kind = if self.settings.use_endpoints { "endpoints" } else { "configmaps" };
            let kinds = self.list(kind, scope).await?;
            let pods = self.list("pods", scope).await?;
            let now = pods.now.or(kinds.now).unwrap_or_else(clock::now);
            Ok(Lists { endpoint: self.endpoint(), texts: [pods.text, kinds.text], now })
        };
        match tokio::time::timeout(self.limits.dcs, asked).await {
            Ok(answer) => answer,
            Err(_) => Err(OnlineError::no_answer(&self.endpoint(), self.limits.dcs)),
        }
    }

    /// What the API server tells of itself; which of several it was stays unknown.
    pub async fn server(&self) -> DcsServer {
        let asked = async {
            let watch = Stopwatch::start();
            let client = self.client().await?;
            let version = client.apiserver_version().await.map_err(|error| self.failure(&error))?;
            Ok::<_, OnlineError>((version.git_version, watch.milliseconds()))
        };
        let server = |endpoint| DcsServer { endpoint, ..DcsServer::default() };
        match tokio::time::timeout(self.limits.dcs, asked).await {
            Ok(Ok((version, latency_ms))) => {
                DcsServer { version: Some(version), latency_ms: Some(latency_ms), ..server(self.endpoint()) }
            }
            Ok(Err(OnlineError::Server { reason, .. })) => DcsServer { error: Some(reason), ..server(self.endpoint()) },
            Ok(Err(error)) => DcsServer { error: Some(error.to_string()), ..server(self.endpoint()) },
            Err(_) => DcsServer { error: Some("no answer in time".to_owned()), ..server(self.endpoint()) },
        }
    }

    /// Source: patroni/dcs/kubernetes.py, `ObjectCache._list` and `Kubernetes.__init__`, 4.1.5.
    async fn list(&self, kind: &str, scope: Option<&str>) -> Result<Answer, OnlineError> {
        let labels = self.settings.labels.iter().filter(|(name, _)| *name != self.settings.scope_label);
        let mut selector: Vec<String> = labels.map(|(name, value)| format!("{name}={value}")).collect();
        selector.push(match scope {
            Some(scope) => format!("{}={scope}", self.settings.scope_label),
            None => self.settings.scope_label.clone(),
        });
        let path = format!("/api/v1/namespaces/{}/{kind}", self.settings.namespace);
        let request = Request::new(path).list(&ListParams::default().labels(&selector.join(",")));
        let request = request.map_err(|error| OnlineError::Settings(format!("it cannot be asked for: {error}")))?;
        let client = self.client().await?;
        let answer = client.send(request.map(Body::from)).await.map_err(|error| self.failure(&error))?;
        let status = answer.status().as_u16();
        let date = answer.headers().get("date").and_then(|date| date.to_str().ok());
        let now = date.and_then(|date| Some(rfc2822::parse(date).ok()?.timestamp().as_second() as f64));
        let body = Limited::new(answer.into_body(), self.limits.answer_bytes).collect().await;
        let body = body.map_err(|error| self.failure(error.as_ref()))?.to_bytes();
        let text = String::from_utf8(body.into()).map_err(|_| self.server_error("its answer is not UTF-8"))?;
        match status {
            200 => Ok(Answer { text, now }),
            401 | 403 => Err(OnlineError::Denied { endpoint: self.endpoint(), reason: message(&text, status) }),
            _ => Err(self.server_error(&message(&text, status))),
        }
    }

    async fn client(&self) -> Result<Client, OnlineError> {
        if let Some((_, client)) = self.client.borrow().as_ref() {
            return Ok(client.clone());
        }
        let mut config = self.config().await?;
        config.connect_timeout = Some(self.limits.dcs);
        config.read_timeout = Some(self.limits.dcs);
        let endpoint = shown(&config.cluster_url.to_string());
        let client = Client::try_from(config)
            .map_err(|error| OnlineError::Settings(format!("the kubeconfig is of no use: {}", words(&error))))?;
        self.client.replace(Some((endpoint, client.clone())));
        Ok(client)
    }

    /// The way that a pod is given, else the kubeconfig's.
    ///
    /// Source: patroni/dcs/kubernetes.py, `Kubernetes.__init__`, `K8sConfig.load_incluster_config` and `load_kube_config`, 4.1.5.
    async fn config(&self) -> Result<Config, OnlineError> {
        if let Ok(mut config) = Config::incluster_env() {
            if let Some(authorities) = &self.settings.authorities {
                config.root_cert_file = Some(authorities.into());
            }
            return Ok(config);
        }
        let context = self.settings.context.as_deref().unwrap_or(CONTEXT);
        let options = KubeConfigOptions {
            context: Some(context.to_owned()).filter(|context| !context.is_empty()),
            ..KubeConfigOptions::default()
        };
        Config::from_kubeconfig(&options).await.map_err(|error| {
            let default = match &self.settings.context {
                None => format!(" (kubernetes.context is not set, so that Patroni takes {CONTEXT})"),
                Some(_) => String::new(),
            };
            OnlineError::Settings(format!("the kubeconfig is of no use: {}{default}", words(&error)))
        })
    }

    fn endpoint(&self) -> String {
        self.client.borrow().as_ref().map_or_else(|| "Kubernetes".to_owned(), |(endpoint, _)| endpoint.clone())
    }

    fn failure(&self, error: &(dyn Error + 'static)) -> OnlineError {
        self.server_error(&words(error))
    }

    fn server_error(&self, reason: &str) -> OnlineError {
        OnlineError::Server { endpoint: self.endpoint(), reason: reason.to_owned() }
    }
}

/// What is wrong, without what a kubeconfig holds or a program for credentials writes, which the errors show.
fn words(error: &(dyn Error + 'static)) -> String {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(KubeconfigError::Parse(error)) = error.downcast_ref() {
            let text = error.to_string();
            let place = text.split(": ").find(|part| part.starts_with("line "));
            return format!("it cannot be parsed{}", place.map(|place| format!(", {place}")).unwrap_or_default());
        }
        match error.downcast_ref() {
            Some(AuthError::AuthExecRun { out, .. }) => {
                return format!("the program that gives credentials fails ({})", out.status);
            }
            Some(AuthError::AuthExecStart(error)) => {
                return format!("the program that gives credentials cannot be started: {}", http::innermost(error));
            }
            Some(AuthError::ReadTokenFile(error, path)) => {
                return format!("cannot read {}: {}", path.display(), http::innermost(error));
            }
            Some(_) => return "its credentials are of no use".to_owned(),
            None => cause = error.source(),
        }
    }
    http::innermost(error)
}

/// What the API says, cut short.
fn message(text: &str, status: u16) -> String {
    let body: Value = serde_json::from_str(text).unwrap_or_default();
    match body["message"].as_str() {
        Some(message) => message.chars().filter(|character| !character.is_control()).take(300).collect(),
        None => format!("HTTP status {status}"),
    }
}
