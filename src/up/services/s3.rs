//! The private S3: a folder served inside this process on a free loopback port, to signed requests only.

use std::io;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s_fs::FileSystem;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::super::data_dir::DataDir;
use super::super::options::S3Settings;
use super::super::secrets::{SecretError, kept, random_word};

/// The bucket that holds every object.
const BUCKET: &str = "computetower";

/// Requests are signed for some region; this server knows of none.
const REGION: &str = "us-east-1";

/// The pause after a connection that could not be taken, when files have run out.
const PAUSE: Duration = Duration::from_millis(100);

/// Why the private S3 does not run.
#[derive(Debug, Error)]
pub enum S3Error {
    /// Its folder could not be made, or its address not taken.
    #[error("serve S3 from {path}")]
    Serve {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Its keys could not be kept.
    #[error("keep the private S3's keys")]
    Keys(#[from] SecretError),
    /// The folder cannot be served.
    #[error("serve S3 from {path}: {said}")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the server said.
        said: String,
    },
}

/// A running server; it ends when this is dropped.
#[derive(Debug)]
pub struct S3Server {
    /// How to reach it.
    pub settings: S3Settings,
    _tasks: JoinSet<()>,
}

/// Serves the data folder's objects.
pub(in super::super) async fn start(data: &DataDir) -> Result<S3Server, S3Error> {
    let path = data.root().join("s3");
    let serve = |source| S3Error::Serve {
        path: path.clone(),
        source,
    };
    let folder = data.service_folder("s3", None).map_err(serve)?;
    let access_key_id = kept(&data.secret("s3.access_key_id"), random_word)?;
    let secret_access_key = kept(&data.secret("s3.secret_access_key"), random_word)?;
    serve_folder(folder, access_key_id, secret_access_key).await
}

/// Serves a folder that holds the bucket's folder, to requests signed with these keys.
///
/// # Errors
/// When the folder cannot be read or no port is free.
pub async fn serve_folder(
    folder: PathBuf,
    access_key_id: String,
    secret_access_key: String,
) -> Result<S3Server, S3Error> {
    let serve = |source| S3Error::Serve {
        path: folder.clone(),
        source,
    };
    std::fs::create_dir_all(folder.join(BUCKET)).map_err(serve)?;
    let files = FileSystem::new(&folder).map_err(|error| S3Error::Folder {
        path: folder.clone(),
        said: format!("{error:?}"),
    })?;
    let mut service = S3ServiceBuilder::new(files);
    service.set_auth(SimpleAuth::from_single(
        access_key_id.clone(),
        secret_access_key.clone(),
    ));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .map_err(serve)?;
    let endpoint = format!("http://{}", listener.local_addr().map_err(serve)?);
    let mut tasks = JoinSet::new();
    tasks.spawn(accept(listener, service.build()));
    Ok(S3Server {
        settings: S3Settings {
            endpoint: Some(endpoint),
            bucket: BUCKET.to_owned(),
            region: REGION.to_owned(),
            access_key_id,
            secret_access_key,
        },
        _tasks: tasks,
    })
}

async fn accept(listener: TcpListener, service: S3Service) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            taken = listener.accept() => match taken {
                Ok((stream, _)) => {
                    let service = service.clone();
                    connections.spawn(async move {
                        let served = Builder::new(TokioExecutor::new())
                            .serve_connection(TokioIo::new(stream), service)
                            .await;
                        if let Err(error) = served {
                            tracing::debug!(%error, "an S3 connection ended early");
                        }
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "an S3 connection could not be taken");
                    tokio::time::sleep(PAUSE).await;
                }
            },
            // Finished connections are forgotten as they end.
            Some(_) = connections.join_next() => {}
        }
    }
}
