//! HTTP as the readers need it: no redirects, no proxies, every answer bounded in time and size, errors without secrets.

use std::error::Error;
use std::fs;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Certificate, Client, Identity, Method, RequestBuilder, redirect};

use crate::input::online::OnlineError;
use crate::input::online::clock::{self, Stopwatch};
use crate::input::online::settings::{Credentials, Tls};

/// What a server answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, whole.
    pub body: Vec<u8>,
    /// How long it took, in milliseconds.
    pub latency_ms: u64,
}

/// Sends requests with the same settings.
#[derive(Clone, Debug)]
pub struct Http {
    client: Client,
    timeout: Duration,
    answer_bytes: usize,
}

impl Http {
    /// With these settings of TLS; `timeout` is for a request and its whole answer.
    ///
    /// # Errors
    ///
    /// A file that the settings name is of no use.
    pub fn new(tls: &Tls, timeout: Duration, answer_bytes: usize) -> Result<Self, OnlineError> {
        use_ring();
        let mut builder = Client::builder()
            .redirect(redirect::Policy::none())
            .no_proxy()
            .timeout(timeout)
            .connect_timeout(timeout)
            .user_agent(concat!("patrolint/", env!("CARGO_PKG_VERSION")))
            .tls_danger_accept_invalid_certs(tls.insecure)
            .tls_danger_accept_invalid_hostnames(tls.insecure || tls.any_name);
        if let Some(name) = &tls.authorities {
            let certificates = Certificate::from_pem_bundle(&read(name)?).map_err(|error| of_no_use(name, &error))?;
            if certificates.is_empty() {
                return Err(OnlineError::File { name: name.clone(), reason: "it holds no certificate".to_owned() });
            }
            builder = builder.tls_certs_only(certificates);
        }
        if let Some(name) = &tls.certificate {
            builder = builder.identity(identity(name, tls)?);
        }
        let client = builder.build().map_err(|error| OnlineError::Settings(reason(&error)))?;
        Ok(Self { client, timeout, answer_bytes })
    }

    /// `GET`
    ///
    /// # Errors
    ///
    /// No answer in time, or too large a one. Any status is an answer.
    pub async fn get(&self, url: &str, headers: HeaderMap) -> Result<Answer, OnlineError> {
        self.send(url, self.client.request(Method::GET, url).headers(headers)).await
    }

    /// `POST` of JSON, which the readers use only where an API asks so for reading.
    ///
    /// # Errors
    ///
    /// As [`Http::get`].
    pub async fn post(&self, url: &str, headers: HeaderMap, body: &serde_json::Value) -> Result<Answer, OnlineError> {
        let request = self.client.request(Method::POST, url).headers(headers);
        self.send(url, request.header("content-type", "application/json").body(body.to_string())).await
    }

    async fn send(&self, url: &str, request: RequestBuilder) -> Result<Answer, OnlineError> {
        let watch = Stopwatch::start();
        let failed = |error: reqwest::Error| match error.is_timeout() {
            true => OnlineError::no_answer(url, self.timeout),
            false => OnlineError::Server { endpoint: endpoint(url), reason: reason(&error) },
        };
        let mut response = request.send().await.map_err(failed)?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if self.answer_bytes < body.len() + chunk.len() {
                let reason = format!("its answer is larger than {} bytes", self.answer_bytes);
                return Err(OnlineError::Server { endpoint: endpoint(url), reason });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status, headers, body, latency_ms: watch.milliseconds() })
    }
}

/// Makes ring the cryptography of TLS, for every client.
pub fn use_ring() {
    // The only error is that there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// The header of basic authentication.
pub fn basic(credentials: Option<&Credentials>) -> HeaderMap {
    use base64::Engine as _;
    let mut headers = HeaderMap::new();
    if let Some(Credentials { user, password }) = credentials {
        let pair = format!("{user}:{}", password.expose());
        let text = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair));
        headers.insert(AUTHORIZATION, secret(&text));
    }
    headers
}

/// A header that no output shows; empty if the text cannot be sent.
pub fn secret(text: &str) -> HeaderValue {
    let mut value = HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""));
    value.set_sensitive(true);
    value
}

/// How far the server's clock is ahead of ours, in seconds.
pub fn clock_ahead(answer: &Answer) -> Option<i64> {
    let date = answer.headers.get("date")?.to_str().ok()?;
    let theirs = jiff::fmt::rfc2822::parse(date).ok()?.timestamp().as_second();
    Some(theirs - clock::now() as i64)
}

/// A URL as it may be shown: without user, password, query and path.
pub fn endpoint(url: &str) -> String {
    let Ok(parsed) = reqwest::Url::parse(url) else { return "an address that is no URL".to_owned() };
    match (parsed.host_str(), parsed.port()) {
        (Some(host), Some(port)) => format!("{}://{host}:{port}", parsed.scheme()),
        (Some(host), None) => format!("{}://{host}", parsed.scheme()),
        (None, _) => format!("{}:", parsed.scheme()),
    }
}

/// An error's innermost cause, which is what people can act on; never the URL.
fn reason(error: &reqwest::Error) -> String {
    // A cause that is no error of reqwest itself holds no URL; reqwest's own may.
    match error.source() {
        None => "the request cannot be sent".to_owned(),
        Some(cause) => innermost(cause),
    }
}

/// The text of an error's innermost cause.
pub fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    let text = innermost.to_string();
    match text.rfind(" (os error ") {
        Some(end) => text[..end].to_lowercase(),
        None => text,
    }
}

/// A file that the settings name.
///
/// # Errors
///
/// It cannot be read.
pub fn read(name: &str) -> Result<Vec<u8>, OnlineError> {
    fs::read(name).map_err(|error| OnlineError::File { name: name.to_owned(), reason: error.kind().to_string() })
}

fn of_no_use(name: &str, error: &reqwest::Error) -> OnlineError {
    OnlineError::File {
        name: name.to_owned(),
        reason: format!("it holds no certificate that can be read ({})", reason(error)),
    }
}

/// The own certificate and its key.
fn identity(certificate: &str, tls: &Tls) -> Result<Identity, OnlineError> {
    let mut pem = read(certificate)?;
    let key = tls.key.as_deref().unwrap_or(certificate);
    if key != certificate {
        pem.push(b'\n');
        pem.extend(read(key)?);
    }
    if pem.windows(9).any(|window| window == b"ENCRYPTED") {
        let reason = "its key is encrypted, which is not supported; give a key without a password".to_owned();
        return Err(OnlineError::File { name: key.to_owned(), reason });
    }
    Identity::from_pem(&pem).map_err(|_| OnlineError::File {
        name: certificate.to_owned(),
        reason: "it and the key's file hold no certificate with its key in PEM".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_shows_no_secret() {
        fn check(url: &str, expect: &str) {
            assert_eq!(endpoint(url), expect);
        }
        check("https://root:hunter2@etcd1:2379/v3/kv/range?token=hunter2", "https://etcd1:2379");
        check("http://[::1]:2379", "http://[::1]:2379");
        check("http://etcd1", "http://etcd1");
        check("root:hunter2@etcd1", "root:");
        check("hunter2", "an address that is no URL");
    }
}
