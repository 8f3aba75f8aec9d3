//! Traces over OTLP: spans are gathered in memory and sent in batches by a thread of their own. Nothing waits for it, and what cannot be sent is
//! dropped.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use computetower_workers::trace::{STEP, TARGET};
use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider, SpanData, SpanExporter};
use tokio::runtime::Handle;
use tracing::Subscriber;
use tracing::subscriber::Interest;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, dynamic_filter_fn};
use tracing_subscriber::registry::LookupSpan;
use uuid::Uuid;

use crate::config::{Sampling, TraceSettings};

/// How long the last spans may take at the end of the process.
const FLUSH: Duration = Duration::from_secs(1);

/// The traces of this process on their way to a collector.
pub struct Traces {
    provider: SdkTracerProvider,
}

impl Traces {
    /// Sends traces from now on. `role` is what this process is; requests are made in `runtime`.
    ///
    /// # Errors
    /// When the settings cannot be used, which checked ones can.
    pub fn start(
        settings: &TraceSettings,
        role: &'static str,
        host: &str,
        runtime: Handle,
    ) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let client = reqwest::Client::builder()
            .timeout(settings.timeout)
            // A key is for the one who was named, not for whom he names.
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        let headers = settings
            .headers
            .iter()
            .map(|(name, value)| (name.clone(), value.reveal().to_owned()))
            .collect();
        let exporter = opentelemetry_otlp::SpanExporter::builder()
            .with_http()
            .with_http_client(client)
            .with_endpoint(&settings.endpoint)
            .with_timeout(settings.timeout)
            .with_headers(headers)
            .build()?;
        let resource = Resource::builder_empty()
            .with_attributes([
                KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
                KeyValue::new("service.instance.id", Uuid::new_v4().to_string()),
                KeyValue::new("host.name", host.to_owned()),
                KeyValue::new("computetower.role", role),
            ])
            .with_attributes(
                settings
                    .attributes
                    .iter()
                    .map(|(name, value)| KeyValue::new(name.clone(), value.clone())),
            )
            .with_service_name(settings.service_name.clone())
            .build();
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(Outward {
                exporter: Arc::new(exporter),
                runtime,
                endpoint: origin(&settings.endpoint),
                fails: AtomicBool::new(false),
            })
            .with_sampler(sampler(settings.sampling))
            .with_resource(resource)
            .build();
        Ok(Self { provider })
    }

    /// Hears of the spans that are made for traces, and of nothing else.
    pub(super) fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        let wanted = dynamic_filter_fn(|metadata, context| {
            metadata.is_span()
                && metadata.target() == TARGET
                // A step belongs to an attempt that is traced, or to nothing.
                && (metadata.name() != STEP || context.lookup_current().is_some())
        })
        .with_callsite_filter(|metadata| {
            if metadata.is_span() && metadata.target() == TARGET {
                Interest::sometimes()
            } else {
                Interest::never()
            }
        })
        .with_max_level_hint(LevelFilter::INFO);
        tracing_opentelemetry::layer()
            .with_tracer(self.provider.tracer("computetower"))
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_target(false)
            .with_level(false)
            .with_filter(wanted)
    }

    /// Sends what is left, within a bound. Blocks; the runtime has to be there still.
    pub fn flush(self) {
        // Whether the last ones arrived is no reason to end otherwise; that exports fail has been told.
        let _ = self.provider.shutdown_with_timeout(FLUSH);
    }
}

fn sampler(sampling: Sampling) -> Sampler {
    let roots = if sampling.roots >= 1.0 {
        Sampler::AlwaysOn
    } else if sampling.roots <= 0.0 {
        Sampler::AlwaysOff
    } else {
        Sampler::TraceIdRatioBased(sampling.roots)
    };
    if sampling.parent_based {
        Sampler::ParentBased(Box::new(roots))
    } else {
        roots
    }
}

/// Where an address leads, without what may be secret in it.
fn origin(endpoint: &str) -> String {
    url::Url::parse(endpoint)
        .map_or_else(|_| String::new(), |url| url.origin().ascii_serialization())
}

/// Exports in the program's runtime, for the thread of the batches has none, and says once when it fails.
struct Outward {
    exporter: Arc<opentelemetry_otlp::SpanExporter>,
    runtime: Handle,
    endpoint: String,
    fails: AtomicBool,
}

impl fmt::Debug for Outward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The exporter knows headers that are nobody's business.
        f.write_str("Outward")
    }
}

impl SpanExporter for Outward {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let exporter = self.exporter.clone();
        let sent = self
            .runtime
            .spawn(async move { exporter.export(batch).await })
            .await
            .unwrap_or_else(|error| Err(OTelSdkError::InternalFailure(error.to_string())));
        let failed_before = self.fails.swap(sent.is_err(), Ordering::Relaxed);
        match &sent {
            Err(error) if !failed_before => {
                tracing::warn!(endpoint = self.endpoint, %error, "traces cannot be sent; they are dropped until the endpoint takes them again");
            }
            Ok(()) if failed_before => {
                tracing::info!(endpoint = self.endpoint, "traces are sent again")
            }
            _ => {}
        }
        sent
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        // Told before the first export: nobody else holds it yet.
        if let Some(exporter) = Arc::get_mut(&mut self.exporter) {
            exporter.set_resource(resource);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_named_without_its_secrets() {
        let endpoint = "https://user:hunter2@collector.example:4318/v1/traces?key=hunter3";
        assert_eq!(origin(endpoint), "https://collector.example:4318");
    }

    #[test]
    fn samplers_are_what_their_names_say() {
        let of = |parent_based, roots| {
            let sampling = Sampling {
                parent_based,
                roots,
            };
            format!("{:?}", sampler(sampling))
        };
        assert_eq!(of(false, 1.0), "AlwaysOn");
        assert_eq!(of(false, 0.0), "AlwaysOff");
        assert_eq!(of(false, 0.25), "TraceIdRatioBased(0.25)");
        assert_eq!(of(true, 0.25), "ParentBased(TraceIdRatioBased(0.25))");
    }
}
