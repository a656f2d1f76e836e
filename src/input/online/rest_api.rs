//! The members' REST APIs.

use crate::input::online::OnlineError;
use crate::input::online::http::{Answer, Http, basic, endpoint};
use crate::input::online::settings::{Limits, RestApi};

/// Asks members, with the settings that patronictl would use.
#[derive(Clone, Debug)]
pub struct Members {
    http: Http,
    settings: RestApi,
}

impl Members {
    /// # Errors
    ///
    /// A file that the settings name is of no use.
    pub fn new(settings: &RestApi, limits: Limits) -> Result<Self, OnlineError> {
        let http = Http::new(&settings.tls, limits.rest_api, limits.answer_bytes)?;
        Ok(Self { http, settings: settings.clone() })
    }

    /// `GET` of a path such as `/config` at the place that `api_url` of a member names; `None`: of that very URL.
    ///
    /// Credentials go along as Patroni sends them. A redirection is not followed, and is no answer: neither is it to Patroni.
    ///
    /// Source: patroni/request.py, `PatroniRequest`; patroni/ha.py, `Ha.fetch_node_status`, 4.1.5.
    ///
    /// # Errors
    ///
    /// No answer in time, too large a one, or a redirection.
    pub async fn get(&self, api_url: &str, path: Option<&str>) -> Result<Answer, OnlineError> {
        let url = match (path, reqwest::Url::parse(api_url)) {
            (None, _) => api_url.to_owned(),
            (Some(path), Ok(mut url)) => {
                url.set_path(path);
                url.set_query(None);
                url.to_string()
            }
            (Some(_), Err(_)) => return Err(OnlineError::Settings("its api_url is no URL".to_owned())),
        };
        let answer = self.http.get(&url, basic(self.settings.credentials.as_ref())).await?;
        match answer.status {
            300..=399 => {
                let reason = format!("it redirects (HTTP {}), which Patroni does not follow", answer.status);
                Err(OnlineError::Server { endpoint: endpoint(&url), reason })
            }
            _ => Ok(answer),
        }
    }
}
