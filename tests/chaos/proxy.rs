//! A TCP proxy between one process and one service: connections through it can be cut, refused, or kept waiting.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What happens to bytes and connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Pass,
    /// Connections end, and new ones end at once. The port itself stays taken, so what a client sees is a reset and not a refusal by the kernel.
    Refuse,
    /// Nothing passes, nothing ends.
    Hold,
}

#[derive(Clone, Copy, Debug)]
struct State {
    mode: Mode,
    cuts: u64,
}

/// The proxy. Its connections end when it is dropped.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    state: Arc<watch::Sender<State>>,
    task: tokio::task::JoinHandle<()>,
}

impl Proxy {
    /// A proxy in front of a port of this machine.
    pub(crate) async fn start(upstream: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (state, told) = watch::channel(State {
            mode: Mode::Pass,
            cuts: 0,
        });
        let task = tokio::spawn(async move {
            loop {
                match listener.accept().await {
                    Ok((client, _)) => drop(tokio::spawn(serve(client, upstream, told.clone()))),
                    // Out of files, for a moment.
                    Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                }
            }
        });
        Self {
            port,
            state: Arc::new(state),
            task,
        }
    }

    pub(crate) fn set(&self, mode: Mode) {
        self.state.send_modify(|state| state.mode = mode);
    }

    /// Ends every connection that there is.
    pub(crate) fn cut(&self) {
        self.state.send_modify(|state| state.cuts += 1);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
        self.cut();
    }
}

async fn serve(client: TcpStream, upstream: u16, mut told: watch::Receiver<State>) {
    // Data that was not read makes the kernel send a reset when the socket is dropped; either way the other side sees the end.
    let cuts = told.borrow().cuts;
    let ends = told.clone();
    let relayed = async move {
        if told.wait_for(|now| now.mode != Mode::Hold).await.is_err() {
            return;
        }
        let Ok(server) = TcpStream::connect(("127.0.0.1", upstream)).await else {
            return;
        };
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        let ((from_client, to_client), (from_server, to_server)) =
            (client.into_split(), server.into_split());
        tokio::select! {
            () = one_way(from_client, to_server, told.clone()) => {}
            () = one_way(from_server, to_client, told) => {}
        }
    };
    let mut ends = ends;
    tokio::select! {
        () = relayed => {}
        _ = ends.wait_for(|now| now.cuts != cuts || now.mode == Mode::Refuse) => {}
    }
}

/// Passes bytes on until one side ends; then the whole connection does.
async fn one_way(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut told: watch::Receiver<State>,
) {
    let mut bytes = vec![0_u8; 64 * 1024];
    loop {
        let Ok(count @ 1..) = from.read(&mut bytes).await else {
            return;
        };
        if told.wait_for(|now| now.mode != Mode::Hold).await.is_err()
            || to.write_all(&bytes[..count]).await.is_err()
        {
            return;
        }
    }
}
