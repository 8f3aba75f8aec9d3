//! Objects that come in pieces: in memory is never more than one part of them.

use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use sha2::{Digest, Sha256};
use tokio::io::AsyncWriteExt;

use super::{Objects, failed};
use crate::error::StoreError;

/// Bytes of a part. Object stores take no fewer than 5 MiB but for the last.
const PART: usize = 8 * 1024 * 1024;

/// An object on its way into the bucket. When it is dropped before it is finished, its parts are removed.
pub struct Upload {
    objects: Objects,
    key: String,
    content_type: String,
    part: Vec<u8>,
    /// Once there is more than one part.
    begun: Option<String>,
    done: Vec<CompletedPart>,
    sha256: Sha256,
    bytes: u64,
}

/// An object that was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uploaded {
    /// Its length.
    pub bytes: u64,
    /// SHA-256 of it.
    pub sha256: Vec<u8>,
}

/// What is known of an object that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectHead {
    /// Its length.
    pub bytes: u64,
    /// Its first bytes.
    pub first: Vec<u8>,
}

impl Objects {
    /// Begins an object that comes in pieces.
    #[must_use]
    pub fn upload(&self, key: &str, content_type: &str) -> Upload {
        Upload {
            objects: self.clone(),
            key: key.to_owned(),
            content_type: content_type.to_owned(),
            part: Vec::new(),
            begun: None,
            done: Vec::new(),
            sha256: Sha256::new(),
            bytes: 0,
        }
    }

    /// How long an object is, and how it begins, if it is there: at most `most` bytes of it.
    ///
    /// # Errors
    /// When the object store does not answer.
    pub async fn head(&self, key: &str, most: usize) -> Result<Option<ObjectHead>, StoreError> {
        let head = self.client.head_object().bucket(&self.bucket).key(key);
        let bytes = match head.send().await {
            Ok(head) => head.content_length().unwrap_or_default(),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|error| error.is_not_found()) =>
            {
                return Ok(None);
            }
            Err(source) => return Err(failed("looking for", key, source)),
        };
        let bytes = u64::try_from(bytes).unwrap_or_default();
        let mut first = Vec::new();
        if bytes > 0 && most > 0 {
            first = self.range(key, 0, most).await?;
        }
        Ok(Some(ObjectHead { bytes, first }))
    }

    /// Copies an object into a file. Never more than a piece of it is in memory.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when it is not there, [`StoreError::Conflict`] when it has more than `most` bytes; and when it cannot be read, or the file
    /// cannot be written.
    pub async fn copy_to(
        &self,
        key: &str,
        path: &std::path::Path,
        most: u64,
    ) -> Result<Uploaded, StoreError> {
        let get = self.client.get_object().bucket(&self.bucket).key(key);
        let mut body = match get.send().await {
            Ok(object) => object.body,
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|error| error.is_no_such_key()) =>
            {
                return Err(StoreError::NotFound("file"));
            }
            Err(source) => return Err(failed("reading", key, source)),
        };
        let written = |source| failed("copying", key, source);
        let mut file = tokio::fs::File::create(path).await.map_err(written)?;
        let (mut sha256, mut bytes) = (Sha256::new(), 0);
        while let Some(piece) = body.next().await {
            let piece = piece.map_err(|source| failed("reading", key, source))?;
            sha256.update(&piece);
            bytes += piece.len() as u64;
            if bytes > most {
                return Err(StoreError::Conflict(format!(
                    "The file has more than the {most} bytes that were accepted: upload it again."
                )));
            }
            file.write_all(&piece).await.map_err(written)?;
        }
        file.flush().await.map_err(written)?;
        Ok(Uploaded {
            bytes,
            sha256: sha256.finalize().to_vec(),
        })
    }

    /// Reads a part of an object.
    ///
    /// # Errors
    /// When it is not there or cannot be read.
    pub async fn range(&self, key: &str, start: u64, most: usize) -> Result<Vec<u8>, StoreError> {
        let last = start + u64::try_from(most).unwrap_or(u64::MAX).saturating_sub(1);
        let object = self
            .client
            .get_object()
            .bucket(&self.bucket)
            .key(key)
            .range(format!("bytes={start}-{last}"))
            .send()
            .await
            .map_err(|source| failed("reading", key, source))?;
        let body = object.body.collect().await;
        Ok(body
            .map_err(|source| failed("reading", key, source))?
            .to_vec())
    }
}

impl Upload {
    /// Takes the next bytes.
    ///
    /// # Errors
    /// When the object store does not take them.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.sha256.update(bytes);
        self.bytes += bytes.len() as u64;
        let mut rest = bytes;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(PART - self.part.len()));
            self.part.extend_from_slice(now);
            rest = later;
            if self.part.len() == PART {
                self.send_part().await?;
            }
        }
        Ok(())
    }

    /// How many bytes have come.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Makes it an object.
    ///
    /// # Errors
    /// When the object store does not take it; then nothing is there.
    pub async fn finish(mut self) -> Result<Uploaded, StoreError> {
        let uploaded = Uploaded {
            bytes: self.bytes,
            sha256: self.sha256.finalize_reset().to_vec(),
        };
        if self.begun.is_none() {
            let part = std::mem::take(&mut self.part);
            self.objects
                .put(&self.key, &self.content_type, part)
                .await?;
            return Ok(uploaded);
        }
        if !self.part.is_empty() {
            self.send_part().await?;
        }
        let parts = CompletedMultipartUpload::builder()
            .set_parts(Some(std::mem::take(&mut self.done)))
            .build();
        self.objects
            .client
            .complete_multipart_upload()
            .bucket(&self.objects.bucket)
            .key(&self.key)
            .set_upload_id(self.begun.clone())
            .multipart_upload(parts)
            .send()
            .await
            .map_err(|source| failed("storing", &self.key, source))?;
        self.begun = None;
        Ok(uploaded)
    }

    async fn send_part(&mut self) -> Result<(), StoreError> {
        let id = match &self.begun {
            Some(id) => id.clone(),
            None => {
                let begun = self
                    .objects
                    .encrypted(
                        self.objects
                            .client
                            .create_multipart_upload()
                            .bucket(&self.objects.bucket)
                            .key(&self.key)
                            .content_type(&self.content_type),
                    )
                    .send()
                    .await
                    .map_err(|source| failed("storing", &self.key, source))?;
                let id = begun.upload_id().unwrap_or_default().to_owned();
                self.begun.insert(id).clone()
            }
        };
        let number = i32::try_from(self.done.len()).unwrap_or(i32::MAX - 1) + 1;
        let part = std::mem::replace(&mut self.part, Vec::with_capacity(PART));
        let sent = self
            .objects
            .client
            .upload_part()
            .bucket(&self.objects.bucket)
            .key(&self.key)
            .upload_id(id)
            .part_number(number)
            .body(part.into())
            .send()
            .await
            .map_err(|source| failed("storing", &self.key, source))?;
        let done = CompletedPart::builder()
            .part_number(number)
            .set_e_tag(sent.e_tag().map(str::to_owned));
        self.done.push(done.build());
        Ok(())
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        let (Some(id), Ok(runtime)) = (self.begun.take(), tokio::runtime::Handle::try_current())
        else {
            return;
        };
        let (objects, key) = (self.objects.clone(), std::mem::take(&mut self.key));
        runtime.spawn(async move {
            let ended = objects
                .client
                .abort_multipart_upload()
                .bucket(&objects.bucket)
                .key(&key)
                .upload_id(id)
                .send()
                .await;
            if let Err(error) = ended {
                tracing::warn!(error = %error, "parts of an upload that was broken off could not be removed");
            }
        });
    }
}
