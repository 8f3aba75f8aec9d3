//! Objects in S3: screenshots and encrypted profiles. Keys start with the tenant.

mod upload;

use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_s3::operation::create_multipart_upload::builders::CreateMultipartUploadFluentBuilder;
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::ServerSideEncryption;
use computetower_jobs::{CredentialId, JobId, SourceId, TenantId};

use crate::error::StoreError;

pub use upload::{ObjectHead, Upload, Uploaded};

/// How long a presigned URL is good.
pub const PRESIGNED_FOR: Duration = Duration::from_secs(3_600);

/// Where objects lie.
#[derive(Clone)]
pub struct ObjectSettings {
    /// `http(s)://…`; none for AWS itself.
    pub endpoint: Option<String>,
    /// The bucket. It must exist.
    pub bucket: String,
    /// The region.
    pub region: String,
    /// Access key.
    pub access_key_id: String,
    /// Its secret.
    pub secret_access_key: String,
    /// How the object store encrypts what lies there; as the bucket is set when it is none.
    pub encryption: Option<Encryption>,
}

/// How the object store encrypts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Encryption {
    /// With keys of the object store.
    Aes256,
    /// With a key of its key service; its own when none is named.
    Kms(Option<String>),
}

/// A handle on the bucket.
#[derive(Clone)]
pub struct Objects {
    client: Client,
    bucket: String,
    encryption: Option<Encryption>,
}

impl Objects {
    pub(crate) fn new(settings: &ObjectSettings) -> Self {
        let http = aws_smithy_http_client::Builder::new()
            .tls_provider(aws_smithy_http_client::tls::Provider::Rustls(
                aws_smithy_http_client::tls::rustls_provider::CryptoMode::Ring,
            ))
            .build_https();
        let mut config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(http)
            .region(Region::new(settings.region.clone()))
            .credentials_provider(Credentials::new(
                &settings.access_key_id,
                &settings.secret_access_key,
                None,
                None,
                "computetower",
            ));
        if let Some(endpoint) = &settings.endpoint {
            config = config.endpoint_url(endpoint).force_path_style(true);
        }
        Self {
            client: Client::from_conf(config.build()),
            bucket: settings.bucket.clone(),
            encryption: settings.encryption.clone(),
        }
    }

    /// Stores an object.
    ///
    /// # Errors
    /// When the object store does not take it.
    pub async fn put(
        &self,
        key: &str,
        content_type: &str,
        body: Vec<u8>,
    ) -> Result<(), StoreError> {
        let mut put = self
            .client
            .put_object()
            .bucket(&self.bucket)
            .key(key)
            .content_type(content_type)
            .body(ByteStream::from(body));
        if let Some((way, key)) = self.encryption_headers() {
            put = put.server_side_encryption(way).set_ssekms_key_id(key);
        }
        put.send()
            .await
            .map_err(|source| failed("storing", key, source))?;
        Ok(())
    }

    /// Reads an object whole.
    ///
    /// # Errors
    /// When it is not there or cannot be read.
    pub async fn get(&self, key: &str) -> Result<Vec<u8>, StoreError> {
        let object = self
            .client
            .get_object()
            .bucket(&self.bucket)
            .key(key)
            .send()
            .await
            .map_err(|source| failed("reading", key, source))?;
        let body = object
            .body
            .collect()
            .await
            .map_err(|source| failed("reading", key, source))?;
        Ok(body.to_vec())
    }

    /// Reads an object whole, if it is there.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn find(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let object = self
            .client
            .get_object()
            .bucket(&self.bucket)
            .key(key)
            .send()
            .await;
        let object = match object {
            Ok(object) => object,
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|error| error.is_no_such_key()) =>
            {
                return Ok(None);
            }
            Err(source) => return Err(failed("reading", key, source)),
        };
        let body = object
            .body
            .collect()
            .await
            .map_err(|source| failed("reading", key, source))?;
        Ok(Some(body.to_vec()))
    }

    /// Removes an object; one that is not there is removed already.
    ///
    /// # Errors
    /// When the object store refuses.
    pub async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.client
            .delete_object()
            .bucket(&self.bucket)
            .key(key)
            .send()
            .await
            .map_err(|source| failed("removing", key, source))?;
        Ok(())
    }

    /// A URL with which anybody can read the object for [`PRESIGNED_FOR`].
    ///
    /// # Errors
    /// When it cannot be signed.
    pub async fn presigned(&self, key: &str) -> Result<String, StoreError> {
        let config = PresigningConfig::expires_in(PRESIGNED_FOR)
            .map_err(|source| failed("signing", key, source))?;
        let request = self
            .client
            .get_object()
            .bucket(&self.bucket)
            .key(key)
            .presigned(config)
            .await
            .map_err(|source| failed("signing", key, source))?;
        Ok(request.uri().to_owned())
    }

    /// A URL with which anybody can store the object for [`PRESIGNED_FOR`].
    ///
    /// # Errors
    /// When it cannot be signed.
    pub async fn presigned_put(&self, key: &str) -> Result<String, StoreError> {
        let config = PresigningConfig::expires_in(PRESIGNED_FOR)
            .map_err(|source| failed("signing", key, source))?;
        let put = self.client.put_object().bucket(&self.bucket).key(key);
        let request = put
            .presigned(config)
            .await
            .map_err(|source| failed("signing", key, source))?;
        Ok(request.uri().to_owned())
    }

    /// The bucket.
    #[must_use]
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    fn encryption_headers(&self) -> Option<(ServerSideEncryption, Option<String>)> {
        match &self.encryption {
            None => None,
            Some(Encryption::Aes256) => Some((ServerSideEncryption::Aes256, None)),
            Some(Encryption::Kms(key)) => Some((ServerSideEncryption::AwsKms, key.clone())),
        }
    }

    fn encrypted(
        &self,
        upload: CreateMultipartUploadFluentBuilder,
    ) -> CreateMultipartUploadFluentBuilder {
        match self.encryption_headers() {
            None => upload,
            Some((way, key)) => upload.server_side_encryption(way).set_ssekms_key_id(key),
        }
    }

    pub(crate) async fn ready(&self) -> Result<(), StoreError> {
        self.client
            .head_bucket()
            .bucket(&self.bucket)
            .send()
            .await
            .map_err(|source| failed("looking for", &self.bucket, source))?;
        Ok(())
    }
}

fn failed(
    what: &'static str,
    key: &str,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> StoreError {
    StoreError::Objects {
        what,
        key: key.to_owned(),
        source: source.into(),
    }
}

/// The key of a screenshot of a job.
#[must_use]
pub fn screenshot_key(tenant: TenantId, job: JobId, attempt: i32, name: &str) -> String {
    format!("{tenant}/jobs/{job}/{attempt}-{name}.jpg")
}

/// The key of a credential's encrypted profile.
#[must_use]
pub fn profile_key(tenant: TenantId, credential: CredentialId) -> String {
    format!("{tenant}/profiles/{credential}")
}

/// The key of the copy of a credential's profile with which a `logout` job signs it out.
#[must_use]
pub fn signing_out_key(tenant: TenantId, job: JobId) -> String {
    format!("{tenant}/signing-out/{job}")
}

/// Where the pictures lie that a tenant's questions bring along.
#[must_use]
pub fn chat_files_folder(tenant: TenantId) -> String {
    format!("{tenant}/chat-files/")
}

/// The key of a file of a knowledge source. What of its name is no letter, digit, point or dash is a dash.
#[must_use]
pub fn knowledge_key(
    tenant: TenantId,
    source: SourceId,
    at: chrono::DateTime<chrono::Utc>,
    filename: &str,
) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') {
            c
        } else {
            '-'
        }
    };
    let name: String = filename.chars().map(plain).collect();
    let from = name.len().saturating_sub(100);
    let name = name.get(from..).unwrap_or_default().trim_start_matches('.');
    let random = uuid::Uuid::new_v4().simple().to_string();
    let short = random.get(..6).unwrap_or_default();
    format!(
        "{tenant}/knowledge/{source}/{}-{short}-{name}",
        // With milliseconds, so that files are in the order in which they came.
        at.format("%Y%m%d-%H%M%S%3f")
    )
}
