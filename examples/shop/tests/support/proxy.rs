//! A TCP proxy before PostgreSQL that watches for COMMIT and, when armed, breaks the connection at exactly that message.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

/// COMMIT as a simple query on the wire: type, length 11, text, zero.
const COMMIT: &[u8] = b"Q\0\0\0\x0bCOMMIT\0";

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// The server never sees the COMMIT.
    BeforeCommit,
    /// The server commits, its answer never reaches the shop.
    AfterCommit,
}

type Armed = Option<(Cut, oneshot::Sender<oneshot::Sender<()>>)>;

#[derive(Clone)]
pub struct Proxy {
    pub port: u16,
    armed: Arc<Mutex<Armed>>,
    silenced: Arc<AtomicU64>,
}

impl Proxy {
    pub async fn start(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let armed: Arc<Mutex<Armed>> = Arc::default();
        let silenced: Arc<AtomicU64> = Arc::default();
        let (shared, silence) = (Arc::clone(&armed), Arc::clone(&silenced));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(relay(client, server, Arc::clone(&shared), Arc::clone(&silence)));
            }
        });
        Self { port, armed, silenced }
    }

    /// Every connection of now stays open and says nothing more, as with a peer whose node is lost; new ones work.
    pub fn silence(&self) {
        self.silenced.fetch_add(1, Ordering::SeqCst);
    }

    pub fn url(&self) -> String {
        format!("postgresql://app@127.0.0.1:{}/app", self.port)
    }

    /// At the next COMMIT the receiver gets the handle that cuts the connection; until then the connection stands still.
    pub fn arm(&self, cut: Cut) -> oneshot::Receiver<oneshot::Sender<()>> {
        let (reached, at) = oneshot::channel();
        *self.armed.lock().unwrap() = Some((cut, reached));
        at
    }
}

async fn relay(mut client: TcpStream, server: u16, armed: Arc<Mutex<Armed>>, silenced: Arc<AtomicU64>) {
    let Ok(mut server) = TcpStream::connect(("127.0.0.1", server)).await else { return };
    let born = silenced.load(Ordering::SeqCst);
    let (mut up, mut down) = (vec![0; 16384], vec![0; 16384]);
    loop {
        tokio::select! {
            read = client.read(&mut up) => {
                let Ok(read @ 1..) = read else { return };
                if silenced.load(Ordering::SeqCst) != born {
                    continue;
                }
                let message = &up[..read];
                let commit = message.windows(COMMIT.len()).any(|window| window == COMMIT);
                let trap = if commit { armed.lock().unwrap().take() } else { None };
                if let Some((cut, reached)) = trap {
                    if cut == Cut::AfterCommit {
                        server.write_all(message).await.unwrap();
                        // The answer to COMMIT has arrived here, so the server has committed; it goes no further.
                        assert!(server.read(&mut down).await.unwrap() > 0);
                    }
                    let (go, gone) = oneshot::channel();
                    reached.send(go).unwrap();
                    let _cut_now = gone.await;
                    return;
                }
                if server.write_all(message).await.is_err() { return }
            }
            read = server.read(&mut down) => {
                let Ok(read @ 1..) = read else { return };
                if client.write_all(&down[..read]).await.is_err() { return }
            }
        }
    }
}
