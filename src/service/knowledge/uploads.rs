//! Files on their way into the bucket: through this process in pieces, or past it with a signed address.

use axum::extract::multipart::Field;
use chrono::Utc;
use computetower_jobs::{SourceId, TenantId};
use computetower_store::knowledge::{FileClass, KnowledgeFile};
use computetower_store::objects::knowledge_key;

use super::class::{HEAD, Looked, look};
use crate::api::problem::{Problem, ProblemCode};
use crate::app::App;

/// Characters that a file's name may have.
const LONGEST_NAME: usize = 255;

/// Takes a file out of a form and into the bucket. Never more than a part of it is in memory.
///
/// # Errors
/// 422 when it is of no type that is taken, or not what its name says; 413 when it is too large for what it is; 400 when the form breaks off.
pub async fn receive(
    app: &App,
    tenant: TenantId,
    source: SourceId,
    mut field: Field<'_>,
) -> Result<KnowledgeFile, Problem> {
    let filename = name_of(field.file_name().unwrap_or_default())?;
    let mut head = Vec::new();
    while head.len() < HEAD {
        match next(&mut field).await? {
            Some(bytes) => head.extend_from_slice(&bytes),
            None => break,
        }
    }
    let first = head.get(..HEAD.min(head.len())).unwrap_or_default();
    let looked = look(first, &filename)
        .map_err(|reason| Problem::field("file", format!("{filename} {reason}")))?;
    let key = knowledge_key(tenant, source, Utc::now(), &filename);
    app.store().expect_object(tenant, &key).await?;
    let mut upload = app.store().objects.upload(&key, looked.media_type);
    let mut piece = Some(head.into());
    while let Some(bytes) = piece {
        let bytes: axum::body::Bytes = bytes;
        let length = upload.bytes() + bytes.len() as u64;
        if length > looked.class.largest() {
            return Err(too_large(&filename, looked.class));
        }
        upload.write(&bytes).await?;
        piece = next(&mut field).await?;
    }
    let uploaded = upload.finish().await?;
    let file = KnowledgeFile {
        key,
        source,
        filename,
        class: looked.class.name().to_owned(),
        content_type: Some(looked.media_type.to_owned()),
        bytes: i64::try_from(uploaded.bytes).ok(),
        sha256: Some(uploaded.sha256),
        stored_at: Some(Utc::now()),
    };
    app.store().keep_file(tenant, &file).await?;
    Ok(file)
}

async fn next(field: &mut Field<'_>) -> Result<Option<axum::body::Bytes>, Problem> {
    field.chunk().await.map_err(|error| {
        Problem::new(
            ProblemCode::MalformedJson,
            format!("The form cannot be read: {error}"),
        )
    })
}

/// A key under which a caller may store a file with a signed address.
///
/// # Errors
/// When the name cannot be used, or says a type that is not taken.
pub async fn expect(
    app: &App,
    tenant: TenantId,
    source: SourceId,
    filename: &str,
) -> Result<KnowledgeFile, Problem> {
    let filename = name_of(filename)?;
    let key = knowledge_key(tenant, source, Utc::now(), &filename);
    app.store().expect_object(tenant, &key).await?;
    let file = KnowledgeFile {
        key,
        source,
        filename,
        // The content will say.
        class: FileClass::Document.name().to_owned(),
        content_type: None,
        bytes: None,
        sha256: None,
        stored_at: None,
    };
    app.store().keep_file(tenant, &file).await?;
    Ok(file)
}

/// Looks at a file that was stored past this process, and takes it or removes it.
///
/// # Errors
/// 422 when it is not there or is not taken.
pub async fn accept(
    app: &App,
    tenant: TenantId,
    file: KnowledgeFile,
) -> Result<KnowledgeFile, Problem> {
    if file.stored_at.is_some() {
        return Ok(file);
    }
    let head = app.store().objects.head(&file.key, HEAD).await?;
    let Some(head) = head else {
        return Err(Problem::field(
            "s3_reference.key",
            "nothing was uploaded under this key yet",
        ));
    };
    let looked: Result<Looked, Problem> = look(&head.first, &file.filename).map_err(|reason| {
        Problem::field("s3_reference.key", format!("{} {reason}", file.filename))
    });
    let looked = looked.and_then(|looked| {
        if head.bytes > looked.class.largest() {
            Err(too_large(&file.filename, looked.class))
        } else {
            Ok(looked)
        }
    });
    let looked = match looked {
        Ok(looked) => looked,
        Err(problem) => {
            app.store().remove_file(tenant, &file.key).await?;
            return Err(problem);
        }
    };
    let file = KnowledgeFile {
        class: looked.class.name().to_owned(),
        content_type: Some(looked.media_type.to_owned()),
        bytes: i64::try_from(head.bytes).ok(),
        stored_at: Some(Utc::now()),
        ..file
    };
    app.store().keep_file(tenant, &file).await?;
    Ok(file)
}

fn too_large(filename: &str, class: FileClass) -> Problem {
    Problem::new(
        ProblemCode::TooLarge,
        format!(
            "{filename} is too large: a file of the class {} may have at most {} MB.",
            class.name(),
            class.largest() / 1_000_000
        ),
    )
}

/// The last part of what a caller says that a file is called.
fn name_of(said: &str) -> Result<String, Problem> {
    let name = said.rsplit(['/', '\\']).next().unwrap_or_default().trim();
    let fits = (1..=LONGEST_NAME).contains(&name.chars().count())
        && !name.chars().any(char::is_control)
        && !matches!(name, "." | "..");
    if fits {
        Ok(name.to_owned())
    } else {
        Err(Problem::field(
            "filename",
            format!("must be 1 to {LONGEST_NAME} printable characters"),
        ))
    }
}
