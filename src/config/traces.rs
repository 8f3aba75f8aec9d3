//! Where traces go: the variables that OpenTelemetry names, as far as they are about traces.

use std::time::Duration;

use computetower_store::vault::Secret;

use super::{Environment, Problems, check_url};

/// How long an export may take when nothing else is asked for, as OpenTelemetry has it.
const TIMEOUT: u64 = 10_000;

/// Where traces go, and which.
#[derive(Clone, Debug)]
pub struct TraceSettings {
    /// The address that takes them, path included.
    pub endpoint: String,
    /// Headers of every export. Keys of the one who takes them are among these.
    pub headers: Vec<(String, Secret)>,
    /// How long an export may take.
    pub timeout: Duration,
    /// What the program calls itself.
    pub service_name: String,
    /// More about it.
    pub attributes: Vec<(String, String)>,
    /// Which traces are recorded.
    pub sampling: Sampling,
}

/// Which traces are recorded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampling {
    /// True: what belongs to a trace of somebody else is recorded if they record it, whatever `roots` says.
    pub parent_based: bool,
    /// Of the traces that begin here (or of all, where the parent does not matter), this part: 0.0 to 1.0.
    pub roots: f64,
}

/// Reads where traces go. `None`: nowhere.
///
/// # Errors
/// All problems at once; [`super::read`] and [`super::read_up`] tell them among the others.
pub fn read_traces(mut environment: Environment<'_>) -> Result<Option<TraceSettings>, Problems> {
    let settings = traces(&mut environment);
    environment.done(Some(settings))
}

pub(super) fn traces(env: &mut Environment<'_>) -> Option<TraceSettings> {
    let disabled = env
        .get("OTEL_SDK_DISABLED")
        .is_some_and(|value| value.trim().eq_ignore_ascii_case("true"));
    let (variable, endpoint) = named(
        env,
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
        "OTEL_EXPORTER_OTLP_ENDPOINT",
    )?;
    let exported = match env.get("OTEL_TRACES_EXPORTER").as_deref().map(str::trim) {
        None | Some("otlp") => true,
        Some("none") => false,
        Some(_) => {
            env.problem("OTEL_TRACES_EXPORTER", "must be otlp or none");
            false
        }
    };
    if disabled || !exported {
        return None;
    }
    let endpoint = endpoint.trim().to_owned();
    check_url(env, variable, &endpoint, &["http", "https"]);
    refuse_others(env);
    let endpoint = if variable == "OTEL_EXPORTER_OTLP_ENDPOINT" {
        format!("{}/v1/traces", endpoint.trim_end_matches('/'))
    } else {
        endpoint
    };
    let timeout = match named(
        env,
        "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT",
        "OTEL_EXPORTER_OTLP_TIMEOUT",
    ) {
        Some((variable, _)) => {
            env.number(variable, TIMEOUT, "milliseconds that an export may take")
        }
        None => TIMEOUT,
    };
    let headers = headers(env);
    let attributes = attributes(env);
    let sampling = sampling(env);
    Some(TraceSettings {
        endpoint,
        headers,
        timeout: Duration::from_millis(timeout.clamp(1, 60_000)),
        service_name: env.or("OTEL_SERVICE_NAME", "computetower"),
        attributes,
        sampling,
    })
}

/// The value that is about traces alone, else the one that is about everything, with the name under which it stands.
fn named(
    env: &Environment<'_>,
    traces: &'static str,
    all: &'static str,
) -> Option<(&'static str, String)> {
    [traces, all]
        .into_iter()
        .find_map(|name| Some((name, env.get(name)?)))
}

/// What others can do and this program cannot is said at the start, not found out in the backend.
fn refuse_others(env: &mut Environment<'_>) {
    if let Some((variable, protocol)) = named(
        env,
        "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
        "OTEL_EXPORTER_OTLP_PROTOCOL",
    ) && protocol.trim() != "http/protobuf"
    {
        env.problem(
            variable,
            "must be http/protobuf, the one protocol this program speaks (most collectors take it at port 4318); leave it out for that",
        );
    }
    if let Some((variable, compression)) = named(
        env,
        "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION",
        "OTEL_EXPORTER_OTLP_COMPRESSION",
    ) && compression.trim() != "none"
    {
        env.problem(variable, "must be none: traces are sent as they are");
    }
}

/// The headers. What stands in them is told to nobody, not even when it is wrong.
fn headers(env: &mut Environment<'_>) -> Vec<(String, Secret)> {
    let Some((variable, text)) = named(
        env,
        "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
        "OTEL_EXPORTER_OTLP_HEADERS",
    ) else {
        return Vec::new();
    };
    let read = pairs(&text).filter(|pairs| {
        pairs.iter().all(|(name, value)| {
            reqwest::header::HeaderName::from_bytes(name.as_bytes()).is_ok()
                && reqwest::header::HeaderValue::from_str(value).is_ok()
        })
    });
    match read {
        Some(pairs) => pairs
            .into_iter()
            .map(|(name, value)| (name, Secret::new(value)))
            .collect(),
        None => {
            env.problem(
                variable,
                "must be names and values of headers, for example api-key=abc,x-team=tower (percent-encoded where they hold commas or blanks)",
            );
            Vec::new()
        }
    }
}

fn attributes(env: &mut Environment<'_>) -> Vec<(String, String)> {
    let text = env.or("OTEL_RESOURCE_ATTRIBUTES", "");
    pairs(&text).unwrap_or_else(|| {
        env.problem(
            "OTEL_RESOURCE_ATTRIBUTES",
            "must be names and values, for example deployment.environment.name=staging",
        );
        Vec::new()
    })
}

/// `name=value,name=value`, with percent-encoded values. `None` when it is not that.
fn pairs(text: &str) -> Option<Vec<(String, String)>> {
    text.split(',')
        .map(str::trim)
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=')?;
            let name = name.trim();
            (!name.is_empty()).then_some(())?;
            Some((name.to_owned(), decoded(value.trim())?))
        })
        .collect()
}

/// Text without its percent-encoding.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
        let (high, low) = (digit(rest.next())?, digit(rest.next())?);
        bytes.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(bytes).ok()
}

fn sampling(env: &mut Environment<'_>) -> Sampling {
    let name = env.or("OTEL_TRACES_SAMPLER", "parentbased_always_on");
    let (parent_based, root) = match name.trim().strip_prefix("parentbased_") {
        Some(root) => (true, root),
        None => (false, name.trim()),
    };
    let roots = match root {
        "always_on" => 1.0,
        "always_off" => 0.0,
        "traceidratio" => ratio(env),
        _ => {
            env.problem(
                "OTEL_TRACES_SAMPLER",
                "must be always_on, always_off, traceidratio, or one of them after parentbased_",
            );
            1.0
        }
    };
    Sampling {
        parent_based,
        roots,
    }
}

fn ratio(env: &mut Environment<'_>) -> f64 {
    const ADVICE: &str = "must be the part of the traces to record, from 0 to 1";
    match env
        .get("OTEL_TRACES_SAMPLER_ARG")
        .map(|text| text.trim().parse::<f64>())
    {
        None => 1.0,
        Some(Ok(ratio)) if (0.0..=1.0).contains(&ratio) => ratio,
        Some(_) => {
            env.problem("OTEL_TRACES_SAMPLER_ARG", ADVICE);
            1.0
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Option<TraceSettings>, Vec<&'static str>> {
        let lookup = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        read_traces(Environment::new(&lookup))
            .map_err(|problems| problems.0.iter().map(|problem| problem.variable).collect())
    }

    #[test]
    fn nothing_is_exported_unless_asked_for() {
        const TO: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318");
        for variables in [
            &[][..],
            &[
                ("OTEL_SERVICE_NAME", "tower"),
                ("OTEL_TRACES_SAMPLER", "always_on"),
            ],
            &[("OTEL_EXPORTER_OTLP_ENDPOINT", "")],
            &[TO, ("OTEL_SDK_DISABLED", "true")],
            &[TO, ("OTEL_TRACES_EXPORTER", "none")],
        ] {
            assert!(matches!(read(variables), Ok(None)), "{variables:?}");
        }
        assert!(matches!(read(&[TO]), Ok(Some(_))));
    }

    #[test]
    fn the_address_of_traces_is_taken_as_it_is_and_the_general_one_gets_a_path() {
        let general = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318/");
        let own = (
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
            "https://traces.example/in",
        );
        let endpoint = |variables: &[(&str, &str)]| {
            read(variables)
                .ok()
                .flatten()
                .map(|settings| settings.endpoint)
        };
        assert_eq!(
            endpoint(&[general]).as_deref(),
            Some("http://collector:4318/v1/traces")
        );
        assert_eq!(
            endpoint(&[general, own]).as_deref(),
            Some("https://traces.example/in")
        );
    }

    #[test]
    fn what_it_cannot_do_is_said_and_secrets_are_not() {
        let variables = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
            ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "api-key hunter2"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "soon"),
            ("OTEL_TRACES_SAMPLER", "parentbased_jaeger_remote"),
            ("OTEL_RESOURCE_ATTRIBUTES", "=nothing"),
        ];
        let lookup = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let told = match read_traces(Environment::new(&lookup)) {
            Err(problems) => problems.to_string(),
            Ok(settings) => format!("{settings:?}"),
        };
        for (variable, _) in variables {
            assert!(told.contains(variable), "{variable} is not in {told}");
        }
        assert!(!told.contains("hunter2"), "{told}");
        let good = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318"),
            (
                "OTEL_EXPORTER_OTLP_HEADERS",
                "api-key=hunter2%20,x-team=tower",
            ),
        ];
        let settings = read(&good).ok().flatten();
        let shown = format!("{settings:?}");
        assert!(
            shown.contains("x-team") && !shown.contains("hunter2"),
            "{shown}"
        );
        let key = settings.and_then(|settings| settings.headers.into_iter().next());
        assert_eq!(key.as_ref().map(|(_, key)| key.reveal()), Some("hunter2 "));
    }

    #[test]
    fn samplers_have_their_standard_names() {
        let sampling = |name: &str, part: &str| {
            let settings = read(&[
                ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318"),
                ("OTEL_TRACES_SAMPLER", name),
                ("OTEL_TRACES_SAMPLER_ARG", part),
            ]);
            settings.map(|settings| {
                settings.map(|settings| (settings.sampling.parent_based, settings.sampling.roots))
            })
        };
        assert_eq!(sampling("", ""), Ok(Some((true, 1.0))));
        assert_eq!(sampling("always_on", "0.5"), Ok(Some((false, 1.0))));
        assert_eq!(sampling("always_off", ""), Ok(Some((false, 0.0))));
        assert_eq!(
            sampling("parentbased_always_off", ""),
            Ok(Some((true, 0.0)))
        );
        assert_eq!(
            sampling("parentbased_traceidratio", "0.25"),
            Ok(Some((true, 0.25)))
        );
        assert_eq!(sampling("traceidratio", ""), Ok(Some((false, 1.0))));
        for part in ["2", "-0.1", "half", "NaN"] {
            assert_eq!(
                sampling("traceidratio", part),
                Err(vec!["OTEL_TRACES_SAMPLER_ARG"])
            );
        }
    }

    proptest! {
        #[test]
        fn whatever_stands_in_the_headers_ends_no_process(text in ".{0,60}") {
            let _ = pairs(&text);
        }
    }
}
